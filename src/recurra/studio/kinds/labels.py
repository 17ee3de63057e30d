"""Series with a class each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recurra.core.spec import Cell
from recurra.datasets.shelves import SHELVES
from recurra.formats.labelled import read_labelled
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
from recurra.tasks.series.labels.task import CLASSES, DEFAULTS, LabelOptions


def learns_from() -> LearnsFrom:
    """Return what a training is given."""
    return "a file"


def examples() -> tuple[Example, ...]:
    """Return data to begin with."""
    return (
        Example(
            "pulses",
            "Three shapes of pulses",
            "Made up: 90 series of 40 values, each a bump, a wave or a step.",
            EXAMPLES / "pulses.csv",
        ),
    )


def public() -> tuple[PublicSet, ...]:
    """Return the registry's sets, those on this computer first."""
    return public_files(SHELVES["labels"].sets)


def groups() -> tuple[Group, ...]:
    """Return the option classes of a training."""
    return (
        Group("labels", "Classes", (CLASSES["labels"],)),
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
    """Return how many series a file holds, and of how many classes."""
    return survey([file], {})


def survey(files: Sequence[Path], options: Settings) -> dict[str, Any]:
    """Return which series and classes a file holds, read with settings of `LabelOptions`."""
    how = LabelOptions.parse(dict(options))
    data = read_labelled(files[0], how.label, how.channels)
    lengths = [len(one) for one in data.series]
    counts: dict[str, int] = {}
    for label in data.labels:
        counts[label] = counts.get(label, 0) + 1
    return {"series": len(lengths), "shortest": min(lengths), "longest": max(lengths),
            "channels": data.channels, "classes": counts}  # fmt: skip


def budgeted(options: Settings, preset: str | None) -> bool:
    """Whether settings have a budget. Raises `ConfigError` for a setting that cannot be."""
    from recurra.tasks.series.labels.training import gather

    return gather(options).train.budget is not None


def prepare(inputs: Sequence[str], name: str, options: Settings, preset: str | None) -> Training:
    """Read labelled series and build the network."""
    from recurra.tasks.series.labels.training import prepare as ready

    return ready(inputs[0], options)


def finish(training: Training, outcome: Any, folder: Path) -> None:
    """Nothing is left to do."""


def load(file: Path) -> Any:
    """Return a classifier."""
    from recurra.tasks.series.labels.model import Classifier

    return Classifier.load(file)
