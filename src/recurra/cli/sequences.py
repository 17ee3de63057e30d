"""`recurra sequences`: whole numbers, and which one comes next."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from recurra.cli import console
from recurra.cli.flags import collect, options_from
from recurra.core.errors import ConfigError
from recurra.tasks.series.numbers.task import CLASSES, DEFAULTS


@click.group()
def sequences() -> None:
    """Learn families of number sequences, and ask what comes next.

    \b
    Example:
      recurra sequences train --run runs/numbers
      recurra sequences ask runs/numbers 6 7 8
    """


@sequences.command("train")
@click.argument("file", required=False, metavar="[FILE]")
@click.option(
    "--run", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder of the run; left out, a new one under runs/.",
)  # fmt: skip
@options_from(*CLASSES.values(), defaults=DEFAULTS)
@click.option("--overwrite", is_flag=True, help="Delete the run that is in the folder first.")
def train(file: str | None, run: Path | None, overwrite: bool, **flags: Any) -> None:
    """Learn families of sequences, and those in FILE (one a line) where it is given.

    \b
    Examples:
      recurra sequences train --seconds 300
      recurra sequences train mine.txt --families arithmetic,geometric --digits 5
    """
    from recurra.cli.progress import ProgressListener, conclude
    from recurra.core.parameters import parameter_count
    from recurra.learning.run_folder import RunFolder
    from recurra.tasks.series.numbers.training import prepare

    values: dict[str, Any] = {}
    for kind in CLASSES.values():
        values |= collect(kind, flags)
    values |= values.pop("cell", {})
    training = prepare(file, values)
    task, err = training.task, console.err()
    err.print(f"families    {', '.join(task.options.families)}; below {task.options.most:,}")
    if task.own:
        err.print(f"{task.source:<11} {console.quantity(len(task.own), 'sequence')}")
    err.print(
        f"model       LSTM {', '.join(map(str, task.spec.stack.sizes))}, "
        f"{console.quantity(parameter_count(task.spec), 'parameter')}"
    )
    err.print(f"engine      {training.engine.describe()}")
    document = training.describe()
    if run is None:
        folder = RunFolder.create_new("runs", "numbers", document)
    else:
        folder = RunFolder.create(run, document, replace=overwrite)
    with folder:
        err.print(f"run         {folder.path}")
        with ProgressListener() as shown:
            outcome = training.run(folder, [shown])
    conclude(outcome, folder.path, f"recurra sequences ask {folder.path} 6 7 8")


@sequences.command(context_settings={"ignore_unknown_options": True})
@click.argument("model")
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
@click.option("--count", default=5, show_default=True, help="Answers to show.")
@click.option("--terms", default=1, show_default=True, help="Terms to go on for.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ask(model: str, numbers: tuple[str, ...], count: int, terms: int, as_json: bool) -> None:
    """Say what comes after some numbers, how sure the model is, and what it looked at.

    \b
    Examples:
      recurra sequences ask runs/numbers 2 4 8
      recurra sequences ask runs/numbers 1,1,2,3,5 --terms 4
    """
    from recurra.tasks.series.numbers.model import NumberModel

    cells = [cell for text in numbers for cell in re.split(r"[,;\s]+", text) if cell]
    bad = next((cell for cell in cells if not re.fullmatch(r"[+-]?\d{1,18}", cell)), None)
    if bad is not None:
        raise ConfigError(f"{bad[:40]!r} is no whole number.")
    known = NumberModel.load(model)
    question = [int(cell) for cell in cells]
    found = known.ask(question, count=count)
    more = known.continue_(question, terms) if terms > 1 else []
    if as_json:
        facts = {
            "question": found.question,
            "answers": [{"number": a.number, "probability": a.probability} for a in found.answers],
            "weights": found.weights,
            "notes": found.notes,
            "terms": [a.number for a in more],
        }
        click.echo(json.dumps(facts, indent=2))
        return
    heads: list[Any] = [("next", "right"), ("probability", "right")]
    rows = [[f"{a.number:,}", f"{a.probability:.1%}"] for a in found.answers]
    out = console.out()
    out.print(console.table(heads, rows))
    if more:
        out.print(f"goes on     {', '.join(f'{a.number}' for a in more)}")
    shares = ", ".join(f"{n} {w:.0%}" for n, w in zip(found.question, found.weights, strict=True))
    out.print(f"looked at   {shares}")
    for note in found.notes:
        console.err().print(f"note        {note}")


@sequences.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(model: str, as_json: bool) -> None:
    """Measure exact next terms, on members of the families that were held out.

    The term asked for is the first one that those before it determine.

    \b
    Example:
      recurra sequences evaluate runs/numbers
    """
    from recurra.tasks.series.numbers.model import NumberModel

    known = NumberModel.load(model)
    inside, outside = known.measure(), known.measure(outside=True)
    if as_json:
        facts = {name: {"inside": inside[name], "outside": outside[name]} for name in inside}
        click.echo(json.dumps(facts, indent=2))
        return
    most = known.options.most
    heads: list[Any] = [
        "family", (f"exact below {most:,}", "right"), ("beyond", "right"),
    ]  # fmt: skip
    rows = [[name, f"{inside[name][0]:.1%}", f"{outside[name][0]:.1%}"] for name in inside]
    console.out().print(console.table(heads, rows))
