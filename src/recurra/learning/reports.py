"""From the reports of single steps to the points of the training curve.

A device reports late, and waiting for it after every step would leave it idle. So reports queue up
as promises, are read a few times a second, and become means over the steps of an interval.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from recurra.core.errors import NumericError
from recurra.engines.base import Pending, Report
from recurra.learning.checkpoint import Progress
from recurra.learning.events import Stepped
from recurra.learning.meters import Clock, Mean, peak_memory_bytes
from recurra.learning.rhythm import Cadence

READ_SECONDS = 0.2
MOST_PENDING = 1024
EXPLOSION = 3.0
"""A loss this many times that of the untrained network has exploded."""


@dataclass(frozen=True, slots=True)
class _Promise:
    step: int
    """Steps done with this one."""
    rate: float
    tokens: int
    last: bool
    """Whether it is the last part of its step."""
    pending: Pending


class Reports:
    """Queues the reports of a run and makes points of them.

    Args:
        progress: holds the mean of the unfinished interval; changed here.
        points: when a point is due.
        outputs: tokens to choose from; log(outputs) is the loss of a network that knows nothing.
        epochs: epochs done after a number of steps.
        measures: the task's scores for a mean report.
        emit: called with every point.
    """

    def __init__(
        self,
        progress: Progress,
        points: Cadence,
        clock: Clock,
        *,
        outputs: int,
        epochs: Callable[[int], float],
        measures: Callable[[Report], Mapping[str, float]],
        emit: Callable[[Stepped], None],
    ) -> None:
        self.now = progress
        self.points = points
        self.clock = clock
        self.outputs = outputs
        self.epochs = epochs
        self.measures = measures
        self.emit = emit
        self._queue: list[_Promise] = []
        self._last_read = clock.elapsed()
        self._told_step = progress.step
        # Tokens learned and seconds spent learning since the speed was last told.
        self._tokens = 0
        self._learning_s = 0.0

    def add(self, step: int, rate: float, tokens: int, last: bool, pending: Pending) -> None:
        """Queue the report of a window."""
        self._queue.append(_Promise(step, rate, tokens, last, pending))

    def spend(self, seconds: float) -> None:
        """Count time that went into learning; the speed leaves all other time out."""
        self._learning_s += seconds

    def is_due(self) -> bool:
        """Whether it is time to wait for the queue."""
        late = self.clock.elapsed() - self._last_read >= READ_SECONDS
        return late or len(self._queue) >= MOST_PENDING

    def read(self) -> list[Report]:
        """Wait for every report in the queue, and emit the points that are due; return them.

        Raises: `NumericError` where a number is not finite or the loss has exploded.
        """
        started = time.perf_counter()
        arrived = [(promise, promise.pending.read()) for promise in self._queue]
        self._queue = []
        self._tokens += sum(promise.tokens for promise, _ in arrived)
        self.spend(time.perf_counter() - started)
        self._last_read = self.clock.elapsed()
        speed: float | None = None
        for promise, report in arrived:
            self._check(promise, report)
            self.now.mean.add(report)
            if not promise.last:
                continue
            self.now.learning_rate = promise.rate
            # By the clock, only the newest step can be due: those before it share its moment.
            newest = promise is arrived[-1][0]
            if not self.points.steps and not newest:
                continue
            if self.points.is_due(promise.step, self._last_read):
                speed = self._speed() if speed is None else speed
                self._point(promise.step, speed)
        return [report for _, report in arrived]

    def read_alone(self) -> None:
        """Read the queue, which holds one step, and tell that step by itself if nothing else does.

        The interval that it belongs to goes on, so that the other points of the curve are those of
        a run that never rested.
        """
        alone = Mean()
        for report in self.read():
            alone.add(report)
        if self._told_step != self.now.step:
            self._tell(self.now.step, alone.report(), self._speed())

    def finish(self) -> None:
        """Emit what is left as a last point."""
        self.read()
        if self.now.mean.positions:
            self._point(self.now.step, self._speed())

    def _speed(self) -> float:
        """Return tokens a second since the last call."""
        speed = self._tokens / self._learning_s if self._learning_s > 0 else 0.0
        self._tokens, self._learning_s = 0, 0.0
        return speed

    def _point(self, step: int, speed: float) -> None:
        """End an interval."""
        mean = self.now.mean.report()
        self.now.mean = Mean()
        self.now.posterior = mean.mean_posterior
        self._check_explosion(step, mean.loss_nats)
        self.points.done(self._last_read)
        self._tell(step, mean, speed)

    def _tell(self, step: int, mean: Report, speed: float) -> None:
        self._told_step = step
        self.emit(
            Stepped(
                step=step,
                epoch=self.epochs(step),
                loss_nats=mean.loss_nats,
                accuracy=mean.accuracy,
                mean_posterior=mean.mean_posterior,
                learning_rate=self.now.learning_rate,
                gradient_norm=mean.gradient_norm,
                tokens_per_second=speed,
                elapsed_s=self.clock.elapsed(),
                memory_bytes=peak_memory_bytes(),
                measures=dict(self.measures(mean)),
            )
        )

    def _check(self, promise: _Promise, report: Report) -> None:
        loss, norm = float(report.loss_nats), float(report.gradient_norm)
        if math.isnan(self.now.first_loss):
            self.now.first_loss = loss
        if not math.isfinite(loss):
            raise NumericError(f"the loss became {loss} at step {promise.step:,}")
        if promise.last and not math.isfinite(norm):
            raise NumericError(f"the gradient's norm became {norm} at step {promise.step:,}")

    def _check_explosion(self, step: int, loss: float) -> None:
        untrained = max(math.log(max(self.outputs, 2)), self.now.first_loss)
        if loss > EXPLOSION * untrained:
            raise NumericError(
                f"the loss rose to {loss:.3g} nats at step {step:,}, {loss / untrained:.1f} times "
                "that of an untrained network"
            )
