"""`recurra inspect`: what a model file or a run folder holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from recurra.cli import console
from recurra.core.parameters import parameter_count, parameter_shapes
from recurra.core.spec import Spec


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the whole document.")
def inspect(file: str, as_json: bool) -> None:
    """Print what FILE, a model file or a run folder, holds: network, weights, vocabulary, origin.

    \b
    Example:
      recurra inspect runs/first
    """
    from recurra.core.errors import FormatError
    from recurra.formats.model_file import read_document
    from recurra.learning import run_folder
    from recurra.learning.locate import find_model

    run = next(
        (place for place in (Path(file), Path("runs") / file) if (place / "run.json").is_file()),
        None,
    )
    standing = run_folder.read_document(run) if run is not None else None
    try:
        path: Path | None = find_model(file)
        document = read_document(path) if path is not None else {}
    except FormatError:
        if standing is None:
            raise
        path, document = None, {}
    if as_json:
        data: dict[str, Any] = {"file": None if path is None else str(path), **document}
        if document:
            spec = Spec.parse(document["spec"])
            data["parameters"] = parameter_count(spec)
            data["weights"] = {name: list(shape) for name, shape in parameter_shapes(spec).items()}
        if standing is not None:
            data["run"] = standing
        click.echo(json.dumps(data, ensure_ascii=False, indent=1))
        return
    if standing is not None:
        _print_run(str(run), standing)
    if path is not None:
        _print_model(path, document)
    elif standing is not None:
        console.out().print("model       none saved yet")


def _line(name: str, text: str) -> None:
    console.out().print(f"{name:<12}{text}")


def _print_run(path: str, standing: dict[str, Any]) -> None:
    progress = standing.get("progress") or {}
    said = [str(standing.get("status"))]
    if progress.get("step") is not None:
        said.append(f"step {progress['step']:,}")
    if progress.get("elapsed_s"):
        said.append(console.duration(progress["elapsed_s"]))
    if progress.get("best_loss_nats") is not None:
        said.append(f"best held-out loss {progress['best_loss_nats']:.4f} nats")
    _line("run", f"{path}   {', '.join(said)}")
    if standing.get("message"):
        _line("message", str(standing["message"]))


def _print_model(path: Path, document: dict[str, Any]) -> None:
    spec = Spec.parse(document["spec"])
    task, provenance = document["task"], document["provenance"]
    _line("model", f"{path}   {console.size(path.stat().st_size)}")
    _line("network", describe(spec))
    vocabulary = task.get("vocabulary") or {}
    if vocabulary:
        shown = vocabulary.get("characters")
        tail = f": {shown!r}" if isinstance(shown, str) and len(shown) <= 200 else ""
        _line("vocabulary", f"{spec.head.outputs:,} {vocabulary.get('kind')}{tail}")
    data = provenance.get("data")
    if isinstance(data, dict):
        names = data.get("inputs") or []
        said = ", ".join(map(str, names[:3])) + (", ..." if names[3:] else "")
        if data.get("characters"):
            said += f"   {data['characters']:,} characters"
        if data.get("sha256"):
            said += f", sha256 {data['sha256'][:16]}..."
        _line("data", said)
    trained = []
    if isinstance(provenance.get("steps"), int):
        trained.append(console.quantity(provenance["steps"], "step"))
    if isinstance(provenance.get("epochs"), int | float):
        trained.append(f"{provenance['epochs']:.4g} epochs")
    if trained:
        by = f"   Recurra {provenance['recurra']}" if provenance.get("recurra") else ""
        _line("trained", f"{', '.join(trained)}{by}")
    scores = provenance.get("scores")
    if isinstance(scores, dict) and scores:
        _line("scores", ", ".join(
            f"{name.replace('_', ' ')} {value:,.4g}" for name, value in scores.items()
            if isinstance(value, int | float)
        ))  # fmt: skip
    rows = [
        (name, " x ".join(f"{side:,}" for side in shape), f"{_product(shape):,}")
        for name, shape in parameter_shapes(spec).items()
    ]
    rows.append(("all", "", f"{parameter_count(spec):,}"))
    console.out().print(console.table(["weights", ("shape", "right"), ("numbers", "right")], rows))


def describe(spec: Spec) -> str:
    """Return a network in a few words: "2 layers, 256 + 256 hidden, 874,881 parameters"."""
    sizes = spec.stack.sizes
    same = len(set(sizes)) == 1
    hidden = str(sizes[0]) if same else " + ".join(map(str, sizes))
    said = [console.quantity(len(sizes), "layer"), f"{hidden} hidden"]
    flags = [name for name, value in spec.stack.cell.model_dump().items() if value is True]
    said += [flag.replace("_", " ") for flag in flags]
    if spec.input.kind == "embedding":
        said.append(f"embedding {spec.input.size}")
    said.append(f"{parameter_count(spec):,} parameters")
    return ", ".join(said)


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product
