"""How far a mean over a text would move had there been another text: the block bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recurra.core import random

RESAMPLES = 2000
BLOCK = 1000
"""Neighbouring values that are drawn together. Losses of neighbours depend on each other (a hard
name, a hard passage), so single values drawn one by one would promise too much."""


def block_interval(
    values: NDArray[np.floating],
    *,
    block: int = BLOCK,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of the mean of `values` [N], which are in order.

    N / block blocks are drawn with replacement, from a sequence whose end is joined to its
    beginning, so that every value is drawn as often as any other (circular block bootstrap).
    Fewer than ten blocks are made ten by shortening them. An empty sequence has (nan, nan).

    Source: Politis and Romano 1992, "A circular block-resampling procedure for stationary data".
    """
    count = len(values)
    if not count:
        return float("nan"), float("nan")
    block = max(1, min(block, count // 10))
    blocks = -(-count // block)
    joined = np.concatenate([[0.0], np.cumsum(np.asarray(values, np.float64))])
    joined = np.concatenate([joined, joined[-1] + joined[1 : block + 1]])
    means = np.empty(resamples)
    for n in range(resamples):
        draws = random.uniforms(seed, random.EVALUATE, blocks, lane=n)
        starts = np.minimum((draws * count).astype(np.int64), count - 1)
        means[n] = (joined[starts + block] - joined[starts]).sum() / (blocks * block)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
