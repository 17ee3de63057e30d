"""Named sets of settings: how large a network is, and how long it is worth training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recurra.core.parameters import parameter_count
from recurra.core.spec import Spec


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that lie underneath those that a person gives."""

    about: str
    """When to take it, and what to expect."""
    values: Mapping[str, Any]
    """Settings by name, of any option class of the task; the budget among them."""

    def parameters(self, vocabulary_size: int = 65) -> int:
        """Return how many numbers the network learns; 65 is the vocabulary of tinyshakespeare."""
        return parameter_count(self.spec(vocabulary_size))

    def spec(self, vocabulary_size: int) -> Spec:
        """Return the network for a vocabulary."""
        from recurra.tasks.text.settings import gather

        settings = gather({}, preset=self)
        return settings.spec(vocabulary_size)


DEFAULT = "small"

PRESETS: dict[str, Preset] = {
    "tiny": Preset(
        "to try things out: readable words after half a minute on one core",
        {
            "sizes": (128,),
            "embedding": 32,
            "batch_size": 32,
            "window": 64,
            "learning_rate": 5e-3,
            "seconds": 30.0,
        },
    ),
    "small": Preset(
        "the default: plausible sentences after three minutes on two cores",
        {
            "sizes": (256, 256),
            "embedding": 64,
            "batch_size": 32,
            "window": 64,
            "dropout": 0.1,
            "learning_rate": 3e-3,
            "seconds": 180.0,
        },
    ),
    "medium": Preset(
        "half an hour on a CPU of eight cores, or some minutes on a GPU; for texts of 1 MB or more",
        {
            "sizes": (512, 512),
            "embedding": 128,
            "batch_size": 64,
            "window": 128,
            "dropout": 0.2,
            "learning_rate": 2e-3,
            "seconds": 1800.0,
        },
    ),
    "large": Preset(
        "hours on a GPU; for texts of 10 MB or more",
        {
            "sizes": (1024, 1024, 1024),
            "embedding": 256,
            "batch_size": 128,
            "window": 128,
            "dropout": 0.2,
            "learning_rate": 1e-3,
            "seconds": 7200.0,
        },
    ),
}
