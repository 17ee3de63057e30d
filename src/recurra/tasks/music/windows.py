"""Pieces cut into the windows that a step learns from, every epoch in other keys.

Each epoch lays all pieces out in an order of its own, each in one of its variants (transposed, or
played slower), as one sequence that `learning.windows.Streams` cuts. The state is zero before the
token that opens a piece. Window n is a pure function of n and the seed, so that a resumed run reads
on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recurra.core import random
from recurra.core.errors import ConfigError
from recurra.engines.base import Batch
from recurra.learning.task import Window
from recurra.learning.windows import Streams

Tokens = NDArray[np.int32]

SIDE = 32
"""Pieces that are validated side by side."""
CHUNK = 256
"""Positions of them that are read at once."""


class Epochs:
    """Windows over pieces that are dealt anew every epoch.

    Args:
        variants: of each piece, its tokens in each variant, without the end.
        batch, window: as for `Streams`.
        seed: of the order and of the choice of variants.
    Raises:
        ConfigError: there is nothing to learn from.
    """

    def __init__(
        self, variants: Sequence[Sequence[Tokens]], *, batch: int, window: int, seed: int
    ) -> None:
        if not variants:
            raise ConfigError("no piece is left to train on; give more, or hold out less.")
        self.variants = variants
        self.batch, self.window, self.seed = batch, window, seed
        # All epochs are as long as the pieces as they are written, whatever their variants.
        self.positions = sum(len(one[0]) + 1 for one in variants)
        self._streams = lru_cache(maxsize=2)(self._epoch)
        self.count = self._streams(0).count
        """Windows in one epoch."""

    def __getitem__(self, n: int) -> Window:
        """Return window n, counted from the first epoch's first."""
        epoch, place = divmod(n, self.count)
        return self._streams(epoch)[place]

    def _epoch(self, epoch: int) -> Streams:
        order = random.permutation(self.seed, random.SHUFFLE, len(self.variants), lane=epoch)
        draws = random.uniforms(self.seed, random.EVALUATE, len(self.variants), lane=epoch + 1)
        parts: list[Tokens] = []
        filled = 0
        for n in [*order.tolist(), *order.tolist()]:
            piece = self.variants[n]
            tokens = piece[int(draws[n] * len(piece))]
            parts += [np.zeros(1, np.int32), tokens]
            filled += len(tokens) + 1
            if filled > self.positions:
                break
        while filled <= self.positions:
            parts += [np.zeros(1, np.int32), self.variants[0][0]]
            filled += len(self.variants[0][0]) + 1
        laid = np.concatenate(parts)[: self.positions + 1]
        return Streams(laid, batch=self.batch, window=self.window, resets=np.flatnonzero(laid == 0))


def side_by_side(
    pieces: Sequence[Tokens], *, side: int = SIDE, chunk: int = CHUNK
) -> Iterator[tuple[Window, list[int]]]:
    """Yield windows that read every piece once, each from the state zero, with who is in them.

    Pieces of like length stand side by side; places past the end of one weigh nothing.
    """
    order = sorted(range(len(pieces)), key=lambda n: (len(pieces[n]), n))
    for first in range(0, len(order), side):
        group = order[first : first + side]
        longest = len(pieces[group[-1]]) + 1
        read = np.zeros((longest + 1, len(group)), np.int64)
        counted = np.zeros((longest, len(group)), np.float32)
        for b, n in enumerate(group):
            read[1 : len(pieces[n]) + 1, b] = pieces[n]
            counted[: len(pieces[n]) + 1, b] = 1
        for start in range(0, longest, chunk):
            end = min(start + chunk, longest)
            weights = counted[start:end]
            batch = Batch(read[start:end], read[start + 1 : end + 1], weights)
            yield Window(batch, carries=start > 0, tokens=int(weights.sum())), group
