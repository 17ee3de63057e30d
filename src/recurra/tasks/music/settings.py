"""Every setting of a training on music in one place, and the presets that lie underneath."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import model_validator

from recurra.core.errors import ConfigError
from recurra.core.options import Options, knob
from recurra.core.spec import Embedding, Softmax, Spec, Stack
from recurra.engines import EngineOptions
from recurra.engines.base import OptimiserOptions
from recurra.learning.options import TrainOptions
from recurra.learning.settings import sorted_in

VocabularyName = Literal["auto", "abc", "polyphony", "performance"]


class MusicOptions(Options):
    """How pieces of music become sequences of tokens."""

    vocabulary: VocabularyName = knob(
        "auto", "abc: tunes of one voice; polyphony: the pitches of each time step; performance: "
        "notes on and off in time with velocities; auto goes by the files",
    )  # fmt: skip
    resolution: int | None = knob(
        None, "polyphony: time steps a quarter note; automatic: 4, or 1 for piano rolls, whose "
        "steps are taken as they are", low=1, high=48, unit="steps",
    )  # fmt: skip
    transpose: int = knob(
        6, "learn every piece in the keys up to so many semitones higher and lower",
        low=0, high=24, unit="semitones",
    )  # fmt: skip
    stretch: float = knob(
        0.05, "performance: learn every piece up to this share slower and faster too",
        low=0, high=0.5,
    )  # fmt: skip
    pedal: bool = knob(
        True, "performance: notes sound on while the sustain pedal is down", advanced=True
    )
    minimum_count: int = knob(
        3, "abc: tunes with a token that is rarer are left out", low=1, unit="occurrences",
        advanced=True,
    )  # fmt: skip
    duplicates: Literal["drop", "keep"] = knob(
        "drop", "what happens to a melody that comes twice, in whatever key; kept where the data "
        "bring their own split", advanced=True,
    )  # fmt: skip
    validation: float = knob(0.05, "share of the pieces held out to validate on", low=0, below=1)
    test: float = knob(0.05, "share of the pieces held out to test on", low=0, below=1)
    file_seconds: float = knob(
        20.0, "files that take more computing to read are left out", above=0, high=3600,
        unit="seconds", advanced=True,
    )  # fmt: skip

    @model_validator(mode="after")
    def _together(self) -> MusicOptions:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation {self.validation} and test {self.test} leave nothing to train on; "
                "their sum has to be below 1."
            )
        return self


class MusicModelOptions(Options):
    """How the network reads tokens of music, beside its layers."""

    embedding: int = knob(64, "numbers that stand for a token", low=1, high=65536)
    tied: bool = knob(
        False, "the softmax shares the embedding's table (Press and Wolf 2017)", advanced=True
    )

    def spec(self, stack: Stack, vocabulary_size: int) -> Spec:
        """Return the network. Raises `ConfigError` where tied and the widths disagree."""
        return Spec(
            input=Embedding(vocabulary_size=vocabulary_size, size=self.embedding),
            stack=stack,
            head=Softmax(vocabulary_size=vocabulary_size, tied=self.tied),
        )


class PieceWindows(Options):
    """How the pieces are cut into batches."""

    batch_size: int = knob(
        16, "sequences read side by side in one step", low=1, high=65536, unit="sequences"
    )
    window: int = knob(
        128, "how far back one step learns (truncated backpropagation through time)",
        low=1, high=65536, unit="tokens",
    )  # fmt: skip


class TuneSamples(Options):
    """What the samples look like that are shown while it trains."""

    sample_temperatures: tuple[float, ...] = knob(
        (0.9,), "temperatures of the samples, one sample each", advanced=True
    )
    sample_length: int = knob(
        300, "most tokens of a sample", low=1, high=100_000, unit="tokens", advanced=True
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """The option classes of one training on music."""

    music: MusicOptions
    model: MusicModelOptions
    stack: Stack
    windows: PieceWindows
    train: TrainOptions
    optimiser: OptimiserOptions
    samples: TuneSamples
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
    "music": MusicOptions,
    "model": MusicModelOptions,
    "stack": Stack,
    "windows": PieceWindows,
    "train": TrainOptions,
    "optimiser": OptimiserOptions,
    "samples": TuneSamples,
    "engine": EngineOptions,
}
"""Option classes of a training on music, under the names of `Settings`."""

DEFAULT = "small"

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "tiny": (
        "to try things out: one layer, a minute",
        {"sizes": (128,), "embedding": 32, "learning_rate": 1e-2, "seconds": 60.0,
         "dropout": 0.1, "sample_threshold": 0.0},
    ),
    "small": (
        "the default: ten minutes on two cores, enough for some hundred chorales or tunes",
        {"sizes": (256, 256), "embedding": 64, "learning_rate": 4e-3, "seconds": 600.0,
         "dropout": 0.4, "sample_threshold": 0.0},
    ),
    "medium": (
        "an hour on two cores or some minutes on a GPU; for a thousand pieces or more",
        {"sizes": (512, 512), "embedding": 128, "learning_rate": 3e-3, "seconds": 3600.0,
         "dropout": 0.4, "batch_size": 32, "sample_threshold": 0.0},
    ),
}  # fmt: skip
"""What each is for, and its settings."""


def gather(values: Mapping[str, Any], preset: str | None = None) -> Settings:
    """Sort settings by name into their classes, over those of the preset.

    Raises:
        ConfigError: a name that no class has, an unknown preset, or a value that cannot be.
    """
    name = preset or DEFAULT
    if name not in PRESETS:
        raise ConfigError(
            f"preset is {name!r}, but the presets are {', '.join(PRESETS)}.", "preset"
        )
    return Settings(**sorted_in(CLASSES, values, PRESETS[name][1], "a training on music"))
