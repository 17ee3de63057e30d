"""Every setting of a text training in one place, found by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recurra.core.errors import ConfigError
from recurra.core.options import Options, knob
from recurra.core.spec import Cell, Embedding, OneHot, Softmax, Spec, Stack
from recurra.engines import EngineOptions
from recurra.engines.base import OptimiserOptions
from recurra.learning.options import TrainOptions, WindowOptions
from recurra.learning.settings import sorted_in
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.presets import DEFAULT, PRESETS, Preset

WIDE = 512
"""A vocabulary of more tokens than this gets an embedding as wide as the first layer."""


class TextModelOptions(Options):
    """What the network reads and how it predicts, beside its layers."""

    embedding: int | None = knob(
        None, "numbers that stand for a token; 0 is one-hot; automatic: 64, or the width of the "
        "first layer for vocabularies beyond 512 tokens, or of the last where tied",
        low=0, high=65536,
    )  # fmt: skip
    tied: bool = knob(
        False, "the softmax shares the embedding's table (Press and Wolf 2017)", advanced=True
    )

    def spec(self, stack: Stack, vocabulary_size: int) -> Spec:
        """Return the network. Raises `ConfigError` where tied and the widths disagree."""
        width = self.embedding
        if width is None:
            width = stack.sizes[0] if vocabulary_size > WIDE else 64
            width = stack.sizes[-1] if self.tied else width
        return Spec(
            input=Embedding(vocabulary_size=vocabulary_size, size=width)
            if width
            else OneHot(vocabulary_size=vocabulary_size),
            stack=stack,
            head=Softmax(vocabulary_size=vocabulary_size, tied=self.tied),
        )


class SampleOptions(Options):
    """What the samples look like that are shown while it trains."""

    sample_temperatures: tuple[float, ...] = knob(
        (0.5, 1.0), "temperatures of the samples, one sample each", advanced=True
    )
    sample_length: int = knob(
        300, "length of a sample", low=1, high=100_000, unit="tokens", advanced=True
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """The option classes of one text training."""

    text: TextOptions
    model: TextModelOptions
    stack: Stack
    windows: WindowOptions
    train: TrainOptions
    optimiser: OptimiserOptions
    samples: SampleOptions
    engine: EngineOptions

    def spec(self, vocabulary_size: int) -> Spec:
        """Return the network for a vocabulary."""
        return self.model.spec(self.stack, vocabulary_size)

    def to_json(self) -> dict[str, Any]:
        """Return every setting, class by class, as JSON data."""
        return {name: getattr(self, name).model_dump(mode="json") for name in CLASSES}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        """Build from what `to_json` gave; raises `ConfigError` naming the field."""
        return cls(**{name: kind.parse(data.get(name, {})) for name, kind in CLASSES.items()})


CLASSES: dict[str, Any] = {
    "text": TextOptions,
    "model": TextModelOptions,
    "stack": Stack,
    "windows": WindowOptions,
    "train": TrainOptions,
    "optimiser": OptimiserOptions,
    "samples": SampleOptions,
    "engine": EngineOptions,
}
"""Option classes of a text training, under the names of `Settings`. No two share a setting."""


def gather(values: Mapping[str, Any], preset: str | Preset | None = None) -> Settings:
    """Sort settings by name into their classes, over those of the preset.

    Args:
        values: settings by name, those of the cell among them ("peephole"); None is a value.
        preset: a name in `PRESETS`, a preset, or None for the default one. Its budget counts only
            where `values` has none.
    Raises:
        ConfigError: a name that no class has, an unknown preset, or a value that cannot be.
    """
    return Settings(**sorted_in(CLASSES, values, find_preset(preset).values, "a text training"))


def find_preset(preset: str | Preset | None) -> Preset:
    """Return a preset by name, itself, or the default. Raises `ConfigError` for a wrong name."""
    if isinstance(preset, Preset):
        return preset
    name = DEFAULT if preset is None else preset
    if name not in PRESETS:
        raise ConfigError(
            f"preset is {name!r}, but the presets are {', '.join(PRESETS)}.", "preset"
        )
    return PRESETS[name]


def names() -> list[str]:
    """Return the name of every setting."""
    every = [name for kind in CLASSES.values() for name in kind.model_fields if name != "cell"]
    return [*every, *Cell.model_fields]
