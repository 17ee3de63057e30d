"""Text: characters, bytes, words or subwords, learned from a corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from recurra.core.errors import FormatError
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Cell
from recurra.formats.sources import Document
from recurra.studio.kinds.base import Example, Group, LearnsFrom, PublicSet, Settings, Training
from recurra.studio.schema import Preset
from recurra.tasks.text.generate import GenerateOptions
from recurra.tasks.text.presets import PRESETS
from recurra.tasks.text.settings import CLASSES, gather


def learns_from() -> LearnsFrom:
    """Return what a training is given."""
    return "a corpus"


def examples() -> tuple[Example, ...]:
    """Return data to begin with."""
    return ()


def public() -> tuple[PublicSet, ...]:
    """Return nothing: public texts are corpora."""
    return ()


def groups() -> tuple[Group, ...]:
    """Return the option classes of a text training and of writing."""
    # One group may hold several classes; "Cell" is a setting of the stack, shown by its own.
    return (
        Group("text", "Text", (CLASSES["text"],)),
        Group("network", "Network", (CLASSES["stack"], CLASSES["model"], Cell)),
        Group("training", "Training", (CLASSES["windows"], CLASSES["train"])),
        Group("optimiser", "Optimiser", (CLASSES["optimiser"],)),
        Group("samples", "Samples on the way", (CLASSES["samples"],)),
        Group("engine", "Engine", (CLASSES["engine"],)),
        Group("sampling", "Writing", (GenerateOptions, SamplingOptions)),
    )


def defaults() -> Settings:
    """Return nothing: a preset is always underneath."""
    return {}


def presets() -> list[Preset]:
    """Return the named sets of settings of a text training."""
    return [
        Preset(
            name=name,
            about=preset.about,
            values=_plain(preset.values),
            parameters=preset.parameters(),
        )
        for name, preset in PRESETS.items()
    ]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def check(file: Path) -> dict[str, Any]:
    """Refuse: texts are corpora."""
    raise FormatError("a text is brought as a corpus; the Corpus screen takes it.")


def survey(files: Sequence[Path], options: Settings) -> dict[str, Any]:
    """Refuse: texts are corpora."""
    return check(files[0])


def budgeted(options: Settings, preset: str | None) -> bool:
    """Whether settings have a budget. Raises `ConfigError` for a setting that cannot be."""
    return gather(options, preset).train.budget is not None


def prepare(inputs: Sequence[str], name: str, options: Settings, preset: str | None) -> Training:
    """Read a text and build the network."""
    from recurra.tasks.text.training import prepare as ready

    # A person's own text goes by its name in the model file, not by where the studio keeps it.
    named: list[Any] = (
        list(inputs)
        if inputs[0].startswith("data:")
        else [Document.of_file(path, name) for path in inputs]
    )
    return replace(ready(named, options, preset=preset), inputs=list(inputs))


def finish(training: Training, outcome: Any, folder: Path) -> None:
    """Nothing is left to do."""


def load(file: Path) -> Any:
    """Return a model of text."""
    from recurra.tasks.text.model import Model

    return Model.load(file)
