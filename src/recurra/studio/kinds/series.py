"""Series of numbers, to forecast: one table, one model for all its series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recurra.core.errors import FormatError
from recurra.core.spec import Cell
from recurra.datasets.shelves import SHELVES
from recurra.formats.sources import Document
from recurra.formats.tables import MISSING, is_number, looks_dated, read_table
from recurra.studio.kinds.base import (
    EXAMPLES,
    Example,
    Group,
    LearnsFrom,
    PublicSet,
    Settings,
    Training,
    public_files,
)
from recurra.studio.schema import Preset
from recurra.tasks.series.options import ColumnOptions
from recurra.tasks.series.read import read_panel
from recurra.tasks.series.settings import CLASSES, DEFAULTS, gather

LOOKED_AT = 50
"""Cells of a column that tell what is in it."""


def learns_from() -> LearnsFrom:
    """Return what a training is given."""
    return "a file"


def examples() -> tuple[Example, ...]:
    """Return data to begin with."""
    return (
        Example(
            "visitors",
            "Visitors of four places",
            "Made up: 260 days of each, with weeks, a slow season and a trend.",
            EXAMPLES / "visitors.csv",
        ),
    )


def public() -> tuple[PublicSet, ...]:
    """Return the registry's sets, those on this computer first."""
    return public_files(SHELVES["series"].sets)


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
    """Return the columns of a table, and which of them seem to be what, where names do not say.

    Whether they are series is told by `survey`.
    """
    table = read_table(Document.of_file(file))
    if not table.rows:
        raise FormatError(f"{table.name} has no rows.")
    columns = []
    for n, cells in enumerate(table.columns):
        few = [cell for cell in cells[:LOOKED_AT] if cell.lower() not in MISSING]
        columns.append(
            {
                "name": table.title(n),
                "numeric": bool(few) and all(is_number(cell) for cell in few),
                "dated": bool(few) and looks_dated(few[0]),
            }
        )
    return {"rows": table.rows, "columns": columns, "guess": _guess(columns)}


def _guess(columns: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return settings of `ColumnOptions` for a table that is not read without."""
    dates = [str(c["name"]) for c in columns if c["dated"]]
    values = [str(c["name"]) for c in columns if c["numeric"] and not c["dated"]]
    names = [str(c["name"]) for c in columns if not c["numeric"] and not c["dated"]]
    known = ColumnOptions()
    said = {known.id_column, known.target_column} <= {str(c["name"]) for c in columns}
    if dates and values and names and not said:
        return {"id_column": names[0], "time_column": dates[0], "target_column": values[-1]}
    return {}


def survey(files: Sequence[Path], options: Settings) -> dict[str, Any]:
    """Return which series a table holds, read with settings of `ColumnOptions`."""
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
    from recurra.tasks.series.training import finished

    if outcome.reason != "interrupted":
        finished(training, outcome, folder)


def load(file: Path) -> Any:
    """Return a model that forecasts."""
    from recurra.tasks.series.model import SeriesModel

    return SeriesModel.load(file)
