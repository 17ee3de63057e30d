"""Where a model's losses come from, and what other predictors make of the same text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.engines.base import Batch, Network
from recurra.insight.kneser_ney import KneserNey
from recurra.tasks.text.reading import LOGITS
from recurra.tasks.text.vocabulary import Vocabulary, code_points

STARTS = 256
"""Places from which a text is read anew to see how a model warms up."""
LONGEST = 511
"""Tokens that are read from each."""
ORDER = 5
"""Characters in the longest n-gram of the baseline, the predicted one included."""

KINDS = (
    "letter that begins a word", "letter within a word", "digit", "space", "line end",
    "punctuation", "other",
)  # fmt: skip
_LETTER, _INSIDE, _DIGIT, _SPACE, _LINE, _MARK, _OTHER = range(7)


@dataclass(frozen=True, slots=True)
class Part:
    """The mean loss over some of a text's tokens."""

    name: str
    tokens: int
    nats: float
    """Mean a token."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What is told of a text's score besides the score itself. Bits are per character."""

    kinds: tuple[Part, ...] = ()
    """By kind of character (or of a token's first character that is no space)."""
    positions: tuple[Part, ...] = ()
    """By position after the state zero."""
    positions_from: str = ""
    """From which places these were counted."""
    kneser_ney_bits: float | None = None
    kneser_ney_order: int = ORDER
    dynamic_bits: float | None = None
    """With dynamic evaluation; None: not asked for."""
    dynamic_moved: float | None = None
    """How far the weights moved then, as a share of their norm."""
    notes: tuple[str, ...] = ()
    """What could not be computed, and why."""

    def facts(self) -> dict[str, Any]:
        """Return it as JSON data."""
        parts = {"by_kind": self.kinds, "by_position": self.positions}
        return {
            name: [{"name": p.name, "tokens": p.tokens, "nats_per_token": p.nats} for p in found]
            for name, found in parts.items()
        } | {
            "by_position_from": self.positions_from,
            "kneser_ney_bits_per_char": self.kneser_ney_bits,
            "kneser_ney_order": self.kneser_ney_order,
            "dynamic_bits_per_char": self.dynamic_bits,
            "dynamic_moved": self.dynamic_moved,
            "notes": list(self.notes),
        }


def kinds_of(vocabulary: Vocabulary, tokens: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return which of `KINDS` each token is, [tokens]."""
    texts = [vocabulary.token_text(token) for token in range(vocabulary.size)]
    if vocabulary.kind == "bytes":
        texts = [chr(token) if token < 128 else "\ufffd" for token in range(256)]
    table = np.array([_kind(text) for text in texts])
    found = table[np.asarray(tokens)]
    if vocabulary.kind in ("characters", "bytes"):
        letters = found == _LETTER
        inside = letters.copy()
        inside[0] = False
        inside[1:] &= letters[:-1]
        found[inside] = _INSIDE
    return found


def _kind(text: str) -> int:
    bare = text.strip()
    if not bare:
        return _LINE if "\n" in text or "\r" in text else _SPACE
    category = unicodedata.category(bare[0])
    return {"L": _LETTER, "N": _DIGIT, "P": _MARK, "S": _MARK, "Z": _SPACE}.get(
        category[0], _LETTER if category[0] == "M" else _OTHER
    )


def by_kind(
    vocabulary: Vocabulary, tokens: NDArray[np.integer], token_nats: NDArray[np.float64]
) -> tuple[Part, ...]:
    """Return the mean loss of each kind that occurs."""
    if not len(tokens):
        return ()
    kinds = kinds_of(vocabulary, tokens)
    counts = np.bincount(kinds, minlength=len(KINDS))
    sums = np.bincount(kinds, weights=token_nats, minlength=len(KINDS))
    names = list(KINDS)
    if vocabulary.kind not in ("characters", "bytes"):
        names[_LETTER] = "word or part of one"
    return tuple(
        Part(names[n], int(counts[n]), float(sums[n] / counts[n]))
        for n in np.flatnonzero(counts).tolist()
    )


def by_position(
    network: Network,
    tokens: NDArray[np.integer],
    starts: NDArray[np.int64] | None = None,
    longest: int = LONGEST,
) -> tuple[Part, ...]:
    """Return the mean loss at each distance from the state zero, in powers of two.

    Position n is the n-th token that is predicted, with n tokens read.

    Args:
        starts: places in `tokens` to begin at; without them, as many as fit side by side.
    """
    longest = min(longest, max(0, len(tokens) - 1))
    if not longest:
        return ()
    if starts is None:
        count = max(1, min(STARTS, len(tokens) // longest))
        starts = np.arange(count, dtype=np.int64) * ((len(tokens) - longest - 1) // count)
    else:
        starts = np.asarray(starts[starts < len(tokens) - 1], np.int64)
        starts = starts[:: max(1, len(starts) // STARTS)][:STARTS]
    if not len(starts):
        return ()
    chunk = max(1, min(64, LOGITS // (network.spec.head.outputs * len(starts))))
    state = network.zero_state(len(starts))
    sums, counts = np.zeros(longest), np.zeros(longest, np.int64)
    for first in range(0, longest, chunk):
        place = starts + np.arange(first, min(first + chunk, longest) + 1)[:, None]
        inside = place[1:] < len(tokens)
        read = np.asarray(tokens[np.minimum(place, len(tokens) - 1)], np.int64)
        _, log_probs, state = network.evaluate(Batch(read[:-1], read[1:]), state)
        rows = slice(first, first + len(inside))
        sums[rows] = -np.where(inside, log_probs, 0.0).sum(axis=1)
        counts[rows] = inside.sum(axis=1)
    parts = []
    edge = 1
    while edge <= longest:
        rows = slice(edge - 1, min(2 * edge - 1, longest))
        name = str(edge) if edge == 1 else f"{edge}-{min(2 * edge - 1, longest)}"
        total = int(counts[rows].sum())
        if total:
            parts.append(Part(name, total, float(sums[rows].sum() / total)))
        edge *= 2
    return tuple(parts)


def kneser_ney_bits(train: str | bytes, text: str | bytes, order: int = ORDER) -> tuple[float, int]:
    """Return what an interpolated Kneser-Ney model of `train` needs for `text`, in bits in all.

    Its alphabet is every character (or byte) of both, as that of a character model is that of its
    whole corpus.

    Returns: the bits, and the order, which is lowered where the characters are very many.
    """
    codes, size = as_codes([train, text])
    model = KneserNey(codes[0], size, order)
    return float(-model.log_probs(codes[1]).sum() / math.log(2)), model.order


def as_codes(texts: Sequence[str | bytes]) -> tuple[list[NDArray[np.integer]], int]:
    """Return texts as numbers 0 .. n-1 in one common numbering, and n."""
    raw = [
        np.frombuffer(text, np.uint8) if isinstance(text, bytes) else code_points(text)
        for text in texts
    ]
    highest = max((int(one.max()) for one in raw if len(one)), default=0)
    present = np.zeros(highest + 1, bool)
    for one in raw:
        present[one] = True
    size = int(present.sum())
    table = (np.cumsum(present) - 1).astype(np.min_scalar_type(size + 1))
    return [table[one] for one in raw], size
