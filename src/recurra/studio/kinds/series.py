"""Series of numbers, to forecast: one table, one model for all its series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from recurra.core.spec import Cell
from recurra.formats.sources import Document
from recurra.formats.tables import read_table
from recurra.studio.kinds.base import Example, Group, LearnsFrom, Settings, Training
from recurra.studio.schema import Preset
from recurra.tasks.series.options import ColumnOptions
from recurra.tasks.series.settings import CLASSES, DEFAULTS, gather


def learns_from() -> LearnsFrom:
    """Return what a training is given."""
    return "a file"


def examples() -> tuple[Example, ...]:
    """Return data to begin with."""
    return ()


def groups() -> tuple[Group, ...]:
    """Return the option classes of a training."""
    return (
        Group("series", "Forecast", (CLASSES["series"],)),
        Group("columns", "Columns", (CLASSES["columns"],)),
        Group("network", "Network", (CLASSES["stack"], Cell)),
        Group("training", "Training", (CLASSES["train"],)),
        Group("optimiser", "Optimiser", (CLASSES["optimiser"],)),
        Group("engine", "Engine", (CLASSES["engine"],)),
    )


def defaults() -> Settings:
    """Return what counts where nothing is set."""
    return DEFAULTS


def presets() -> list[Preset]:
    """Return nothing: there are no presets."""
    return []


def check(file: Path) -> dict[str, Any]:
    """Return the columns of a table; whether they are series is told by `survey`."""
    table = read_table(Document.of_file(file))
    return {"rows": table.rows, "columns": list(table.header or ())}


def survey(files: Sequence[Path], options: Settings) -> dict[str, Any]:
    """Return which series a table holds, read with settings of `ColumnOptions`."""
    from recurra.tasks.series.read import read_panel

    read = read_panel(files[0], ColumnOptions.parse(dict(options)))
    panel = read.panel
    return {"layout": read.layout, "series": len(panel), "values": panel.values,
            "frequency": str(panel.frequency), "notes": list(panel.notes)}  # fmt: skip


def budgeted(options: Settings, preset: str | None) -> bool:
    """Whether settings have a budget. Raises `ConfigError` for a setting that cannot be."""
    return gather(options).train.budget is not None


def prepare(inputs: Sequence[str], name: str, options: Settings, preset: str | None) -> Training:
    """Read series and build the network."""
    from recurra.tasks.series.training import prepare_file

    return prepare_file(inputs[0], options)


def finish(training: Training, outcome: Any, folder: Path) -> None:
    """Calibrate the intervals, where that is wanted."""
    from recurra.tasks.series.training import Training as SeriesTraining

    if outcome.reason != "interrupted":
        cast(SeriesTraining, training).model(outcome, folder)


def load(file: Path) -> Any:
    """Return a model that forecasts."""
    from recurra.tasks.series.model import SeriesModel

    return SeriesModel.load(file)
