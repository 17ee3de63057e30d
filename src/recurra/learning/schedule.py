"""The learning rate as a pure function of progress, and the one schedule that needs a memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

Schedule = Literal["constant", "cosine", "one-cycle", "plateau"]

ONE_CYCLE_RISE = 0.3
ONE_CYCLE_START = 0.04
"""Share of the peak at which the one-cycle schedule starts (Smith 2018, arXiv:1803.09820)."""


def learning_rate(
    schedule: Schedule, progress: float, *, peak: float, warmup: float, final: float
) -> float:
    """Return the learning rate at `progress`, the share of the budget that is spent.

    Args:
        progress: 0 at the start, 1 at the end; beyond 1 the rate stays at its last value.
        peak: the largest rate. warmup: share of the budget of a linear rise from 0 to it; for
            one-cycle the share of its rise by a cosine, 0 meaning 0.3.
        final: rate at the end as a share of the peak, for cosine and one-cycle.
    Returns: a rate > 0, except where `final` is 0 at the very end, or at progress 0 of a warm-up.
    """
    progress = min(max(progress, 0.0), 1.0)
    rise = warmup or (ONE_CYCLE_RISE if schedule == "one-cycle" else 0.0)
    if progress < rise:
        if schedule == "one-cycle":
            return peak * _cosine(ONE_CYCLE_START, 1.0, progress / rise)
        return peak * progress / rise
    if schedule in ("constant", "plateau"):
        return peak
    return peak * _cosine(1.0, final, (progress - rise) / (1.0 - rise))


def _cosine(start: float, end: float, share: float) -> float:
    """Go from `start` to `end` along half a cosine (Loshchilov and Hutter 2017, eq. 5)."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True, slots=True)
class Plateau:
    """What the plateau schedule remembers: its factor, and for how long nothing improved."""

    factor: float = 1.0
    best: float = math.inf
    since: int = 0
    """Validations since `best`."""

    def after(self, loss: float, *, patience: int, final: float) -> Plateau:
        """Return the memory after a validation; halve the factor after `patience` without a gain.

        A gain is a loss below `best`, by however little. The factor never falls below `final`.
        """
        if loss < self.best:
            return replace(self, best=loss, since=0)
        if self.since + 1 < patience:
            return replace(self, since=self.since + 1)
        return replace(self, factor=max(final, self.factor / 2), since=0)
