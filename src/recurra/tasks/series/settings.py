"""Every setting of a forecast's training in one place, found by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recurra.core.spec import Spec, Stack, Vector
from recurra.engines import EngineOptions
from recurra.engines.base import OptimiserOptions
from recurra.learning.options import TrainOptions
from recurra.learning.settings import sorted_in
from recurra.tasks.series.options import ColumnOptions, SeriesOptions

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
    return Settings(**sorted_in(CLASSES, values, DEFAULTS, "a forecast"))
