"""What a training keeps: checkpoints to go on from, and the best model so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from recurra.core.errors import FormatError, NumericError
from recurra.core.parameters import Params
from recurra.engines.base import Network, Report, State, state_shapes
from recurra.learning.checkpoint import Checkpoint, Progress
from recurra.learning.meters import Clock
from recurra.learning.rhythm import Budget
from recurra.learning.run_folder import RunFolder
from recurra.learning.task import Task
from recurra.version import VERSION

SAVE_SHARE = 0.05
"""At most this share of the time goes into checkpoints."""


class Keeper:
    """Saves into a run folder, or where there is none keeps the best weights in memory.

    Args:
        recorded: options for the model file's provenance.
    """

    def __init__(
        self,
        task: Task,
        network: Network,
        progress: Progress,
        clock: Clock,
        *,
        run: RunFolder | None,
        engine: str,
        recorded: Mapping[str, Any],
    ) -> None:
        self.task = task
        self.network = network
        self.now = progress
        self.clock = clock
        self.run = run
        self.engine = engine
        self.recorded = recorded
        self.weights: Params | None = None
        self.document: dict[str, Any] = {}
        self.saved_step: int | None = None
        """Of the last checkpoint."""
        self.save_s = 0.0
        """How long that took."""
        self._last_save = clock.elapsed()

    def is_due(self, spacing_s: float) -> bool:
        """Whether it is time for a checkpoint."""
        if self.run is None:
            return False
        return self.clock.elapsed() - self._last_save >= max(spacing_s, self.save_s / SAVE_SHARE)

    def checkpoint(self, state: State | None, budget: Budget) -> None:
        """Write a checkpoint, and a model too while no validation has chosen one.

        Raises:
            NumericError: a weight is not finite; the checkpoint before stands.
            ResourceError: the disk is full; the checkpoint before stands.
        """
        if self.run is None:
            return
        started = self.clock.elapsed()
        weights = self.network.weights()
        for name, array in weights.items():
            if not np.isfinite(array).all():
                raise NumericError(
                    f"the weight '{name}' stopped being finite by step {self.now.step:,}"
                )
        if self.now.step and not self.now.best_step:
            self.run.save_best(weights, self._describe(None))
        self.now.elapsed_s = started
        self.run.save_checkpoint(
            Checkpoint(
                progress=self.now,
                weights=weights,
                optimiser=self.network.optimiser_state(),
                state={} if state is None else self.network.export_state(state),
            )
        )
        self.saved_step = self.now.step
        self.run.update(progress=self._standing(budget))
        self._last_save = self.clock.elapsed()
        self.save_s = self._last_save - started

    def best(self, report: Report | None) -> None:
        """Keep the present weights as the model. Raises `ResourceError` when the disk is full."""
        weights, document = self.network.weights(), self._describe(report)
        if self.run is not None:
            self.run.save_best(weights, document)
        else:
            self.weights = weights
        self.document = document

    def best_loss(self) -> float | None:
        """Return the lowest held-out loss, None before any."""
        return self.now.best_loss if math.isfinite(self.now.best_loss) else None

    def best_step(self) -> int | None:
        """Return the step of the lowest held-out loss, None before any."""
        return self.now.best_step if math.isfinite(self.now.best_loss) else None

    def epochs(self, step: int) -> float:
        """Return how many passes over the training split so many steps are."""
        return step / max(self.task.steps_per_epoch, 1)

    def _describe(self, report: Report | None) -> dict[str, Any]:
        """Return what the model file says of the present weights."""
        scores: dict[str, float] = {}
        if report is not None:
            scores = {
                "loss_nats": report.loss_nats,
                "accuracy": report.accuracy,
                "mean_posterior": report.mean_posterior,
                "positions": report.positions,
                **self.task.measures(report),
            }
        return {
            "spec": self.network.spec.model_dump(mode="json"),
            "task": self.task.document(),
            "provenance": {
                "data": self.task.provenance(),
                "options": dict(self.recorded),
                "engine": self.engine,
                "steps": self.now.step,
                "epochs": self.epochs(self.now.step),
                "scores": {f"held_out_{name}": value for name, value in scores.items()},
                "recurra": VERSION,
            },
        }

    def _standing(self, budget: Budget) -> dict[str, Any]:
        """Return where the run stands, for `run.json`."""
        return {
            "step": self.now.step,
            "steps": budget.steps,
            "seconds": budget.seconds,
            "epoch": self.epochs(self.now.step),
            "elapsed_s": self.now.elapsed_s,
            "best_loss_nats": self.best_loss(),
            "best_step": self.best_step(),
            "unit": self.task.unit,
        }


def take_up(network: Network, checkpoint: Checkpoint) -> tuple[State | None, int]:
    """Put a checkpoint's weights and optimiser in place.

    Returns: the carried state, None where there is none, and how many sequences it is of.
    Raises: `FormatError` where the checkpoint is another network's.
    """
    network.load_weights(checkpoint.weights)
    network.load_optimiser_state(checkpoint.optimiser)
    if not checkpoint.state:
        return None, 0
    batch = len(next(iter(checkpoint.state.values())))
    shapes = {name: array.shape for name, array in checkpoint.state.items()}
    if shapes != state_shapes(network.spec, batch):
        raise FormatError("the checkpoint's carried state does not fit the network.")
    return network.import_state(checkpoint.state), batch
