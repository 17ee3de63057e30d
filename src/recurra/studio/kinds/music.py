"""Music: MIDI, ABC, MusicXML and piano rolls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from recurra.core.spec import Cell
from recurra.datasets.catalogue import PREFIX
from recurra.datasets.shelves import SHELVES
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
from recurra.tasks.music.settings import CLASSES, DEFAULT, PRESETS, gather


def learns_from() -> LearnsFrom:
    """Return what a training is given."""
    return "files"


def examples() -> tuple[Example, ...]:
    """Return data to begin with."""
    return (
        Example(
            "melodies",
            "Well-known melodies",
            "Traditional tunes and two exercises in ABC, written down for the studio: 24 pieces.",
            EXAMPLES / "melodies.abc",
        ),
    )


def public() -> tuple[PublicSet, ...]:
    """Return the sets of music that are on this computer, then those that can be brought to it."""
    return tuple(replace(one, file=None) for one in public_files(SHELVES["music"].sets))


def groups() -> tuple[Group, ...]:
    """Return the option classes of a training."""
    return (
        Group("music", "Music", (CLASSES["music"],)),
        Group("network", "Network", (CLASSES["stack"], CLASSES["model"], Cell)),
        Group("training", "Training", (CLASSES["windows"], CLASSES["train"])),
        Group("optimiser", "Optimiser", (CLASSES["optimiser"],)),
        Group("samples", "Samples on the way", (CLASSES["samples"],)),
        Group("engine", "Engine", (CLASSES["engine"],)),
    )


def defaults() -> Settings:
    """Return the settings of the default preset."""
    return PRESETS[DEFAULT][1]


def presets() -> list[Preset]:
    """Return the named sets of settings."""
    return [
        Preset(name=name, about=about, values=_plain(values), parameters=None)
        for name, (about, values) in PRESETS.items()
    ]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def check(file: Path) -> dict[str, Any]:
    """Return how many pieces a file holds."""
    return survey([file], {})


def survey(files: Sequence[Path], options: Settings) -> dict[str, Any]:
    """Return what is in files of music."""
    from recurra.tasks.music.reading import read_music

    read = read_music(list(files))
    notes = [note for report in read.files for note in (report.error, *report.notes) if note]
    return {"pieces": len(read.pieces), "kinds": sorted(read.kinds), "notes": notes[:20]}


def budgeted(options: Settings, preset: str | None) -> bool:
    """Whether settings have a budget. Raises `ConfigError` for a setting that cannot be."""
    return gather(options, preset).train.budget is not None


def prepare(inputs: Sequence[str], name: str, options: Settings, preset: str | None) -> Training:
    """Read music and build the network."""
    from recurra.tasks.music.training import prepare as ready

    training = ready(list(inputs), options, preset=preset)
    if not all(one.startswith(PREFIX) for one in inputs):
        # In the model file the music goes by its name, not by where the studio keeps it.
        training.task.inputs = [name]
    return training


def finish(training: Training, outcome: Any, folder: Path) -> None:
    """Nothing is left to do."""


def load(file: Path) -> Any:
    """Return a model of music."""
    from recurra.tasks.music.model import MusicModel

    return MusicModel.load(file)
