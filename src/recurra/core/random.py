"""One counter-based random generator for everything: Philox4x64-10 (Salmon et al. 2011).

A block of four 64-bit words is a pure function of a key (two words) and a counter (four words), so
any draw can be made again, out of order, on any machine, without replaying those before it:

    key     = (seed, stream)            what is drawn for: one number per purpose, below
    counter = (index, lane, 0, 0)       which draw, and of which sequence or tensor

The rounds are the published ones; `numpy.random.Philox` computes them in C. NumPy adds one to the
counter *before* the first block, so its block at counter n is the published function of n + 1;
engines in other languages keep that convention.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Streams. Numbers are part of the model file's meaning: never renumber, only add.
INITIALISE = 1
SHUFFLE = 2
DROPOUT = 3
SAMPLE = 4
RECURRENT_DROPOUT = 5
EVALUATE = 6

_TO_UNIT = 2.0**-53


def words(
    seed: int, stream: int, count: int, *, index: int = 0, lane: int = 0
) -> NDArray[np.uint64]:
    """Return `count` 64-bit words, starting with the block at counter (index, lane, 0, 0).

    A block is four words; the next block has index + 1.
    """
    mask = 2**64 - 1
    generator = np.random.Philox(
        key=np.array([seed & mask, stream], np.uint64),
        counter=np.array([index & mask, lane & mask, 0, 0], np.uint64),
    )
    return np.asarray(generator.random_raw(count), np.uint64)


def uniforms(
    seed: int, stream: int, count: int, *, index: int = 0, lane: int = 0
) -> NDArray[np.float64]:
    """Return `count` numbers uniform in [0, 1), each from the upper 53 bits of one word."""
    # In place: first weights of a large network should not take several times their size.
    upper = words(seed, stream, count, index=index, lane=lane)
    upper >>= np.uint64(11)
    drawn = upper.astype(np.float64)
    drawn *= _TO_UNIT
    return drawn


def normals(
    seed: int, stream: int, count: int, *, index: int = 0, lane: int = 0
) -> NDArray[np.float64]:
    """Return `count` standard normal numbers by the Box-Muller transform of pairs of uniforms."""
    u = uniforms(seed, stream, 2 * count, index=index, lane=lane).reshape(count, 2)
    return np.sqrt(-2.0 * np.log1p(-u[:, 0])) * np.cos(2.0 * np.pi * u[:, 1])


def permutation(seed: int, stream: int, count: int, *, lane: int = 0) -> NDArray[np.int64]:
    """Return a random order of 0 .. count-1: the stable argsort of `count` words."""
    return np.argsort(words(seed, stream, count, lane=lane), kind="stable")


def dropout_mask(
    shape: tuple[int, ...], rate: float, seed: int, stream: int, *, index: int, lane: int
) -> NDArray[np.float32]:
    """Return 0 with probability `rate`, else 1 / (1 - rate), in float32 (inverted dropout).

    Each element takes 16 bits, lowest first, so the rate is rounded to a multiple of 2^-16.
    The blocks of one mask lie at counters (0.., lane, index): masks never overlap.
    """
    count = int(np.prod(shape))
    generator = np.random.Philox(
        key=np.array([seed & (2**64 - 1), stream], np.uint64),
        counter=np.array([0, lane, index, 0], np.uint64),
    )
    raw = np.asarray(generator.random_raw((count + 3) // 4), np.uint64)
    bits = raw.astype("<u8", copy=False).view("<u2")[:count]
    threshold = round(rate * 65536)
    keep = np.float32(65536.0 / (65536 - threshold))
    # A product with a truth value is six times faster than np.where.
    return np.multiply(bits >= threshold, keep, dtype=np.float32).reshape(shape)
