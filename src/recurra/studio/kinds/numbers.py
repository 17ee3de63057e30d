"""Sequences of whole numbers: families that are drawn anew, and a person's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recurra.core.spec import Cell
from recurra.studio.kinds.base import Example, Group, LearnsFrom, PublicSet, Settings, Training
from recurra.studio.schema import Preset
from recurra.tasks.series.numbers.task import CLASSES, DEFAULTS, read_sequences


def learns_from() -> LearnsFrom:
    """Return what a training is given."""
    return "a file or nothing"


def examples() -> tuple[Example, ...]:
    """Return data to begin with."""
    return ()


def public() -> tuple[PublicSet, ...]:
    """Return nothing: there are no public sets of this kind."""
    return ()


def groups() -> tuple[Group, ...]:
    """Return the option classes of a training."""
    return (
        Group("sequences", "Sequences", (CLASSES["sequences"],)),
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
    """Return how many sequences a file has."""
    found, _ = read_sequences(str(file))
    return {"sequences": len(found), "first": [str(n) for n in found[0][:12]]}


def survey(files: Sequence[Path], options: Settings) -> dict[str, Any]:
    """Return the same as `check`: nothing about reading can be set."""
    return check(files[0])


def budgeted(options: Settings, preset: str | None) -> bool:
    """Whether settings have a budget. Raises `ConfigError` for a setting that cannot be."""
    from recurra.tasks.series.numbers.training import gather

    return gather(options).train.budget is not None


def prepare(inputs: Sequence[str], name: str, options: Settings, preset: str | None) -> Training:
    """Read sequences, if there are any, and build the network."""
    from recurra.tasks.series.numbers.training import prepare as ready

    return ready(inputs[0] if inputs else None, options)


def finish(training: Training, outcome: Any, folder: Path) -> None:
    """Nothing is left to do."""


def load(file: Path) -> Any:
    """Return a model of number sequences."""
    from recurra.tasks.series.numbers.model import NumberModel

    return NumberModel.load(file)
