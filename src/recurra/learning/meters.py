"""Means over the steps of an interval, and the memory of this process."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass

from recurra.engines.base import Report


@dataclass(slots=True)
class Mean:
    """Running means of reports, each weighted by the positions it is over.

    Sums are float64 and are saved with a checkpoint, so that a mean that spans an interruption has
    the bits of one that does not.
    """

    loss: float = 0.0
    accuracy: float = 0.0
    posterior: float = 0.0
    positions: float = 0.0
    norm: float = 0.0
    norms: int = 0

    def add(self, report: Report) -> None:
        """Count a report in."""
        positions = float(report.positions)
        self.loss += float(report.loss_nats) * positions
        self.accuracy += float(report.accuracy) * positions
        self.posterior += float(report.mean_posterior) * positions
        self.positions += positions
        if not math.isnan(report.gradient_norm):
            self.norm += float(report.gradient_norm)
            self.norms += 1

    def report(self) -> Report:
        """Return the means; NaN where nothing was counted."""
        share = 1.0 / self.positions if self.positions else math.nan
        return Report(
            loss_nats=self.loss * share,
            accuracy=self.accuracy * share,
            mean_posterior=self.posterior * share,
            positions=self.positions,
            gradient_norm=self.norm / self.norms if self.norms else math.nan,
        )


def peak_memory_bytes() -> int:
    """Return the largest resident memory of this process so far, 0 where it cannot be told."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return int(peak if sys.platform == "darwin" else peak * 1024)


class Clock:
    """Counts the seconds that a run has been trained, in all its processes, pauses left out."""

    def __init__(self, before_s: float = 0.0) -> None:
        """Start, with what earlier processes have spent."""
        self.before_s = before_s
        self._began = time.perf_counter()
        self._paused: float | None = None

    def elapsed(self) -> float:
        """Return the seconds so far."""
        now = time.perf_counter() if self._paused is None else self._paused
        return self.before_s + now - self._began

    def pause(self) -> None:
        """Stand still until `go_on`."""
        if self._paused is None:
            self._paused = time.perf_counter()

    def go_on(self) -> None:
        """Count on from where `pause` stopped."""
        if self._paused is not None:
            self._began += time.perf_counter() - self._paused
            self._paused = None
