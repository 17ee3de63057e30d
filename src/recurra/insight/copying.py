"""What one sequence has taken from another word for word: copies, where they stand, how much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.insight.suffixes import longest_matches, suffix_array

Progress = Callable[[int, int], None]
"""Called with symbols of the source searched, and symbols in all."""
Index = Callable[[int, NDArray[np.integer]], NDArray[np.uint32]]
"""Gives the suffix array of the segment of the source that begins at a place."""

MINIMUM = 20
"""Symbols from which on a match counts as a copy; shorter ones come about by themselves."""
SEGMENT = 5_000_000
"""Symbols of the source that are indexed at once: what bounds memory, at 30 bytes each."""
OVERLAP = 1 << 16
"""Symbols that neighbouring segments share. A longer copy across a border may come in two."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A run that stands in both sequences and cannot be made longer to either side."""

    start: int
    """Where in the sequence that was looked at."""
    length: int
    source: int
    """Where in the source; one place of possibly many."""


@dataclass(frozen=True, slots=True)
class Copying:
    """All copies in a sequence."""

    length: int
    """Of the sequence, in symbols."""
    minimum: int
    copies: tuple[Copy, ...]
    """By their start. They may overlap: what follows may be known from elsewhere too."""
    covered: NDArray[np.bool_]
    """[length] whether each symbol lies within a copy."""

    @property
    def share(self) -> float:
        """Share of the symbols within copies."""
        return float(self.covered.mean()) if self.length else 0.0

    @property
    def longest(self) -> int:
        """Length of the longest copy, 0 where there is none."""
        return max((copy.length for copy in self.copies), default=0)

    def ranked(self, count: int | None = None) -> list[Copy]:
        """Return the longest copies first."""
        return sorted(self.copies, key=lambda copy: (-copy.length, copy.start))[:count]

    def spans(self) -> list[tuple[int, int, bool]]:
        """Return the sequence as runs (start, end, whether copied), in order."""
        edges = np.flatnonzero(np.diff(self.covered)) + 1
        bounds = [0, *edges.tolist(), self.length]
        return [
            (start, end, bool(self.covered[start]))
            for start, end in pairwise(bounds)
            if end > start
        ]

    def facts(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "length": self.length,
            "minimum": self.minimum,
            "share": self.share,
            "longest": self.longest,
            "copies": [
                {"start": one.start, "length": one.length, "source": one.source}
                for one in self.ranked()
            ],
        }


def find_copies(
    source: NDArray[np.integer],
    sequence: NDArray[np.integer],
    *,
    minimum: int = MINIMUM,
    segment: int = SEGMENT,
    overlap: int = OVERLAP,
    progress: Progress | None = None,
    index: Index = lambda first, part: suffix_array(part),
) -> Copying:
    """Find every run of at least `minimum` symbols of `sequence` that stands in `source`.

    Args:
        source, sequence: symbols from 0 on, in one numbering. Not modified; `source` may be a
            memory map, of which a segment at a time is read.
        segment, overlap: what bounds memory; the result does not depend on them where no copy is
            longer than `overlap`.
        index: for who asks of one source again and again, and keeps what was built.
    Raises: `ConfigError` where `minimum` is not positive.
    """
    if minimum < 1:
        raise ConfigError(f"minimum is {minimum}, but a copy has at least 1 symbol.", "minimum")
    lengths = np.zeros(len(sequence), np.int64)
    places = np.zeros(len(sequence), np.int64)
    overlap = min(overlap, max(0, segment - 1))
    for first in range(0, max(1, len(source) - overlap), max(1, segment - overlap)):
        part = np.asarray(source[first : first + segment])
        found, where = longest_matches(part, index(first, part), sequence)
        better = found > lengths
        lengths[better] = found[better]
        places[better] = where[better] + first
        if progress is not None:
            progress(min(first + len(part), len(source)), len(source))
    long = lengths >= minimum
    # What begins one later and is one shorter is the rest of the same run.
    begins = long.copy()
    begins[1:] &= lengths[:-1] <= lengths[1:]
    starts = np.flatnonzero(begins)
    change = np.zeros(len(sequence) + 1, np.int64)
    change[:-1] += long
    np.subtract.at(change, np.flatnonzero(long) + lengths[long], 1)
    copies = tuple(
        Copy(start, length, place)
        for start, length, place in zip(
            starts.tolist(), lengths[starts].tolist(), places[starts].tolist(), strict=True
        )
    )
    return Copying(len(sequence), minimum, copies, np.cumsum(change)[:-1] > 0)
