"""An interpolated Kneser-Ney model of n-grams: what counting alone can predict.

    p_n(w | h) = max(c(hw) - D_n, 0) / c(h) + D_n t(h) / c(h) * p_{n-1}(w | h without its first)

c(hw) counts occurrences for the highest order and, for the lower ones, the different symbols that
hw follows; c(h) is its sum over w and t(h) the number of different w. D_n = n1 / (n1 + 2 n2), from
how many n-grams have the count 1 and 2. The lowest order is interpolated with the uniform
distribution, so nothing is impossible.

Source: Kneser and Ney 1995; the interpolated form and D after Chen and Goodman 1999, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class _Order:
    """The n-grams of one length. An n-gram is a number: its symbols as digits to the base V."""

    grams: NDArray[np.uint64]
    """Increasing."""
    counts: NDArray[np.int64]
    contexts: NDArray[np.uint64]
    """The n-grams without their last symbol, increasing, each once."""
    totals: NDArray[np.int64]
    """c(h) of each context."""
    types: NDArray[np.int64]
    """t(h) of each context."""
    discount: float


class KneserNey:
    """The model. It is made from a text and never changes.

    Args:
        codes: [N] the text as symbols 0 .. size-1.
        size: how many symbols there are; all are given some probability.
        order: symbols in the longest n-gram, the predicted one included. Where symbols are so many
            that an n-gram does not fit into 64 bits, the order is lowered until it does.
    Raises: `ConfigError` for an empty text or one with symbols outside.
    Cost: sorts the text `order` times at most; some seconds for 10 million symbols.
    """

    def __init__(self, codes: NDArray[np.integer], size: int, order: int = 5) -> None:
        if not len(codes):
            raise ConfigError("n-grams cannot be counted in an empty text.")
        if order < 1 or int(codes.max()) >= size:
            raise ConfigError(
                f"order {order} and {size} symbols do not suit a text with symbol {codes.max()}."
            )
        while order > 1 and size**order >= 2**64:
            order -= 1
        self.size = size
        self.order = min(order, len(codes))
        base = np.uint64(size)
        grams, counts = np.unique(_grams(codes, base, self.order), return_counts=True)
        orders = [_order(grams, counts, base)]
        for length in range(self.order - 1, 0, -1):
            shorter = grams % base ** np.uint64(length)
            grams, counts = np.unique(shorter, return_counts=True)
            orders.append(_order(grams, counts, base))
        self._orders = orders[::-1]

    def probabilities(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the probability of each symbol given those before it in `codes` [N], [N]."""
        base = np.uint64(self.size)
        probs = np.full(len(codes), 1.0 / self.size)
        for length, order in enumerate(self._orders, 1):
            if length > len(codes):
                break
            grams = _grams(codes, base, length)
            place = _find(order.contexts, grams // base)
            seen = np.flatnonzero(place >= 0)
            place = place[seen]
            gram = _find(order.grams, grams[seen])
            count = np.where(gram >= 0, order.counts[gram], 0)
            total = order.totals[place]
            weight = order.discount * order.types[place] / total
            inside = seen + length - 1
            probs[inside] = np.maximum(count - order.discount, 0) / total + weight * probs[inside]
        return probs

    def log_probs(self, codes: NDArray[np.integer], chunk: int = 1 << 20) -> NDArray[np.float64]:
        """Return the logarithms of `probabilities`, computed a chunk at a time."""
        parts = []
        for first in range(0, len(codes), chunk):
            before = min(first, self.order - 1)
            part = self.probabilities(codes[first - before : first + chunk])
            parts.append(np.log(part[before:]))
        return np.concatenate(parts) if parts else np.zeros(0)


def _grams(codes: NDArray[np.integer], base: np.uint64, length: int) -> NDArray[np.uint64]:
    """Return the n-grams that end at places length-1, length, ... of a text."""
    count = len(codes) - length + 1
    grams = np.zeros(count, np.uint64)
    for n in range(length):
        grams *= base
        grams += codes[n : n + count].astype(np.uint64)
    return grams


def _order(grams: NDArray[np.uint64], counts: NDArray[np.int64], base: np.uint64) -> _Order:
    heads = grams // base
    first = np.flatnonzero(np.concatenate([[True], heads[1:] != heads[:-1]]))
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    # Where no n-gram is rare (one letter in a large text), half a count is as good as any.
    discount = once / (once + 2 * twice) if once else 0.5
    types = np.diff(np.append(first, len(grams)))
    return _Order(grams, counts, heads[first], np.add.reduceat(counts, first), types, discount)


def _find(among: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the place of each wanted number in an increasing list, -1 where it is not there."""
    place = np.minimum(np.searchsorted(among, wanted), len(among) - 1)
    return np.where(among[place] == wanted, place, -1)
