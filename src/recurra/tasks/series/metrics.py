"""How good forecasts are, in the field's own measures.

Every one of them takes one row a series. Means over series are plain means, as in the M4
competition (Makridakis et al. 2020); weighted quantile loss is a ratio of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def mae(y: Array, forecast: Array) -> float:
    """Return the mean absolute error over all values [S, h] that are there."""
    return float(np.nanmean(np.abs(y - forecast)))


def rmse(y: Array, forecast: Array) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.nanmean((y - forecast) ** 2)))


def smape(y: Array, forecast: Array) -> float:
    """Return M4's symmetric mean absolute percentage error, from 0 to 200.

    200 mean |y - f| / (|y| + |f|), for each series, then the mean over series; 0 / 0 is 0.
    """
    below = np.abs(y) + np.abs(forecast)
    ratio = np.where(below > 0, np.abs(y - forecast) / np.where(below > 0, below, 1), 0.0)
    ratio = np.where(np.isfinite(y), ratio, np.nan)
    return float(200.0 * np.nanmean(np.nanmean(ratio, axis=1)))


def mase(y: Array, forecast: Array, histories: Sequence[Array], season: int) -> float:
    """Return the mean absolute scaled error (Hyndman and Koehler 2006): MAE of each series over
    the MAE of the seasonal-naive forecast within its history. Series that never move are left out.
    """
    found = []
    for n, history in enumerate(histories):
        moves = np.abs(history[season:] - history[:-season])
        scale = np.nanmean(moves) if np.isfinite(moves).any() else 0.0
        if scale > 0:
            found.append(np.nanmean(np.abs(y[n] - forecast[n])) / scale)
    return float(np.mean(found)) if found else float("nan")


def weighted_quantile_loss(y: Array, quantiles: Array, levels: Sequence[float]) -> float:
    """Return the mean over levels of 2 sum(pinball) / sum |y|, over all series and steps.

    Args:
        quantiles: [S, h, levels].
    """
    t = np.asarray(levels)
    off = y[..., None] - quantiles
    pinball = np.maximum(t * off, (t - 1) * off)
    return float(2 * np.nanmean(np.nansum(pinball, axis=(0, 1))) / np.nansum(np.abs(y)))


def coverage(y: Array, low: Array, high: Array) -> float:
    """Return the share of values inside their interval."""
    there = np.isfinite(y)
    return float(((y >= low) & (y <= high))[there].mean())


def seasonal_naive(history: Array, steps: int, season: int) -> Array:
    """Return the last season again and again [steps]; what is missing is the value before it."""
    whole = np.array(history, np.float64)
    for t in np.flatnonzero(~np.isfinite(whole)):
        whole[t] = whole[t - season] if t >= season else whole[t - 1] if t else 0.0
    last = whole[-season:] if len(whole) >= season else whole[-1:]
    return np.asarray(np.resize(last, steps))
