"""How well a model predicts a text, beside what needs no model."""

from __future__ import annotations

import lzma
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recurra.engines.base import Batch, Network
from recurra.insight.bootstrap import block_interval
from recurra.insight.calibration import Calibration, calibrate
from recurra.tasks.text.reading import CHUNK, LOGITS, Reading

if TYPE_CHECKING:
    from recurra.tasks.text.quality import Detail

SIDE = 64
"""Texts read side by side."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well a text was predicted. Sums are over its tokens, each given all those before it.

    The text is read as one stream from the state zero, which the model's start token opens, and the
    state is carried from the first character to the last: nothing is forgotten on the way, and the
    first characters, which nothing helps to predict, count like all others.
    """

    tokens: int
    characters: int
    words: int
    unit: str
    """What a token is: character, byte, word, subword."""
    nats: float
    """Sum of -log p over the tokens."""
    accuracy: float
    """Share of the tokens that were the likeliest."""
    mean_posterior: float
    """Mean probability given to the tokens."""
    vocabulary_size: int
    xz_bytes: int | None = None
    """Size of the text under xz -9e; None: not asked for."""
    unknown: int = 0
    """Tokens that stand for text outside the vocabulary, whose own spelling is not paid for."""
    streams: int = 1
    """Parts that were read side by side and joined; only speed depends on it."""
    reading: Reading | None = field(default=None, repr=False, compare=False)
    """The same, token by token."""
    detail: Detail | None = field(default=None, repr=False, compare=False)
    """What was asked for besides."""

    @property
    def calibration(self) -> Calibration | None:
        """Whether the model was as sure as it was right."""
        if self.reading is None:
            return None
        return calibrate(self.reading.confidence, self.reading.right)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Bits a character that another stretch of the same text would cost, with 95 %."""
        if self.reading is None:
            return None
        scale = self.tokens / max(1, self.characters) / math.log(2)
        low, high = block_interval(self.reading.token_nats)
        return low * scale, high * scale

    @property
    def nats_per_token(self) -> float:
        return self.nats / max(1, self.tokens)

    @property
    def bits_per_char(self) -> float:
        return self.nats / math.log(2) / max(1, self.characters)

    @property
    def perplexity(self) -> float:
        """Exponential of the nats a token."""
        return math.exp(min(700.0, self.nats_per_token))

    @property
    def nats_per_word(self) -> float:
        return self.nats / max(1, self.words)

    @property
    def word_perplexity(self) -> float:
        """Exponential of the nats a word, where words are runs between white space."""
        return math.exp(min(700.0, self.nats_per_word))

    @property
    def uniform_bits_per_char(self) -> float:
        """What every token of the vocabulary alike would cost."""
        return self.tokens * math.log2(self.vocabulary_size) / max(1, self.characters)

    @property
    def xz_bits_per_char(self) -> float | None:
        if self.xz_bytes is None:
            return None
        return 8 * self.xz_bytes / max(1, self.characters)

    def facts(self) -> dict[str, Any]:
        """Return every number under its name, as JSON data."""
        names = (
            "tokens", "characters", "words", "unit", "unknown", "vocabulary_size", "bits_per_char",
            "nats_per_token", "perplexity", "nats_per_word", "word_perplexity", "accuracy",
            "mean_posterior", "uniform_bits_per_char", "xz_bits_per_char",
        )  # fmt: skip
        facts: dict[str, Any] = {name: getattr(self, name) for name in names}
        facts["method"] = self.method
        if self.reading is not None and self.calibration is not None:
            facts["bits_per_char_interval"] = self.interval
            facts["calibration"] = self.calibration.facts()
        if self.detail is not None:
            facts |= self.detail.facts()
        return facts

    @property
    def method(self) -> str:
        """How the text was read, in words."""
        return "one stream, state carried from the first character"


def log_probs_of(
    network: Network, texts: Sequence[NDArray[np.integer]], start: int
) -> list[NDArray[np.float64]]:
    """Return the log-probability of each token of each text, in nats; `SIDE` texts at a time."""
    found: dict[int, NDArray[np.float64]] = {}
    # Texts of like length together, so that little is read past their ends.
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    for first in range(0, len(order), SIDE):
        group = order[first : first + SIDE]
        longest = max(1, len(texts[group[-1]]))
        read = np.full((longest + 1, len(group)), start, np.int64)
        for b, n in enumerate(group):
            read[1 : len(texts[n]) + 1, b] = texts[n]
        state = network.zero_state(len(group))
        size = max(1, min(CHUNK, LOGITS // (network.spec.head.outputs * len(group))))
        rows = []
        for at in range(0, longest, size):
            end = min(at + size, longest)
            batch = Batch(read[at:end], read[at + 1 : end + 1])
            _, log_probs, state = network.evaluate(batch, state)
            rows.append(np.asarray(log_probs, np.float64))
        joined = np.concatenate(rows)
        found |= {n: joined[: len(texts[n]), b] for b, n in enumerate(group)}
    return [found[n] for n in range(len(texts))]


def xz_size(data: bytes) -> int:
    """Return how many bytes `xz -9e` makes of `data`, its headers included.

    Cost: about a second a megabyte, and 700 MB of memory for 64 MB or more.
    """
    compressor = lzma.LZMACompressor(preset=9 | lzma.PRESET_EXTREME)
    size, step = 0, 1 << 18
    # Piece by piece, so that Ctrl-C is heard.
    for first in range(0, len(data), step):
        size += len(compressor.compress(data[first : first + step]))
    return size + len(compressor.flush())
