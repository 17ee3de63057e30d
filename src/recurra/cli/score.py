"""`recurra score`: how well a model predicts a text, and what its own text is worth."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from recurra.cli import console
from recurra.cli.flags import build, options_from
from recurra.cli.watch import Watch
from recurra.core.errors import ConfigError
from recurra.core.sampling import SamplingOptions
from recurra.engines import EngineOptions
from recurra.formats import documents
from recurra.insight.dynamic import DynamicOptions

if TYPE_CHECKING:
    from recurra.tasks.text.model import Model
    from recurra.tasks.text.passages import Passage
    from recurra.tasks.text.score import Score

COARSE = ("bfloat16", "int8")
"""Precisions whose cost is measured and told."""

LARGE = 20_000_000
"""Characters beyond which xz, at a second a megabyte, is not run unless it is asked for."""


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--brief", is_flag=True,
    help="Only the score: no calibration, no losses by kind and position, no Kneser-Ney model.",
)  # fmt: skip
@click.option(
    "--beside", metavar="MODEL2", multiple=True,
    help="Score this model on the same text too. May be given several times.",
)  # fmt: skip
@click.option(
    "--dynamic", is_flag=True,
    help="Score with dynamic evaluation too: weights adapt as the text goes by (slow).",
)  # fmt: skip
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="IMAGE",
    help="Draw the reliability diagram into this file (.png, .svg or .pdf).",
)  # fmt: skip
@click.option(
    "--copies", is_flag=True,
    help="Instead of scoring FILE, show what it has word for word from the model's own text.",
)  # fmt: skip
@click.option(
    "--generated", type=click.IntRange(min=1), metavar="N",
    help="Instead of scoring a text, write N samples and judge them beside human text.",
)  # fmt: skip
@click.option(
    "--length", type=click.IntRange(min=1), default=1000, metavar="N", show_default=True,
    help="Characters of each sample that is judged.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, metavar="N", show_default=True,
    help="Seed of the samples that are judged.",
)  # fmt: skip
@click.option(
    "--minimum", type=click.IntRange(min=1), default=20, metavar="N", show_default=True,
    help="Characters from which on what stands in the model's own text is a copy.",
)  # fmt: skip
@options_from(SamplingOptions)
@click.option(
    "--unknown", type=click.Choice(["refuse", "replace"]), default=None,
    help="What happens to characters outside the vocabulary; as the model was trained where "
    "nothing is said.",
)  # fmt: skip
@click.option(
    "--xz/--no-xz", default=None,
    help="Whether to compress the text with xz -9e too (by default up to 20 million characters).",
)  # fmt: skip
@click.option(
    "--streams", type=click.IntRange(min=0), default=0, metavar="N", show_default=True,
    help="Read the text as N parts side by side and join them; 0 takes as many as pay. Only the "
    "speed depends on it.",
)  # fmt: skip
@options_from(DynamicOptions, EngineOptions)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def score(
    model: str,
    files: tuple[str, ...],
    generated: int | None,
    copies: bool,
    length: int,
    seed: int,
    minimum: int,
    as_json: bool,
    **flags: Any,
) -> None:
    """Measure how well MODEL predicts the text of FILE, or of its own held-out test split.

    The text is read as one stream and the state is carried from its first character to its last.
    Without FILE the corpus that the model was trained on has to be where it was. With --generated
    the model's own text is judged instead, and with --copies what FILE has copied.

    \b
    Example:
      recurra score runs/first novel.txt
      recurra score runs/first --generated 20 --temperature 0.8
    """
    from recurra.cli.judgement import print_copies, print_judgement
    from recurra.tasks.text.model import Model
    from recurra.tasks.text.passages import read_files

    engine = build(EngineOptions, flags)
    if generated is not None and (files or copies):
        raise ConfigError(
            "--generated judges the model's own text; leave out FILE and --copies.", "generated"
        )
    if copies and not files:
        raise ConfigError("--copies looks for copies in FILE; name one.", "copies")
    loaded = Model.load(model, **engine.model_dump())
    if generated is not None:
        with Watch("looking for copies") as watch:
            judged = loaded.judge(
                generated, length=length, seed=seed, sampling=build(SamplingOptions, flags),
                minimum=minimum, progress=watch,
            )  # fmt: skip
        if as_json:
            _print_json({"model": str(loaded.path)} | judged.facts())
        else:
            print_judgement(judged)
    elif copies:
        text = read_files(files, loaded.text_options)
        with Watch("looking for copies") as watch:
            copied = loaded.copies(text, minimum=minimum, progress=watch)
        if as_json:
            _print_json({"model": str(loaded.path), "files": list(files)} | copied.facts())
        else:
            print_copies(copied, whole=True)
    else:
        _score(loaded, files, engine, as_json, flags)


def _score(
    loaded: Model,
    files: tuple[str, ...],
    engine: EngineOptions,
    as_json: bool,
    flags: dict[str, Any],
) -> None:
    from recurra.tasks.text.model import Model

    passage = loaded.passage(files, unknown=flags["unknown"])
    wants_xz = flags["xz"]
    if wants_xz is None:
        wants_xz = passage.characters <= LARGE
    dynamic = build(DynamicOptions, flags) if flags["dynamic"] else None
    began = time.perf_counter()
    with Watch("reading") as watch:
        found = loaded.score(
            passage, xz=wants_xz, detail=not flags["brief"], dynamic=dynamic,
            streams=flags["streams"], progress=watch,
        )  # fmt: skip
    seconds = time.perf_counter() - began
    others = {}
    for name in flags["beside"]:
        other = Model.load(name, **engine.model_dump())
        same = _same_text(other, passage, flags["unknown"])
        with Watch(f"reading, {name}") as watch:
            others[name] = other.score(same, xz=False, streams=flags["streams"], progress=watch)
    if engine.precision in COARSE:
        exact = Model.load(str(loaded.path), **engine.replace(precision="float32").model_dump())
        with Watch("reading in float32") as watch:
            others["in float32"] = exact.score(
                passage, xz=False, streams=flags["streams"], progress=watch
            )
    if flags["plot"] is not None and found.calibration is not None:
        from recurra.insight.calibration import plot

        plot(found.calibration, flags["plot"])
        console.err().print(f"drawn       {flags['plot']}")
    if as_json:
        facts = {"model": str(loaded.path), "text": passage.name} | found.facts()
        if others:
            facts["beside"] = {name: other.facts() for name, other in others.items()}
        _print_json(facts)
        return
    show(found, passage.name, seconds, others)
    if engine.precision in COARSE:
        cost = found.nats_per_token - others["in float32"].nats_per_token
        unit = found.unit
        console.out().print(f"precision   {engine.precision} costs {cost:.5f} nats a {unit}")
    if found.detail is not None and not flags["brief"]:
        show_detail(found)


def _same_text(
    model: Model, passage: Passage, unknown: Literal["refuse", "replace"] | None
) -> Passage:
    """Return a passage in the tokens of another model."""
    from recurra.tasks.text.passages import passage_of

    text = passage.data.decode("utf-8", "replace")
    return passage_of(text, model.vocabulary, unknown=unknown, name=passage.name)


def _print_json(facts: dict[str, Any]) -> None:
    click.echo(documents.dump(facts, indent=1).decode())


def show(found: Score, name: str, seconds: float, others: dict[str, Score] | None = None) -> None:
    """Print a score as a table on standard output, with other models' beside it."""
    text = f"{name}   {console.quantity(found.characters, 'character')}"
    if found.unit != "character":
        text += f", {console.quantity(found.tokens, found.unit)}"
    text += f", {found.method}"
    if found.unknown:
        text += f", {console.quantity(found.unknown, 'token')} unknown"
    out = console.out()
    out.print(f"text        {text}")
    characters = found.unit == "character"
    unit = found.unit[:4] if characters else found.unit
    columns: list[str | tuple[str, Literal["right"]]] = ["", ("bits/char", "right")]
    columns += [("95 % interval", "right"), (f"nats/{unit}", "right"), ("perplexity", "right")]
    columns += [("accuracy", "right"), ("mean posterior", "right")]
    rows: list[list[object]] = [_row("model", found)]
    rows += [_row(called, other) for called, other in (others or {}).items()]
    detail = found.detail
    if detail is not None and detail.dynamic_bits is not None:
        rows.append(["model, dynamic", f"{detail.dynamic_bits:.4f}"])
    if detail is not None and detail.kneser_ney_bits is not None:
        rows.append([f"Kneser-Ney {detail.kneser_ney_order}", f"{detail.kneser_ney_bits:.4f}"])
    if found.xz_bits_per_char is not None:
        rows.append(["xz -9e", f"{found.xz_bits_per_char:.4f}"])
    rows.append(["uniform", f"{found.uniform_bits_per_char:.4f}"])
    out.print(console.table(columns, [row + [None] * (len(columns) - len(row)) for row in rows]))
    if found.unit == "word":
        out.print(
            f"a word      {found.nats_per_word:.4f} nats, perplexity {found.word_perplexity:,.1f} "
            f"({console.quantity(found.words, 'word')} between white space)"
        )
    console.err().print(
        f"read        {console.duration(seconds)}, {found.tokens / max(1e-9, seconds):,.0f} "
        f"{found.unit}s a second"
    )


def _row(name: str, found: Score) -> list[object]:
    low, high = found.interval or (float("nan"), float("nan"))
    return [
        name,
        f"{found.bits_per_char:.4f}",
        f"{low:.4f}-{high:.4f}",
        f"{found.nats_per_token:.4f}",
        f"{found.perplexity:,.3f}",
        f"{found.accuracy:.2%}",
        f"{found.mean_posterior:.4f}",
    ]


def show_detail(found: Score) -> None:
    """Print calibration and the losses by kind and position."""
    out = console.out()
    calibration, detail = found.calibration, found.detail
    if calibration is not None:
        out.print()
        out.print(f"calibration   expected error {calibration.error:.2%}; ┃ is how sure it was")
        out.print(calibration.diagram())
    if detail is None:
        return
    unit = "char" if found.unit == "character" else found.unit
    count: tuple[str, Literal["right"]] = (f"{found.unit}s", "right")
    for title, parts, told in (
        ("by kind", detail.kinds, ""),
        ("by position", detail.positions, f"after the state zero, from {detail.positions_from}"),
    ):
        if not parts:
            continue
        out.print()
        rows = [[p.name, console.count(p.tokens), f"{p.nats:.4f}"] for p in parts]
        out.print(console.table([title, count, (f"nats/{unit}", "right")], rows))
        if told:
            out.print(told)
    for note in detail.notes:
        console.err().print(note)
