"""How often held-out values fell below the quantiles that were forecast, and what follows from it.

Split conformal prediction (Vovk et al. 2005) of the distribution (Chernozhukov et al. 2021, PNAS
118): a value's score is the level of the forecast at which it fell. Values that are forecast from
one cut-off share what happened after it, so they are worth far fewer than they are; scores of
several cut-offs (a rolling origin, Tashman 2000, Int. J. Forecasting 16) are put together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
GRID = tuple(n / 100 for n in range(1, 100))
"""Levels at which held-out values are looked for."""
STEPS = 101
"""Levels that a correction is written down for, 0 and 1 included."""


def cut_offs(held: int, steps: int) -> list[int]:
    """Return how many values before the end each forecast begins that is calibrated on.

    They are half a forecast apart, the last one so that it ends with the series. Where fewer values
    are held out than a forecast has, it is the one that they all belong to.
    """
    return list(range(steps, held + 1, max(1, steps // 2)))[::-1] or [held]


def levels_of(y: Array, quantiles: Array) -> NDArray[np.float64]:
    """Return the share of the forecast below each value that is there, flat.

    Args:
        y: [S, h], NaN where missing. quantiles: [S, h, levels of `GRID`].
    """
    below = (quantiles < y[..., None]).sum(axis=-1)
    return np.asarray(below[np.isfinite(y)] / len(GRID))


def correction(levels: Array) -> NDArray[np.float64]:
    """Return the level to ask for in place of each of 0, 1/100, .. 1.

    Between what is below a level and what is above, a finite sample knows its extremes less well:
    of n values, the one in place (n + 1) t, rounded outwards.
    """
    ranks = np.sort(levels)
    grid = np.linspace(0, 1, STEPS)
    wanted = grid * (len(ranks) + 1)
    place = np.where(grid < 0.5, np.floor(wanted), np.ceil(wanted)).astype(np.int64) - 1
    return np.asarray(ranks[np.clip(place, 0, len(ranks) - 1)])
