"""The loss of a window of values: checks, weights, and the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ShapeError
from recurra.core.spec import ValueHead
from recurra.engines.base import Batch, Report
from recurra.engines.heads.density import score

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class WindowLoss:
    """What a window of values cost."""

    report: Report
    """Loss a value; accuracy and mean posterior are NaN, for values are not right or wrong."""
    log_probs: Array
    """[T, B] float64: minus the loss of a position, summed over its values that count."""
    doutputs: Array | None
    """[T, B, outputs]: derivative of the mean loss by the network's outputs."""


def check_values(head: ValueHead, batch: Batch) -> None:
    """Raise `ShapeError` where targets, weights or resets do not fit the inputs and the head."""
    window = batch.inputs.shape[:2]
    wanted = {
        "targets": (*window, head.values * head.given),
        "weights": (*window, head.values),
        "resets": window,
    }
    for name, shape in wanted.items():
        array = getattr(batch, name)
        if array is not None and array.shape != shape:
            raise ShapeError(f"{name} are {list(array.shape)}, but have to be {list(shape)}.")


def window_loss(head: ValueHead, outputs: Array, batch: Batch, *, learn: bool) -> WindowLoss:
    """Return the weighted mean loss of a window, with its derivatives where something is learned.

    Positions whose values all weigh nothing are left out of the arithmetic, and values of weight 0
    may be anything, NaN included.

    Args:
        outputs: [T, B, outputs] of the network. Derivatives have their dtype.
    """
    window = outputs.shape[:2]
    rows = outputs.reshape(-1, outputs.shape[-1])
    weights = np.ones((len(rows), head.values), outputs.dtype)
    if batch.weights is not None:
        weights = np.asarray(batch.weights, outputs.dtype).reshape(len(rows), -1)
    total = float(weights.sum(dtype=np.float64))
    counted = np.flatnonzero(weights.any(axis=1))
    targets = np.asarray(batch.targets, outputs.dtype).reshape(len(rows), -1)[counted]
    weights = weights[counted]
    if head.given == 1:
        targets = np.where(weights != 0, targets, 0)
    else:
        present = np.repeat(weights != 0, head.given, axis=1)
        targets = np.where(present, targets, 1)
    scored = score(head, rows[counted], targets)
    share = weights / max(total, 1e-30)
    losses = np.zeros(len(rows))
    losses[counted] = (scored.loss * weights).sum(axis=1, dtype=np.float64)
    mean = float((scored.loss * share).sum(dtype=np.float64))
    doutputs: Array | None = None
    if learn:
        doutputs = np.zeros(rows.shape, rows.dtype)
        draw = scored.draw * share[..., None].astype(outputs.dtype, copy=False)
        doutputs[counted] = draw.reshape(len(counted), head.outputs)
        doutputs = doutputs.reshape(outputs.shape)
    report = Report(mean, float("nan"), float("nan"), total)
    return WindowLoss(report, -losses.reshape(window), doutputs)
