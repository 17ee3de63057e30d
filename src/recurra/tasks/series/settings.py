"""Every setting of a forecast's training in one place, found by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recurra.core.errors import ConfigError
from recurra.core.options import Options
from recurra.core.spec import Cell, Spec, Stack, Vector
from recurra.engines import EngineOptions
from recurra.engines.base import OptimiserOptions
from recurra.learning.options import TrainOptions
from recurra.tasks.series.options import ColumnOptions, SeriesOptions

BUDGETS = ("steps", "epochs", "seconds")
DEFAULTS: dict[str, Any] = {
    "sizes": (64, 64),
    "learning_rate": 3e-3,
    "seconds": 60.0,
    "sample_every": 0,
    "weight_decay": 1e-4,
}
"""Underneath what a person gives; the budget counts only where none is given."""

CLASSES: dict[str, Any] = {
    "series": SeriesOptions,
    "columns": ColumnOptions,
    "stack": Stack,
    "train": TrainOptions,
    "optimiser": OptimiserOptions,
    "engine": EngineOptions,
}
"""Option classes of a forecast, under the names of `Settings`. No two share a setting."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The option classes of one training."""

    series: SeriesOptions
    columns: ColumnOptions
    stack: Stack
    train: TrainOptions
    optimiser: OptimiserOptions
    engine: EngineOptions

    def spec(self, features: int) -> Spec:
        """Return the network for so many inputs."""
        return Spec(input=Vector(size=features), stack=self.stack, head=self.series.head_spec())

    def to_json(self) -> dict[str, Any]:
        """Return every setting, class by class, as JSON data."""
        return {name: getattr(self, name).model_dump(mode="json") for name in CLASSES}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        """Build from what `to_json` gave; raises `ConfigError` naming the field."""
        return cls(**{name: kind.parse(data.get(name, {})) for name, kind in CLASSES.items()})


def gather(values: Mapping[str, Any]) -> Settings:
    """Sort settings by name into their classes, over `DEFAULTS`.

    Raises: `ConfigError` for a name that no class has, or a value that cannot be.
    """
    below = dict(DEFAULTS)
    if any(values.get(budget) is not None for budget in BUDGETS):
        below = {name: value for name, value in below.items() if name not in BUDGETS}
    sorted_in: dict[str, dict[str, Any]] = {part: {} for part in CLASSES}
    cell = values.get("cell", {})
    cell = cell.model_dump() if isinstance(cell, Options) else dict(cell)
    for name, value in {**below, **values}.items():
        if name == "cell":
            continue
        if name in Cell.model_fields:
            cell[name] = value
            continue
        home = next((part for part, kind in CLASSES.items() if name in kind.model_fields), None)
        if home is None:
            raise ConfigError(_unknown(name), name)
        sorted_in[home][name] = value
    sorted_in["stack"]["cell"] = cell
    return Settings(**{part: kind.parse(sorted_in[part]) for part, kind in CLASSES.items()})


def _unknown(name: str) -> str:
    every = [name for kind in CLASSES.values() for name in kind.model_fields if name != "cell"]
    near = difflib.get_close_matches(name, [*every, *Cell.model_fields], n=1)
    return f"'{name}' is no setting of a forecast" + (
        f"; did you mean '{near[0]}'?" if near else "; the options reference lists them all."
    )
