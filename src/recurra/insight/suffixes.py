"""Suffix arrays in NumPy, and the longest match of every place of one sequence in another.

The suffixes are first sorted by as many symbols as fit into 64 bits (nine letters of an alphabet of
a hundred), and then only those that are still tied are sorted on, by twice as many symbols each
round: the prefix doubling of Manber and Myers (1993), which for text leaves little after the first
two sorts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

QUERIES = 1 << 15
"""Places that are looked up at once."""
STRIDE = 16
"""Symbols that are compared at once."""
LONG = 512
"""Symbols from which on a match is followed to its end once, and not from each of its places."""


def suffix_array(codes: NDArray[np.integer]) -> NDArray[np.uint32]:
    """Return the beginnings of all suffixes of `codes` [N], in order; a prefix comes first.

    Args:
        codes: symbols from 0 on; fewer than 2^32 of them.
    Cost: measured on 10 million characters of Dickens in `docs/quality.md`; about 30 bytes of
        memory a symbol while it is made. A text that is one symbol over and over is the worst case:
        log2(N) sorts of everything.
    """
    count = len(codes)
    if not count:
        return np.zeros(0, np.uint32)
    key, taken = _packed(codes)
    order = np.argsort(key)
    key = key[order]
    suffixes = order.astype(np.uint32)
    del order
    # A group is a run of suffixes that are alike so far; its rank is the place of its first.
    first = np.empty(count, bool)
    first[0] = True
    np.not_equal(key[1:], key[:-1], out=first[1:])
    del key
    rank = np.empty(count, np.uint32)
    rank[suffixes] = _group_starts(first, np.arange(count, dtype=np.uint32))
    tied = _in_groups(first)
    places = np.flatnonzero(tied).astype(np.uint32)
    del first, tied
    while len(places):
        these = suffixes[places]
        key = rank[these].astype(np.uint64) << np.uint64(32)
        inside = np.flatnonzero(these < count - taken) if taken < count else places[:0]
        # Past the end stands 0, before every rank: a prefix comes first.
        key[inside] |= rank[these[inside] + np.uint32(taken)].astype(np.uint64) + np.uint64(1)
        order = np.argsort(key)
        key, these = key[order], these[order]
        del order, inside
        suffixes[places] = these
        first = np.empty(len(places), bool)
        first[0] = True
        np.not_equal(key[1:], key[:-1], out=first[1:])
        del key
        rank[these] = _group_starts(first, places)
        del these
        places = places[_in_groups(first)]
        taken *= 2
    return suffixes


def longest_matches(
    codes: NDArray[np.integer], suffixes: NDArray[np.uint32], query: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each place of `query` [M] the longest run from there on that is in `codes`.

    Runs of `LONG` symbols or more are followed from their first place: the places within are given
    the rest of that run, even where from one of them another run goes on a little further. Every
    symbol that lies in some run of `LONG` symbols lies in one that is found.

    Returns: [M] the lengths, and [M] where in `codes` one such run begins (0 where the length
        is 0).
    Cost: about M log2(N) gathers of `STRIDE` symbols.
    """
    lengths = np.zeros(len(query), np.int64)
    sources = np.zeros(len(query), np.int64)
    if not len(codes):
        return lengths, sources
    for start in range(0, len(query), QUERIES):
        part = np.arange(start, min(start + QUERIES, len(query)))
        lengths[part], sources[part] = _search(codes, suffixes, query, part, LONG)
    end = 0
    for place in np.flatnonzero(lengths >= LONG).tolist():
        if place + LONG <= end:
            continue
        (length,), (source,) = _search(codes, suffixes, query, np.array([place]), len(query))
        end = place + int(length)
        back = _common_end(codes[:source], query[:place])
        run = np.arange(place - back, end)
        better = run[end - run > lengths[run]]
        lengths[better] = end - better
        sources[better] = source + (better - place)
    return lengths, sources


def _search(
    codes: NDArray[np.integer],
    suffixes: NDArray[np.uint32],
    query: NDArray[np.integer],
    part: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the longest matches from some places of the query, compared up to `limit` symbols."""
    low = np.full(len(part), -1, np.int64)
    high = np.full(len(part), len(codes), np.int64)
    low_match = np.zeros(len(part), np.int64)
    high_match = np.zeros(len(part), np.int64)
    while (going := np.flatnonzero(high - low > 1)).size:
        middle = (low[going] + high[going]) // 2
        # All suffixes between two that share n symbols with the query share these n.
        known = np.minimum(low_match[going], high_match[going])
        at = suffixes[middle].astype(np.int64)
        found, less = _compare(codes, at, query, part[going], known, limit)
        low[going[less]], low_match[going[less]] = middle[less], found[less]
        more = ~less
        high[going[more]], high_match[going[more]] = middle[more], found[more]
        # What is long enough ends the search here, on the side where it was found.
        enough = found >= limit
        high[going[enough & less]] = low[going[enough & less]] + 1
        low[going[enough & more]] = high[going[enough & more]] - 1
    below = low_match > high_match
    best = np.where(below, low, np.minimum(high, len(codes) - 1))
    lengths = np.maximum(low_match, high_match)
    return lengths, np.where(lengths > 0, suffixes[np.maximum(best, 0)], 0).astype(np.int64)


def _common_end(left: NDArray[np.integer], right: NDArray[np.integer]) -> int:
    """Return how many last symbols two sequences share."""
    longest = min(len(left), len(right))
    shared, step = 0, 64
    while shared < longest:
        size = min(step, longest - shared)
        a = left[len(left) - shared - size : len(left) - shared]
        b = right[len(right) - shared - size : len(right) - shared]
        differs = np.flatnonzero(a != b)
        if len(differs):
            return shared + size - 1 - int(differs[-1])
        shared, step = shared + size, 2 * step
    return shared


def _packed(codes: NDArray[np.integer]) -> tuple[NDArray[np.uint64], int]:
    """Return the first symbols of each suffix in 64 bits, and how many those are."""
    count = len(codes)
    bits = (int(codes.max()) + 1).bit_length()  # 0 stands for what lies past the end.
    taken = max(1, min(64 // bits, count))
    key = np.zeros(count, np.uint64)
    shifted = codes.astype(np.min_scalar_type(int(codes.max()) + 1)) + 1
    for n in range(taken):
        key <<= np.uint64(bits)
        key[: count - n] |= shifted[n:]
    return key, taken


def _group_starts(first: NDArray[np.bool_], places: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return for each member of a run the place of the run's first; places increase."""
    return np.maximum.accumulate(np.where(first, places, np.uint32(0)))


def _in_groups(first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each place belongs to a group of at least two."""
    tied = ~first
    tied[:-1] |= tied[1:]
    return tied


def _compare(
    codes: NDArray[np.integer],
    at: NDArray[np.int64],
    query: NDArray[np.integer],
    place: NDArray[np.int64],
    known: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Compare suffixes of `codes` and of `query` that share `known` symbols.

    Returns: how many symbols they share, counted up to `limit` or a little more, and whether that
        of `codes` comes first (where that is not known, no).
    """
    shared = known.copy()
    less = np.zeros(len(at), bool)
    going = np.arange(len(at))
    step = np.arange(STRIDE)
    while len(going):
        left = at[going] + shared[going]
        right = place[going] + shared[going]
        room = np.minimum(len(codes) - left, len(query) - right)
        here = codes[np.minimum(left[:, None] + step, len(codes) - 1)]
        there = query[np.minimum(right[:, None] + step, len(query) - 1)]
        differs = here != there
        differs |= step >= room[:, None]
        same = np.where(differs.any(axis=1), differs.argmax(axis=1), STRIDE)
        shared[going] += same
        ended = same < STRIDE
        done = going[ended]
        left, right = left[ended] + same[ended], right[ended] + same[ended]
        # The query that ends is a prefix, which comes first; so is the suffix that ends.
        ends = right >= len(query)
        stops = (left >= len(codes)) & ~ends
        smaller = codes[np.minimum(left, len(codes) - 1)] < query[np.minimum(right, len(query) - 1)]
        less[done] = (smaller & ~ends) | stops
        going = going[~ended]
        going = going[shared[going] < limit]
    return shared, less
