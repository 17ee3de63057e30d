"""Numbers as digits that a network can count with.

A number is its ten's complement of `width` digits, the ones first: 12 of four digits is 2 1 0 0,
and -12 is 8 8 9 9. So adding and subtracting go from column to column with a carry, below zero too,
as one does on paper; the network sees the same column of the last few numbers side by side, and the
carry is what it has to remember.

Step t = n * width + k predicts digit k of number n. It reads

    digit k of numbers n-1, ..., n-LAGS     one-hot, 10 each; all zero where there is no such number
    digit k-1 of number n                   one-hot, 10; all zero for the first digit
    k                                       one-hot, width
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LAGS = 5
"""Numbers that are seen side by side."""


def features(width: int) -> int:
    """Return how many numbers a step reads."""
    return 10 * (LAGS + 1) + width


def limit(width: int) -> int:
    """Return the size that numbers stay below: 5 * 10^(width - 1)."""
    return 5 * int(10 ** (width - 1))


def to_digits(numbers: Array, width: int) -> NDArray[np.int64]:
    """Return the digits [..., width] of numbers [...], the ones first."""
    rest = np.mod(np.asarray(numbers, np.int64), 10**width)
    found = np.empty((*rest.shape, width), np.int64)
    for k in range(width):
        rest, found[..., k] = np.divmod(rest, 10)
    return found


def from_digits(digits: Array) -> NDArray[np.int64]:
    """Return the numbers [...] that digits [..., width] are of."""
    width = digits.shape[-1]
    found = (digits.astype(np.int64) * 10 ** np.arange(width)).sum(axis=-1)
    return np.asarray(np.where(found >= limit(width), found - 10**width, found))


def encode(numbers: Array, present: Array, width: int) -> NDArray[np.float32]:
    """Return what is read for numbers [N, B]: [N * width, B, features].

    Args:
        present: [N, B] which numbers there are; the others are read as nothing.
    """
    digits = to_digits(numbers, width)
    count, batch = numbers.shape
    x = np.zeros((count, width, batch, features(width)), np.float32)
    eye = np.eye(10, dtype=np.float32)
    known = eye[digits] * present[..., None, None]
    known = known.transpose(0, 2, 1, 3)
    for lag in range(1, min(LAGS, count - 1) + 1):
        x[lag:, :, :, 10 * (lag - 1) : 10 * lag] = known[:-lag]
    x[:, 1:, :, 10 * LAGS : 10 * (LAGS + 1)] = known[:, :-1]
    x[..., 10 * (LAGS + 1) :] = np.eye(width, dtype=np.float32)[None, :, None, :]
    return x.reshape(count * width, batch, -1)
