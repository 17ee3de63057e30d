"""`recurra runs` lists trainings, `recurra resume` goes on with one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from recurra.cli import console
from recurra.cli.flags import collect, options_from
from recurra.core.errors import FormatError
from recurra.engines import EngineOptions
from recurra.engines.base import OptimiserOptions
from recurra.formats import documents
from recurra.learning.options import TrainOptions
from recurra.learning.survey import RunSummary, survey

FOLDER = Path("runs")
_NEW_BUDGET = ("steps", "epochs", "seconds", "learning_rate")
_KEPT = {
    *(set(TrainOptions.model_fields) - set(_NEW_BUDGET)),
    *(set(OptimiserOptions.model_fields) - {"clip_norm"}),
    *(set(EngineOptions.model_fields) - {"threads"}),
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=FOLDER, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the same facts as JSON.")
def runs(folder: Path, as_json: bool) -> None:
    """List the runs in FOLDER (default: runs), newest last.

    \b
    Example:
      recurra runs
    """
    found = survey(folder)
    if as_json:
        facts = documents.plain([summary.to_json() for summary in found])
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    if not found:
        console.err().print(f"no runs in {folder}; `recurra train FILE` makes the first one.")
        return
    now = datetime.now(UTC)
    columns: list[Any] = [
        "run", "status", ("steps", "right"), ("best loss", "right"), "loss",
        ("trained", "right"), ("age", "right"),
    ]  # fmt: skip
    rows = [_row(summary, now) for summary in found]
    console.out().print(console.table(columns, rows))
    for summary in found:
        if summary.message:
            console.err().print(f"{summary.path}: {summary.message}")


def _row(summary: RunSummary, now: datetime) -> list[str]:
    steps = f"{summary.step:,}"
    if summary.steps:
        steps += f"/{summary.steps:,}"
    elif summary.seconds:
        steps += f" ({min(summary.elapsed_s, summary.seconds):.0f}/{summary.seconds:.0f} s)"
    best = f"{summary.best_loss_nats:.3f}" if summary.best_loss_nats is not None else ""
    age = ""
    if summary.created is not None:
        age = console.duration(max(0.0, (now - summary.created).total_seconds()))
    return [
        str(summary.path),
        summary.status,
        steps,
        best,
        console.sparkline(summary.curve),
        console.duration(summary.elapsed_s),
        age,
    ]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@options_from(TrainOptions, OptimiserOptions, EngineOptions, exclude=_KEPT, show_defaults=False)
def resume(run: Path, **flags: Any) -> None:
    """Go on with RUN from its last checkpoint, or train a finished one longer.

    A budget counts from the run's start: a run that has done 2,000 steps does 1,000 more with
    --steps 3000. Without a flag the run becomes exactly the one that was never interrupted.

    \b
    Example:
      recurra resume runs/poems-0001
      recurra resume runs/poems-0001 --steps 5000
    """
    from recurra.cli.progress import ProgressListener, conclude
    from recurra.learning.resume import resume as go_on

    folder = find_run(run)
    with ProgressListener() as progress:
        outcome = go_on(folder, changes=_changes(flags), listeners=[progress])
    conclude(outcome, folder)


def _changes(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the person gave."""
    changes: dict[str, Any] = {}
    for cls in (TrainOptions, OptimiserOptions, EngineOptions):
        changes.update(collect(cls, flags, exclude=_KEPT))
    return changes


def find_run(name: Path) -> Path:
    """Return the run folder that a person means: a path, a file in it, or a name in `runs`.

    Raises: `FormatError` with the runs that there are.
    """
    for path in (name, name.parent, FOLDER / name):
        if path != Path() and (path / "run.json").is_file():
            return path
    if name == Path() and (name / "run.json").is_file():
        return name
    known = [str(summary.path) for summary in survey(FOLDER)][-3:]
    hint = f"; the newest are {', '.join(known)}." if known else "."
    raise FormatError(f"there is no run {name}{hint}")
