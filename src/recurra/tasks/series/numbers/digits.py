"""Numbers as digits that a network can count with.

A number is its ten's complement of `width` digits, the ones first: 12 of four digits is 2 1 0 0,
and -12 is 8 8 9 9. So adding and subtracting go from column to column with a carry, below zero too,
as one does on paper; the network sees the same column of the last few numbers side by side, and the
carry is what it has to remember.

It goes over the columns twice: first to see which rule the numbers follow, then to write the number
that comes next. Of 2 * width steps, step r * width + k (r = 0 reads, r = 1 writes) reads

    digit k of the last numbers, the last one first   one-hot, 10 each; all zero where there is none
    digit k-1 of the answer, where it writes          one-hot, 10; all zero for the first digit
    whether it writes, and whether k is 0             one number each

and step width + k predicts digit k of the answer. Which column it is it does not read: what holds
for one column holds for all of them, also for those beyond the numbers that it has learned from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def features(seen: int) -> int:
    """Return how many numbers a step reads, where `seen` terms are seen side by side."""
    return 10 * (seen + 1) + 2


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


def before(
    numbers: Array, present: Array, at: Array, seen: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the last `seen` terms before those at `at` [B], and which there are: both [seen, B].

    Args:
        numbers: [N, B], of each sequence. present: [N, B], which of them there are.
    """
    rows = at - np.arange(1, seen + 1)[:, None]
    columns = np.arange(numbers.shape[1])
    there = (rows >= 0) & present[rows.clip(0), columns]
    return np.where(there, numbers[rows.clip(0), columns], 0), there


def encode(
    last: Array, present: Array, width: int, answers: Array | None = None
) -> NDArray[np.float32]:
    """Return what is read to find the numbers that come next: [2 * width, B, features].

    Args:
        last: [seen, B] the terms before it, the last one first.
        present: [seen, B] which of them there are; the others are read as nothing.
        answers: [B] the numbers that come next, where they are known; else their digits are left
            zero, to be filled in one by one.
    """
    seen, batch = last.shape
    x = np.zeros((2, width, batch, features(seen)), np.float32)
    eye = np.eye(10, dtype=np.float32)
    known = eye[to_digits(last, width)] * present[..., None, None]
    x[..., : 10 * seen] = known.transpose(2, 1, 0, 3).reshape(width, batch, -1)
    if answers is not None:
        digits = to_digits(answers, width)
        x[1, 1:, :, 10 * seen : 10 * seen + 10] = eye[digits[:, :-1].T]
    x[1, ..., -2] = 1.0
    x[:, 0, :, -1] = 1.0
    return x.reshape(2 * width, batch, -1)
