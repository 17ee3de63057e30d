"""What a unit responds to: its best simple explanation among features of the text.

A unit's memory is cut into bins at fixed quantiles, and the mutual information between the bin and
a feature says how much knowing the one tells of the other. Scores are the share of the feature's
entropy that the unit explains, less what chance would: 1 is a perfect detector, 0 knows nothing.

Texts are autocorrelated, and so are units: two slow signals agree for long stretches by chance, and
a test that shuffles single steps would find everything significant. Here the null distribution
comes from shifting a feature round the text as a whole, which keeps its rhythm and breaks only its
alignment. P-values are corrected for every pair of unit and feature that was looked at, by the
largest standardised score anywhere in each shifted text (maxT; Westfall and Young 1993).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core import random
from recurra.core.errors import ConfigError, ShapeError
from recurra.insight.trace import Trace, Unit

Array = NDArray[Any]

QUANTILES = (0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99)
"""Where memories are cut into bins: fine at the ends, where detectors of rare things live."""
CLASSES = 8
"""Most classes that a feature of whole numbers is cut into, at its own quantiles."""
EPISODES = 5
"""A feature that begins fewer times than this in a text cannot be told from chance."""
UNIT_BLOCK = 64
SHIFT_BLOCK = 24


@dataclass(frozen=True, slots=True)
class Explanation:
    """How well one feature explains one unit."""

    unit: Unit
    feature: str
    score: float
    """Share of the feature's entropy that the unit explains beyond chance, 0 to 1."""
    bits: float
    """Mutual information of the unit's binned memory and the feature."""
    p: float
    """Probability of such a score anywhere by chance; at least 1 / (permutations + 1)."""
    inside: float
    """Mean memory where the feature holds (for numbers: in the upper half of their range)."""
    outside: float
    """Mean memory elsewhere."""


@dataclass(frozen=True, slots=True)
class Explanations:
    """Every unit against every feature."""

    units: tuple[Unit, ...]
    features: tuple[str, ...]
    scores: Array
    """[U, F]."""
    bits: Array
    """[U, F]."""
    p: Array
    """[U, F]."""
    inside: Array
    """[U, F]."""
    outside: Array
    """[U, F]."""
    skipped: Mapping[str, str]
    """Features that could not be tested, and why."""
    permutations: int

    def of(self, unit: int, feature: int) -> Explanation:
        """Return one pair, by its places in `units` and `features`."""
        numbers = (self.scores, self.bits, self.p, self.inside, self.outside)
        values = [float(array[unit, feature]) for array in numbers]
        return Explanation(self.units[unit], self.features[feature], *values)

    def ranking(self) -> list[Explanation]:
        """Return each unit with the feature that explains it best, best explained first."""
        if not self.features:
            return []
        best = self.scores.argmax(axis=1)
        found = [self.of(n, int(best[n])) for n in range(len(self.units))]
        return sorted(found, key=lambda one: (-one.score, one.unit))

    def detectors(self) -> list[Explanation]:
        """Return for each feature the unit that it explains best, best explained first."""
        best = self.scores.argmax(axis=0)
        found = [self.of(int(best[n]), n) for n in range(len(self.features))]
        return sorted(found, key=lambda one: -one.score)


def explain(
    trace: Trace, features: Mapping[str, Array], *, permutations: int = 99, seed: int = 0
) -> Explanations:
    """Measure how well each feature explains each unit's memory.

    Args:
        trace: of a text of T tokens.
        features: [T] booleans, or whole numbers, by name.
        permutations: shifted texts that make the null distribution.
        seed: of the shifts.
    Raises:
        ShapeError: a feature is not as long as the text.
        ConfigError: the text is too short to be shifted that often.
    """
    memory = trace.memory
    steps = len(memory)
    if steps < 10 * len(QUANTILES) or steps < 2 * permutations:
        raise ConfigError(
            f"the text has {steps} tokens, too few for {permutations} permutations; take a longer "
            "text or fewer of them.",
            "permutations",
        )
    tested: dict[str, Array] = {}
    skipped: dict[str, str] = {}
    for name, values in features.items():
        if len(values) != steps:
            raise ShapeError(f"the feature '{name}' has {len(values)} values for {steps} tokens.")
        reason = _unfit(np.asarray(values))
        if reason:
            skipped[name] = reason
        else:
            tested[name] = np.asarray(values)
    classes = [_classes(values) for values in tested.values()]
    bins = _bins(memory)
    shifts = np.concatenate([[0], _shifts(steps, permutations, seed)])
    bits = _information(bins, classes, shifts)  # [1 + P, U, F]
    found, null = bits[0], bits[1:]
    entropy = np.array([_entropy(np.bincount(one)) for one in classes])
    chance = null.mean(axis=0) if len(null) else np.zeros_like(found)
    scores = np.clip((found - chance) / np.maximum(entropy - chance, 1e-12), 0.0, 1.0)
    return Explanations(
        units=tuple(trace.unit_labels),
        features=tuple(tested),
        scores=scores,
        bits=found,
        p=_corrected(found, null),
        inside=_means(memory, [_high(values) for values in tested.values()]),
        outside=_means(memory, [~_high(values) for values in tested.values()]),
        skipped=skipped,
        permutations=permutations,
    )


def mutual_information(a: Sequence[int] | Array, b: Sequence[int] | Array) -> float:
    """Return the mutual information, in bits, of two sequences of classes from 0 up."""
    a, b = np.asarray(a), np.asarray(b)
    joint = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(joint, (a, b), 1.0)
    return float(_bits(joint))


def _bits(joint: Array) -> Array:
    """Return the mutual information of tables of counts [..., K, M], in bits."""
    count = joint.sum(axis=(-1, -2), keepdims=True)

    def weighed(table: Array) -> Array:
        share = table / count
        # 0 log 0 = 0
        return np.asarray((share * np.log2(np.where(share > 0, share, 1.0))).sum(axis=(-1, -2)))

    rows, columns = joint.sum(axis=-1, keepdims=True), joint.sum(axis=-2, keepdims=True)
    return np.asarray(np.maximum(weighed(joint) - weighed(rows) - weighed(columns), 0.0))


def _entropy(counts: Array) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _unfit(values: Array) -> str:
    """Return why a feature cannot be tested, or nothing."""
    high = _high(values)
    begins = int((high & ~np.roll(high, 1)).sum())
    if begins == 0:
        return "is the same everywhere in this text"
    return f"begins only {begins} times in this text" if begins < EPISODES else ""


def _high(values: Array) -> Array:
    """Return where a feature holds, or where a number is above its median."""
    return values if values.dtype == bool else np.asarray(values > np.median(values))


def _classes(values: Array) -> Array:
    """Return a feature as classes 0, 1, ... without gaps."""
    if values.dtype != bool and len(np.unique(values)) > CLASSES:
        edges = np.unique(np.quantile(values, np.arange(1, CLASSES) / CLASSES))
        values = np.searchsorted(edges, values, side="right")
    return np.asarray(np.unique(values, return_inverse=True)[1].reshape(-1))


def _bins(memory: Array) -> Array:
    """Return the bin [T, U] of each memory among `QUANTILES`; equal values share one."""
    edges = np.quantile(memory, QUANTILES, axis=0)
    return np.asarray((memory[:, None, :] >= edges[None]).sum(axis=1), np.uint8)


def _shifts(steps: int, count: int, seed: int) -> Array:
    """Return distances to shift a feature by, none of them close to no shift at all."""
    gap = min(500, steps // 8)
    order = random.permutation(seed, random.EVALUATE, steps - 2 * gap)
    return np.asarray(np.sort(order[:count] + gap))


def _information(bins: Array, classes: Sequence[Array], shifts: Array) -> Array:
    """Return [P, U, F]: the information, in bits, between each unit and each shifted feature.

    A table of counts is a product of two indicator matrices, so that all of it is matrix products.
    """
    steps, units = bins.shape
    kinds = len(QUANTILES) + 1
    counts = [int(one.max()) + 1 for one in classes]
    indicators = [one[:, None] == np.arange(n)[None] for one, n in zip(classes, counts)]
    columns = np.concatenate(indicators, axis=1) if indicators else np.zeros((steps, 0), bool)
    found = np.empty((len(shifts), units, len(classes)))
    for first in range(0, units, UNIT_BLOCK):
        block = bins[:, first : first + UNIT_BLOCK]
        width = block.shape[1]
        rows = (block[:, :, None] == np.arange(kinds, dtype=np.uint8)).reshape(steps, -1)
        rows = np.ascontiguousarray(rows.T, np.float32)
        for start in range(0, len(shifts), SHIFT_BLOCK):
            some = shifts[start : start + SHIFT_BLOCK]
            shifted = [np.roll(columns, int(shift), axis=0) for shift in some]
            # [U * K, P * C]
            joint = rows @ np.concatenate(shifted, axis=1).astype(np.float32)
            joint = joint.reshape(width, kinds, len(some), columns.shape[1])
            at = 0
            for n, count in enumerate(counts):
                table = joint[..., at : at + count].transpose(2, 0, 1, 3).astype(np.float64)
                found[start : start + len(some), first : first + width, n] = _bits(table)
                at += count
    return found


def _corrected(found: Array, null: Array) -> Array:
    """Return the p-values [U, F] of `found` [U, F] under `null` [P, U, F], by maxT."""
    if not null.size:
        return np.ones_like(found)
    mean, deviation = null.mean(axis=0), null.std(axis=0)
    scale = np.where(deviation > 1e-9, deviation, np.inf)
    largest = np.sort(((null - mean) / scale).max(axis=(1, 2)))
    z = (found - mean) / scale
    above = len(largest) - np.searchsorted(largest, z.reshape(-1), side="left").reshape(z.shape)
    return np.asarray((1 + above) / (1 + len(largest)))


def _means(memory: Array, masks: Sequence[Array]) -> Array:
    """Return [U, F]: the mean memory of each unit where each mask holds."""
    columns = [memory[mask].mean(axis=0) for mask in masks]
    return np.stack(columns, axis=1) if columns else np.zeros((memory.shape[1], 0))
