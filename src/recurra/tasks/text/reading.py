"""A text read as one stream, in parts that are read side by side and joined.

One stream is one product of a matrix and a vector after the other: it waits for the weights to come
from memory, once a token. Parts side by side share them. What a part needs is the state that the
part before it ends in, and that is not known yet; but networks forget. So every part but the first
is read from the state zero, and once all have been read, each is read again from the state that its
forerunner came to, until it predicts as it did before for a whole `CHUNK`. What lies behind is then
as if it had been read in one go, but for what a network still remembers and has not shown.

Where a network does not forget, the part is read again to its end, its follower after that, and so
on: then it costs more than one stream, and gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recurra.engines.base import Network, State

Progress = Callable[[int, int], None]
"""Called with tokens done and tokens in all."""

CHUNK = 1024
"""Positions read at once. The state is carried across, so the scores do not depend on it."""
LOGITS = 1 << 22
"""Most numbers that one chunk of distributions may hold."""
PARTS = 32
"""Most parts that a text is cut into unless told otherwise."""
SHORTEST = 8 * CHUNK
"""Fewest tokens of such a part: their beginnings are read twice."""
SAME_NATS = 1e-4
"""A chunk whose losses differ by less in the mean is read as it was before."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How each token of a text was predicted, [tokens] each."""

    token_nats: NDArray[np.float64]
    """-log p of the token that came."""
    confidence: NDArray[np.float32]
    """Probability of the likeliest token."""
    right: NDArray[np.bool_]
    """Whether the likeliest was the one that came."""
    parts: int = 1
    """Parts that were read side by side."""
    again: int = 0
    """Tokens that were read a second time to join them."""

    @property
    def nats(self) -> float:
        """Sum over the tokens."""
        return float(self.token_nats.sum())

    @property
    def accuracy(self) -> float:
        return float(self.right.mean()) if len(self.right) else 0.0

    @property
    def mean_posterior(self) -> float:
        return float(np.exp(-self.token_nats).mean()) if len(self.token_nats) else 0.0


def read_stream(
    network: Network,
    tokens: NDArray[np.integer],
    start: int,
    *,
    chunk: int = CHUNK,
    streams: int = 0,
    progress: Progress | None = None,
) -> Reading:
    """Predict every token of `tokens` [N] from all those before it.

    Args:
        start: the token that is read before the first one.
        chunk: positions at once; only memory and speed depend on it.
        streams: parts to read side by side; 0 takes as many as pay, and 1 reads the text from its
            first token to its last. Their mean differs by about a millionth of a nat.
    """
    count = len(tokens)
    wanted = streams or min(PARTS, count // SHORTEST)
    length = -(-count // max(1, min(wanted, count)))
    reader = _Reader(network, tokens, start, length, chunk)
    reader.read(progress)
    reader.join()
    return Reading(
        reader.nats[:count], reader.sure[:count], reader.right[:count], reader.parts, reader.again
    )


class _Reader:
    """Parts of `length` tokens each, of which the last may be shorter."""

    def __init__(
        self, network: Network, tokens: NDArray[np.integer], start: int, length: int, chunk: int
    ) -> None:
        self.network, self.tokens, self.start = network, tokens, start
        self.length, self.chunk = length, chunk
        self.parts = -(-len(tokens) // max(1, length))
        # The last part is filled up, with what is never looked at.
        size = self.parts * length
        self.nats = np.zeros(size)
        self.sure = np.zeros(size, np.float32)
        self.right = np.zeros(size, bool)
        self.again = 0
        self._state: State = None
        self._ends: dict[str, NDArray[np.floating]] = {}

    def read(self, progress: Progress | None) -> None:
        """Read all parts, each from the state zero."""
        count = len(self.tokens)
        self._state = self.network.zero_state(max(1, self.parts))
        for piece in self._pieces(np.arange(self.parts), 0, self.length):
            self._keep(piece)
            if progress is not None:
                progress(min(count, piece.end * self.parts), count)
        if self.parts > 1:
            exported = self.network.export_state(self._state)
            self._ends = {name: np.array(array) for name, array in exported.items()}

    def join(self) -> None:
        """Read parts again from where their forerunners ended, until nothing changes.

        They are read side by side as long as that leaves less than half of them to be read once
        more, and one after the other from then on: a network that forgets nothing would have every
        part read as often as there are parts before it.
        """
        pending, apart = np.arange(1, self.parts), False
        while len(pending):
            now = pending[:1] if apart else pending
            begun = {name: array[now - 1] for name, array in self._ends.items()}
            self._state = self.network.import_state(begun)
            changed = self._reread(now)
            pending = np.union1d(pending[len(now) :], changed[changed < self.parts - 1] + 1)
            apart = apart or 2 * len(pending) > len(now)

    def _reread(self, which: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read parts again until they settle; return those that had not by their ends."""
        for first in range(0, self.length, CHUNK):
            last = min(first + CHUNK, self.length)
            moved = np.zeros(len(which))
            for piece in self._pieces(which, first, last):
                difference = np.abs(piece.nats - self.nats[piece.place])
                moved += difference.sum(axis=0) / (last - first)
                self._keep(piece)
                self.again += piece.nats.size
            # Fewer tokens than a whole chunk are no proof.
            going = np.flatnonzero((moved >= SAME_NATS) | (last - first < CHUNK))
            states = self.network.export_state(self._state)
            if last == self.length:
                for name, array in states.items():
                    self._ends[name][which] = array
                return which[going]
            if not len(going):
                break
            if len(going) < len(which):
                which = which[going]
                left = {name: array[going] for name, array in states.items()}
                self._state = self.network.import_state(left)
        return which[:0]

    def _keep(self, piece: _Piece) -> None:
        self.nats[piece.place] = piece.nats
        self.sure[piece.place] = piece.sure
        self.right[piece.place] = piece.right

    def _pieces(self, which: NDArray[np.int64], first: int, last: int) -> Iterator[_Piece]:
        """Read tokens `first` .. `last` of some parts, a piece at a time."""
        count, width = len(self.tokens), max(1, len(which))
        outputs = self.network.spec.head.outputs
        step = max(1, min(self.chunk, LOGITS // (outputs * width)))
        for begin in range(first, last, step):
            end = min(begin + step, last)
            place = which * self.length + np.arange(begin, end)[:, None]
            before = np.asarray(self.tokens[np.clip(place - 1, 0, count - 1)], np.int64)
            inputs = np.where(place == 0, self.start, before)
            targets = np.asarray(self.tokens[np.minimum(place, count - 1)], np.int64)
            logits, self._state = self.network.forward(inputs, self._state)
            yield _Piece(place, end, *_predicted(logits, targets))


class _Piece(NamedTuple):
    """What was read of some parts. Arrays are [t, parts]."""

    place: NDArray[np.int64]
    """Where in the text."""
    end: int
    """Where in the parts it ends."""
    nats: NDArray[np.float64]
    sure: NDArray[np.float64]
    right: NDArray[np.bool_]


def _predicted(
    logits: NDArray[np.floating], targets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return -log p of each target, the likeliest token's probability, and whether it came."""
    # Half the cost of log_softmax, which makes all V numbers where two are wanted.
    peak = logits.max(axis=-1)
    sums = np.exp(logits - peak[..., None], dtype=np.float64).sum(axis=-1)
    taken = np.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    nats = np.log(sums) - (taken.astype(np.float64) - peak)
    return nats, 1.0 / sums, logits.argmax(axis=-1) == targets
