"""How much of the budget is spent, and when validation, samples and points of the curve are due.

With a budget in steps or epochs every moment is a function of the step alone, so that an
interrupted and resumed run reports what an uninterrupted one does. With a budget in seconds the
clock decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from recurra.core.errors import ConfigError
from recurra.learning.options import TrainOptions

VALIDATIONS = 20
VALIDATION_SHARE = 0.05
"""At most this share of the time goes into validation."""
EVALUATION_COST = 1 / 3
"""Cost of reading a token against learning from it: forward alone, against forward and backward."""
SAMPLINGS = 10
SAMPLING_SHARE = 0.05
POINTS = 1000
LONGEST_INTERVAL = 20
"""Steps, so that a curve of a long run stays fine and its progress bar alive."""
SHORTEST_POINT_S = 0.2
LONGEST_POINT_S = 5.0


@dataclass(slots=True)
class Budget:
    """How long a run lasts; exactly one of the two is given."""

    steps: int | None
    seconds: float | None
    reserve_s: float = 0.0
    """Kept free at the end of a budget in seconds, for the last validation, sample and save."""

    @classmethod
    def of(cls, options: TrainOptions, steps_per_epoch: float) -> Budget:
        """Return the budget that was set. Raises `ConfigError` when none was."""
        if options.steps is not None:
            return cls(options.steps, None)
        if options.epochs is not None:
            return cls(max(1, math.ceil(options.epochs * steps_per_epoch - 1e-9)), None)
        if options.seconds is not None:
            return cls(None, options.seconds)
        raise ConfigError(
            "the run has no budget; say how long to train with steps, epochs or seconds.", "steps"
        )

    def keep(self, seconds: float) -> None:
        """Keep that much free at the end, but never more than a quarter of the budget."""
        if self.seconds is not None:
            self.reserve_s = min(seconds, 0.25 * self.seconds)

    def progress(self, step: int, elapsed_s: float) -> float:
        """Return the share of the budget spent before step `step` (counted from 0)."""
        if self.steps is not None:
            # The middle of the step, so that neither warm-up nor decay wastes a step at rate 0.
            return (step + 0.5) / self.steps
        return elapsed_s / self._training_s()

    def is_spent(self, step: int, elapsed_s: float) -> bool:
        """Whether no further step fits."""
        return step >= self.steps if self.steps is not None else elapsed_s >= self._training_s()

    def _training_s(self) -> float:
        return max((self.seconds or 0.0) - self.reserve_s, 1e-9)


@dataclass(slots=True)
class Cadence:
    """When something is due: every `steps`, or every `seconds` and at most a share of the time."""

    steps: int = 0
    seconds: float = 0.0
    share: float = 1.0
    next_s: float = 0.0

    def __bool__(self) -> bool:
        return self.steps > 0 or self.seconds > 0

    def is_due(self, step: int, elapsed_s: float) -> bool:
        """Whether it is due after `step` steps."""
        if self.steps:
            return step % self.steps == 0
        return self.seconds > 0 and elapsed_s >= self.next_s

    def done(self, elapsed_s: float, duration_s: float = 0.0) -> None:
        """Note that it was just done, or that the loop starts; fixes when it is due next."""
        self.next_s = elapsed_s + max(self.seconds, duration_s * (1.0 / self.share - 1.0))


def validation_cadence(
    options: TrainOptions, budget: Budget, step_tokens: int, held_out_tokens: int
) -> Cadence:
    """Return when to validate.

    Args:
        step_tokens: read by one step. held_out_tokens: read by one validation; 0 for never.
    """
    if options.validate_every == 0 or held_out_tokens == 0:
        return Cadence()
    if options.validate_every is not None:
        return Cadence(options.validate_every)
    if budget.seconds is not None:
        return Cadence(seconds=budget.seconds / VALIDATIONS, share=VALIDATION_SHARE)
    cheap = held_out_tokens * EVALUATION_COST / (VALIDATION_SHARE * max(step_tokens, 1))
    return Cadence(max(1, math.ceil((budget.steps or 1) / VALIDATIONS), math.ceil(cheap)))


def sample_cadence(options: TrainOptions, budget: Budget) -> Cadence:
    """Return when to show samples."""
    if options.sample_every is not None:
        return Cadence(options.sample_every)
    if budget.seconds is not None:
        return Cadence(seconds=budget.seconds / SAMPLINGS, share=SAMPLING_SHARE)
    return Cadence(max(1, math.ceil((budget.steps or 1) / SAMPLINGS)))


def log_cadence(options: TrainOptions, budget: Budget) -> Cadence:
    """Return when a point of the curve is due."""
    if options.log_every is not None:
        return Cadence(options.log_every)
    if budget.seconds is not None:
        spacing = budget.seconds / POINTS
        return Cadence(seconds=min(max(spacing, SHORTEST_POINT_S), LONGEST_POINT_S))
    return Cadence(min(max((budget.steps or 1) // POINTS, 1), LONGEST_INTERVAL))
