"""Named sets of settings: how large a network is, and how long it is worth training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recurra.core.parameters import parameter_count
from recurra.core.spec import Spec

if TYPE_CHECKING:
    from recurra.tasks.text.settings import Settings


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that lie underneath those that a person gives."""

    about: str
    """When to take it, and what to expect."""
    values: Mapping[str, Any]
    """Settings by name, of any option class of the task; the budget among them."""
    dropout_at_1m: float = 0.1
    """Dropout for a text of a million tokens; see `dropout`."""
    reads: float = 20e6
    """About how many tokens it learns from in its budget, on two cores."""

    def dropout(self, tokens: int, share: float = 1.0) -> float:
        """Return the dropout that suits a training text of so many tokens.

        A network that sees a short text often learns it by heart unless it is hindered, and one
        that never sees a long text twice is only slowed down: 0.3 more for a text ten times as
        short, 0.3 less for one ten times as long. Where a run has but a tenth of the preset's
        budget it has no time to be slowed down: 0.2 less. Between 0 and 0.5 in all. The figures
        behind it are in the documentation of the presets.

        Args:
            share: the run's budget as a part of the preset's; see `share`. Above 1 is as 1.
        """
        wanted = self.dropout_at_1m + 0.3 * math.log10(1e6 / max(tokens, 1))
        wanted += 0.2 * math.log10(min(max(share, 1e-9), 1.0))
        return round(min(max(wanted, 0.0), 0.5), 2)

    def share(self, settings: Settings, tokens: int) -> float:
        """Return the budget of a run on a text of so many tokens as a part of the preset's own."""
        train, windows = settings.train, settings.windows
        if train.steps is not None:
            step = train.accumulate * windows.batch_size * windows.window
            return train.steps * step / self.reads
        if train.epochs is not None:
            return train.epochs * tokens / self.reads
        own = self.values.get("seconds")
        return train.seconds / own if train.seconds and own else 1.0

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
        "to try things out: one layer, half a minute on one core",
        {
            "sizes": (128,),
            "embedding": 32,
            "batch_size": 32,
            "window": 64,
            "learning_rate": 1e-2,
            "seconds": 30.0,
        },
        dropout_at_1m=0.0,
    ),
    "small": Preset(
        "the default: plausible sentences after a minute, its best after three, on two cores",
        {
            "sizes": (256, 256),
            "embedding": 64,
            "batch_size": 32,
            "window": 48,
            "learning_rate": 8e-3,
            "seconds": 180.0,
        },
    ),
    "medium": Preset(
        "half an hour on two cores or some minutes on a GPU; for texts of 1 MB or more",
        {
            "sizes": (512, 512),
            "embedding": 128,
            "batch_size": 64,
            "window": 128,
            "learning_rate": 5e-3,
            "seconds": 1800.0,
        },
        dropout_at_1m=0.2,
        reads=60e6,
    ),
    "large": Preset(
        "hours on a GPU; for texts of 10 MB or more",
        {
            "sizes": (1024, 1024, 1024),
            "embedding": 256,
            "batch_size": 128,
            "window": 128,
            "learning_rate": 2e-3,
            "seconds": 7200.0,
        },
        dropout_at_1m=0.3,
        reads=40e6,
    ),
}
