"""`recurra classify`: series with a class each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.cli import console
from recurra.cli.flags import collect, options_from
from recurra.tasks.series.labels.task import CLASSES, DEFAULTS

if TYPE_CHECKING:
    from recurra.formats.labelled import Labelled
    from recurra.tasks.series.labels.model import Classifier


@click.group()
def classify() -> None:
    """Learn which class series belong to: heart beats, gestures, spoken vowels.

    \b
    Example:
      recurra classify train GunPoint_TRAIN.ts --run runs/gunpoint
      recurra classify evaluate runs/gunpoint GunPoint_TEST.ts --confusion confusion.png
    """


@classify.command("train")
@click.argument("file", metavar="FILE")
@click.option(
    "--run", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder of the run; left out, a new one under runs/, named after the file.",
)  # fmt: skip
@options_from(*CLASSES.values(), defaults=DEFAULTS)
@click.option("--overwrite", is_flag=True, help="Delete the run that is in the folder first.")
def train(file: str, run: Path | None, overwrite: bool, **flags: Any) -> None:
    """Learn the labelled series in FILE.

    FILE is a .ts file of the UCR and UEA archives, a table with a row a series and its class in the
    first or the last column, or the name of a public set (`recurra data list`).

    \b
    Examples:
      recurra classify train gunpoint
      recurra classify train JapaneseVowels_TRAIN.ts
      recurra classify train beats.csv --label kind --steps 2000 --validation 0.2
    """
    from recurra.cli.progress import ProgressListener, conclude
    from recurra.core.parameters import parameter_count
    from recurra.datasets.catalogue import PREFIX
    from recurra.learning.run_folder import RunFolder
    from recurra.tasks.series.labels.training import prepare

    values: dict[str, Any] = {}
    for kind in CLASSES.values():
        values |= collect(kind, flags)
    values |= values.pop("cell", {})
    training = prepare(file, values)
    task, err = training.task, console.err()
    lengths = sorted({len(one) for one in task.data.series})
    span = f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"
    err.print(
        f"{Path(file).name:<11} {console.quantity(len(task.data.series), 'series', 'series')} of "
        f"{span} values, {console.quantity(task.data.channels, 'channel')}, "
        f"{console.quantity(len(task.reading.classes), 'class', 'classes')}"
    )
    err.print(
        f"model       LSTM {', '.join(map(str, task.spec.stack.sizes))}, "
        f"{console.quantity(task.reading.patch, 'value')} a step, "
        f"{console.quantity(parameter_count(task.spec), 'parameter')}"
    )
    err.print(f"engine      {training.engine.describe()}")
    document = training.describe()
    if run is None:
        name = Path(file).name.removeprefix(PREFIX).partition(".")[0]
        folder = RunFolder.create_new("runs", name, document)
    else:
        folder = RunFolder.create(run, document, replace=overwrite)
    with folder:
        err.print(f"run         {folder.path}")
        with ProgressListener() as shown:
            outcome = training.run(folder, [shown])
    conclude(outcome, folder.path, f"recurra classify evaluate {folder.path} TEST.ts")


@classify.command()
@click.argument("model")
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--saliency", type=click.Path(path_type=Path), metavar="PNG",
    help="Draw the first six series, shaded where the class was decided.",
)  # fmt: skip
def predict(model: str, file: str, as_json: bool, saliency: Path | None) -> None:
    """Say which class each series in FILE belongs to, and how sure that is.

    \b
    Example:
      recurra classify predict runs/gunpoint new.ts
    """
    from recurra.tasks.series.labels.model import Classifier
    from recurra.tasks.series.labels.render import plot_saliency

    known = Classifier.load(model)
    data = _data(known, file)
    shares = known.probabilities(data.series)
    best = shares.argmax(axis=1)
    if as_json:
        facts = [
            {"class": known.classes[n], "probabilities": dict(zip(known.classes, row, strict=True))}
            for n, row in zip(best.tolist(), shares.tolist(), strict=True)
        ]
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo("row,class,probability")
        for row, n in enumerate(best, 1):
            click.echo(f"{row},{known.classes[n]},{shares[row - 1, n]:.4f}")
    if saliency is not None:
        shown = list(data.series[:6])
        titles = [f"row {n + 1}: {known.classes[best[n]]} ({shares[n, best[n]]:.0%})"
                  for n in range(len(shown))]  # fmt: skip
        plot_saliency(saliency, shown, [known.saliency(one) for one in shown], titles)
        console.err().print(f"drawn       {saliency}")


@classify.command()
@click.argument("model")
@click.argument("file", metavar="FILE")
@click.option(
    "--confusion", type=click.Path(path_type=Path), metavar="PNG", help="Draw the confusion matrix."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(model: str, file: str, confusion: Path | None, as_json: bool) -> None:
    """Measure accuracy and F1 on the labelled series in FILE.

    \b
    Example:
      recurra classify evaluate runs/gunpoint GunPoint_TEST.ts --confusion confusion.png
    """
    from recurra.tasks.series.labels.model import Classifier
    from recurra.tasks.series.labels.render import plot_confusion

    known = Classifier.load(model)
    found = known.score(_data(known, file))
    if as_json:
        facts = {
            "accuracy": found.accuracy,
            "f1": found.f1,
            "classes": found.classes,
            "confusion": found.confusion.tolist(),
            "per_class": found.per_class,
        }
        click.echo(json.dumps(facts, indent=2))
    else:
        heads: list[Any] = ["class", *((name, "right") for name in
                            ("precision", "recall", "F1", "series"))]  # fmt: skip
        rows = [
            [name, f"{p:.1%}", f"{r:.1%}", f"{f:.3f}", f"{n:,}"]
            for name, (p, r, f, n) in zip(found.classes, found.per_class, strict=True)
        ]
        console.out().print(console.table(heads, rows))
        console.out().print(f"accuracy {found.accuracy:.2%}, mean F1 {found.f1:.3f}")
    if confusion is not None:
        plot_confusion(confusion, found, Path(file).name)
        console.err().print(f"drawn       {confusion}")


def _data(model: Classifier, file: str) -> Labelled:
    from recurra.datasets.series import resolve_series
    from recurra.formats.labelled import read_labelled

    options = model.settings.labels
    return read_labelled(resolve_series(file, "labels"), options.label, options.channels)
