"""What is asked of a classifier of series."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.formats.labelled import Labelled
from recurra.studio.models import Loaded
from recurra.studio.schema_series import ClassAnswer, ClassFigures, ClassifiedSeries, SeriesSaliency
from recurra.tasks.series.labels.model import Classifier

Array = NDArray[Any]
LISTED = 5_000
"""Series that an answer tells one by one."""


def classify(loaded: Loaded, data: Labelled) -> ClassAnswer:
    """Return what the model says of each series, and how often it is right."""
    model: Classifier = loaded.model
    known = all(data.labels) and set(data.labels) <= set(model.classes)
    with loaded.lock:
        shares = model.probabilities(data.series)
        scores = model.score(data) if known else None
    best = shares.argmax(axis=1)
    return ClassAnswer(
        classes=list(model.classes),
        accuracy=None if scores is None else scores.accuracy,
        f1=None if scores is None else scores.f1,
        confusion=None if scores is None else scores.confusion.tolist(),
        per_class=None
        if scores is None
        else [
            ClassFigures(precision=p, recall=r, f1=f, count=n) for p, r, f, n in scores.per_class
        ],
        series=[
            ClassifiedSeries(
                label=data.labels[n] or None,
                said=model.classes[best[n]],
                probability=float(shares[n, best[n]]),
                length=len(data.series[n]),
            )
            for n in range(min(len(best), LISTED))
        ],
        count=len(best),
    )


def saliency(loaded: Loaded, data: Labelled, row: int) -> SeriesSaliency:
    """Return one series, and how much each moment moved the class that was said.

    Raises: `ConfigError` where there is no such row.
    """
    model: Classifier = loaded.model
    if not 0 <= row < len(data.series):
        raise ConfigError(f"row is {row}, but there are {len(data.series)} series.", "row")
    series = data.series[row]
    with loaded.lock:
        shares = model.probabilities([series])[0]
        moved = model.saliency(series)
    return SeriesSaliency(
        row=row,
        label=data.labels[row] or None,
        said=model.classes[int(shares.argmax())],
        probabilities=[float(share) for share in shares],
        values=[_finite(series[:, channel]) for channel in range(series.shape[1])],
        saliency=_shares(moved),
    )


def _finite(values: Array) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def _shares(moved: Array) -> list[float]:
    total = float(np.abs(moved).sum())
    return [float(value / total) if total else 0.0 for value in moved]
