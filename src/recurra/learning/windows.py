"""A split of a corpus, cut into the windows that a step learns from.

Two ways. `Streams` lays the split out as contiguous streams side by side and reads them from left
to right, the state carried from window to window (truncated backpropagation through time).
`LastPosition` takes overlapping windows in random order and learns only what follows each one, as
the classic many-to-one examples do. Window n is a pure function of n in both, so a run that was
interrupted reads on exactly where it stopped; the tokens may be a memory map, and only the window's
own are read.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recurra.core import random
from recurra.core.errors import ConfigError
from recurra.engines.base import Batch
from recurra.learning.task import Window

Tokens = NDArray[np.integer]
Positions = NDArray[np.int64]

SEGMENT = 1 << 22
"""Windows that `LastPosition` shuffles at once; bounds its memory to 64 MiB for any corpus."""


COLD_EVERY = 32
"""Windows from one start of `Streams` at the state zero to the next."""


class Streams:
    """Contiguous streams side by side, read from left to right.

    The N - 1 positions of a split (each has a token that follows) go to B streams whose lengths
    differ by at most one, and every position is learned exactly once an epoch. A last window
    shorter than half a window is joined to the one before it: a step on a handful of positions
    would move the weights as far as a full one.

    A new epoch starts from the state zero, and so does every `COLD_EVERY`-th window: whoever
    generates starts there, and a network that never learns from it can stay lost for long.

    Args:
        tokens: [N] the split.
        batch: streams wanted; fewer when the split is too short to give each a full window.
        window: positions a window holds.
        resets: increasing positions in the split before which the state is zero.
        limit: at most this many positions of the split are read, spread evenly over it.
        what: name of the split, for the error.
    Raises:
        ConfigError: the split has fewer than two tokens.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        batch: int,
        window: int,
        resets: Positions | None = None,
        limit: int | None = None,
        what: str = "training",
    ) -> None:
        positions = len(tokens) - 1
        if positions < 1:
            raise ConfigError(
                f"the {what} split has {len(tokens)} tokens, but at least 2 are needed; "
                "give more text or set that share to 0."
            )
        self.tokens = tokens
        self.resets = _empty() if resets is None else np.asarray(resets, np.int64)
        self.batch = max(1, min(batch, positions // window))
        edges = np.arange(self.batch + 1, dtype=np.int64) * positions // self.batch
        self.starts = edges[:-1]
        self.lengths = np.diff(edges)
        if limit is not None:
            self.lengths = np.minimum(self.lengths, max(1, limit // self.batch))
        self.window = min(window, int(self.lengths.max()))
        longest = int(self.lengths.max())
        self.count = max(1, (longest + self.window // 2) // self.window)
        """Windows in one epoch."""
        self._longest = longest

    def __getitem__(self, n: int) -> Window:
        """Return window n, counted from the first epoch's first."""
        place = n % self.count
        first = place * self.window
        last = self._longest if place == self.count - 1 else first + self.window
        index = self.starts + np.arange(first, last + 1)[:, None]
        # Only a stream that is one position short reaches past the split; it weighs nothing there.
        read = self.tokens[np.minimum(index, len(self.tokens) - 1)].astype(np.int64)
        counted = np.arange(first, last)[:, None] < self.lengths
        weights = None if counted.all() else counted.astype(np.float32)
        batch = Batch(
            inputs=read[:-1],
            targets=read[1:],
            weights=weights,
            resets=_resets(self.resets, self.starts + first, last - first),
        )
        tokens = read[:-1].size if weights is None else int(counted.sum())
        return Window(batch, carries=place % COLD_EVERY > 0, tokens=tokens)


class LastPosition:
    """Overlapping windows in random order, of which only what follows the last token is learned.

    Window k of the split holds the tokens at k * stride up to k * stride + window. Every epoch has
    an order of its own (segment by segment of `SEGMENT` windows in a corpus of many million), and
    no state is carried. Places left over in an epoch's last batch weigh nothing.

    Args:
        stride: tokens between the starts of neighbouring windows.
        seed: of the order.
    Raises:
        ConfigError: the split is too short for one window.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        batch: int,
        window: int,
        stride: int,
        seed: int,
        resets: Positions | None = None,
        what: str = "training",
    ) -> None:
        if len(tokens) < window + 1:
            raise ConfigError(
                f"the {what} split has {len(tokens)} tokens, but a window of {window} needs "
                f"{window + 1}; take a smaller window or more text.",
                "window",
            )
        self.tokens = tokens
        self.resets = _empty() if resets is None else np.asarray(resets, np.int64)
        self.window = window
        self.stride = stride
        self.seed = seed
        self.windows = (len(tokens) - 1 - window) // stride + 1
        self.batch = min(batch, self.windows)
        self.count = -(-self.windows // self.batch)
        """Batches in one epoch."""
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def _shuffled(self, epoch: int, segment: int) -> Positions:
        first = segment * SEGMENT
        size = min(SEGMENT, self.windows - first)
        segments = -(-self.windows // SEGMENT)
        lane = epoch * segments + segment
        return first + random.permutation(self.seed, random.SHUFFLE, size, lane=lane)

    def __getitem__(self, n: int) -> Window:
        """Return batch n, counted from the first epoch's first."""
        epoch, place = divmod(n, self.count)
        ranks = place * self.batch + np.arange(self.batch)
        real = ranks < self.windows
        ranks = np.minimum(ranks, self.windows - 1)
        starts = np.empty(self.batch, np.int64)
        for segment in np.unique(ranks // SEGMENT):
            inside = ranks // SEGMENT == segment
            order = self._order(epoch, int(segment))
            starts[inside] = order[ranks[inside] - segment * SEGMENT] * self.stride
        read = self.tokens[starts + np.arange(self.window + 1)[:, None]].astype(np.int64)
        weights = np.zeros((self.window, self.batch), np.float32)
        weights[-1] = real
        batch = Batch(
            inputs=read[:-1],
            targets=read[1:],
            weights=weights,
            resets=_resets(self.resets, starts, self.window),
        )
        return Window(batch, carries=False, tokens=self.window * int(real.sum()))


def _empty() -> Positions:
    return np.empty(0, np.int64)


def _resets(resets: Positions, starts: Positions, length: int) -> NDArray[np.bool_] | None:
    """Return [length, B]: which positions of windows at `starts` are resets; None when none is."""
    first = np.searchsorted(resets, starts)
    after = np.searchsorted(resets, starts + length)
    if not (after > first).any():
        return None
    marks = np.zeros((length, len(starts)), np.bool_)
    for stream in np.flatnonzero(after > first):
        marks[resets[first[stream] : after[stream]] - starts[stream], stream] = True
    return marks
