"""Families of integer sequences to learn from, and which of their members are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Draw = Callable[[np.random.Generator, int, int], Array]
"""Takes a generator, how many members and how far numbers go; gives parameters [B, P]."""
Grow = Callable[[Array, int], Array]
"""Takes parameters and how many terms; gives terms [N, B] as float64 (exact below 2^53)."""

HELD_OUT = 10
"""One member in so many is held out, by a hash of its parameters."""


@dataclass(frozen=True, slots=True)
class Family:
    """One rule with parameters."""

    name: str
    about: str
    draw: Draw
    grow: Grow
    needed: int
    """Terms that have to be known before the next one is determined, other families considered."""
    share: float
    """How much of what is learned is of this family, beside the others: harder ones take longer."""


def _whole(rng: np.random.Generator, count: int, size: float | Array) -> Array:
    """Draw whole numbers below a size in all orders of magnitude, of both signs."""
    sizes = np.exp(rng.random(count) * np.log(np.maximum(size, 2.0)))
    signs = np.where(rng.random(count) < 0.25, -1, 1)
    return np.asarray(np.round(sizes * rng.random(count)) * signs)


def _arithmetic(rng: np.random.Generator, count: int, most: int) -> Array:
    return np.stack([_whole(rng, count, most / 4), _whole(rng, count, most / 20)], axis=1)


def _geometric(rng: np.random.Generator, count: int, most: int) -> Array:
    ratios = rng.choice([2, 3, 4, 5, 6, 7, 8, 9, 10, -2, -3], count)
    return np.stack([_whole(rng, count, most / np.abs(ratios) ** 3), ratios], axis=1)


def _fibonacci(rng: np.random.Generator, count: int, most: int) -> Array:
    return np.stack([_whole(rng, count, most / 5), _whole(rng, count, most / 5)], axis=1)


def _squares(rng: np.random.Generator, count: int, most: int) -> Array:
    return np.stack(
        [rng.integers(1, 6, count), np.round(_whole(rng, count, most**0.4)),
         np.where(rng.random(count) < 0.5, 0, _whole(rng, count, most / 20))], axis=1,
    ).astype(np.float64)  # fmt: skip


def _alternating(rng: np.random.Generator, count: int, most: int) -> Array:
    return np.stack(
        [
            _whole(rng, count, most / 4),
            _whole(rng, count, most / 40),
            _whole(rng, count, most / 40),
        ],
        axis=1,
    )


def _recurrence(rng: np.random.Generator, count: int, most: int) -> Array:
    p, q = rng.choice([-1, 1, 2, 3], count), rng.choice([-1, 1, 2], count)
    # Terms grow by the larger root of r^2 = p r + q, so large ones begin as far below the end.
    root = (np.abs(p) + np.sqrt(np.maximum(p * p + 4.0 * q, 0.0))) / 2
    size = most / np.maximum(root, 1.0) ** 5
    return np.stack([_whole(rng, count, size), _whole(rng, count, size), p, q], axis=1)


def _grow_arithmetic(p: Array, terms: int) -> Array:
    return p[:, 0] + np.arange(terms)[:, None] * p[:, 1]


def _grow_geometric(p: Array, terms: int) -> Array:
    return p[:, 0] * p[:, 1] ** np.arange(terms)[:, None]


def _grow_squares(p: Array, terms: int) -> Array:
    return p[:, 0] * (np.arange(terms)[:, None] + p[:, 1]) ** 2 + p[:, 2]


def _grow_alternating(p: Array, terms: int) -> Array:
    n = np.arange(terms)[:, None]
    return p[:, 0] + (n + 1) // 2 * p[:, 1] + n // 2 * p[:, 2]


def _grow_recurrence(p: Array, terms: int) -> Array:
    found = np.empty((terms, len(p)))
    found[0], found[1] = p[:, 0], p[:, 1]
    factors = p[:, 2:] if p.shape[1] == 4 else np.ones((len(p), 2))
    for n in range(2, terms):
        found[n] = factors[:, 0] * found[n - 1] + factors[:, 1] * found[n - 2]
        # Beyond any limit they need not be exact, only stay beyond it.
        found[n] = np.clip(found[n], -1e14, 1e14)
    return found


FAMILIES: dict[str, Family] = {
    one.name: one
    for one in (
        Family("arithmetic", "the same is added each time", _arithmetic, _grow_arithmetic, 3, 1),
        Family("geometric", "multiplied by the same each time", _geometric, _grow_geometric, 3, 2),
        Family("fibonacci", "the sum of the last two", _fibonacci, _grow_recurrence, 4, 1),
        Family("squares", "k (n + a)^2 + c", _squares, _grow_squares, 4, 1.5),
        Family("alternating", "two steps by turns", _alternating, _grow_alternating, 5, 1.5),
        Family("recurrence", "p times the last and q times the one before", _recurrence,
               _grow_recurrence, 5, 3),
    )
}  # fmt: skip


def is_held_out(parameters: Array) -> NDArray[np.bool_]:
    """Return which members [B] are never learned from, by a hash of their parameters [B, P]."""
    mixed = np.zeros(len(parameters), np.uint64)
    with np.errstate(over="ignore"):
        for column in parameters.astype(np.int64).T:
            mixed = (mixed ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
    return np.asarray(mixed % np.uint64(HELD_OUT) == 0)


def draw_members(
    rng: np.random.Generator,
    names: Sequence[str],
    count: int,
    terms: int,
    most: int,
    *,
    held_out: bool,
    shares: Sequence[float] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Draw sequences of families, all alike often where no shares say otherwise.

    Returns: terms [N, B], which of them stay below `most` [N, B] (those after one that does not are
    absent too), and each one's family [B] by its number in `names`.
    """
    if shares is None:
        which = rng.integers(0, len(names), count)
    else:
        which = rng.choice(len(names), count, p=np.array(shares) / sum(shares))
    values = np.zeros((terms, count))
    for n, name in enumerate(names):
        places = np.flatnonzero(which == n)
        family, missing = FAMILIES[name], places
        while len(missing):
            parameters = family.draw(rng, len(missing), most)
            grown = family.grow(parameters, terms)
            # The first term that is asked for has to lie within the range.
            fits = (np.abs(grown[: family.needed + 1]) < most).all(axis=0)
            fits &= is_held_out(parameters) == held_out
            values[:, missing[fits]] = grown[:, fits]
            missing = missing[~fits]
    inside = np.logical_and.accumulate(np.abs(values) < most, axis=0)
    return np.where(inside, values, 0).astype(np.int64), inside, which


def needed(names: Sequence[str]) -> NDArray[np.int64]:
    """Return how many terms each family needs before the next one is determined."""
    return np.array([FAMILIES[name].needed for name in names])
