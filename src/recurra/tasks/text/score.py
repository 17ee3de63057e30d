"""How well a model predicts a text, beside what needs no model."""

from __future__ import annotations

import lzma
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recurra.engines.base import Batch, Network
from recurra.insight.bootstrap import block_interval
from recurra.insight.calibration import Calibration, calibrate

if TYPE_CHECKING:
    from recurra.tasks.text.quality import Detail

Progress = Callable[[int, int], None]
"""Called with tokens done and tokens in all."""

CHUNK = 1024
"""Positions read at once. The state is carried across, so the scores do not depend on it."""
SIDE = 64
"""Texts read side by side."""
LOGITS = 1 << 22
"""Most numbers that one chunk of distributions may hold."""
WARM = 1000
"""Tokens that each of several streams reads before those that it is scored on."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How each token of a text was predicted, [tokens] each."""

    token_nats: NDArray[np.float64]
    """-log p of the token that came."""
    confidence: NDArray[np.float32]
    """Probability of the likeliest token."""
    right: NDArray[np.bool_]
    """Whether the likeliest was the one that came."""

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
    """Parts that were read side by side."""
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
        if self.streams == 1:
            return "one stream, state carried from the first character"
        return f"{self.streams} parts side by side, each after {WARM:,} {self.unit}s before it"


def read_stream(
    network: Network,
    tokens: NDArray[np.integer],
    start: int,
    *,
    chunk: int = CHUNK,
    streams: int = 1,
    progress: Progress | None = None,
) -> Reading:
    """Predict every token of `tokens` [N] from those before it, in one stream with carried state.

    Args:
        start: the token that is read before the first one.
        chunk: positions at once; only memory and speed depend on it.
        streams: parts to read side by side, for speed. Each begins from the state zero `WARM`
            tokens before its own first one. What a network remembers for longer is lost; the text
            is otherwise read as one stream is.
    """
    count = len(tokens)
    streams = max(1, min(streams, count // (2 * WARM)))
    part = -(-count // streams)
    warm = WARM if streams > 1 else 0
    chunk = max(1, min(chunk, LOGITS // (network.spec.head.outputs * streams)))
    state = network.zero_state(streams)
    nats = np.zeros((part, streams))
    sure = np.zeros((part, streams), np.float32)
    right = np.zeros((part, streams), bool)
    firsts = np.arange(streams, dtype=np.int64) * part - warm
    for begin in range(0, part + warm, chunk):
        end = min(begin + chunk, part + warm)
        place = firsts + np.arange(begin, end)[:, None]
        before = np.asarray(tokens[np.clip(place - 1, 0, count - 1)], np.int64)
        inputs = np.where(place <= 0, start, before)
        # Parts that lie near the beginning would warm up on what is not there.
        resets = place == 0 if warm else None
        if resets is not None and not resets.any():
            resets = None
        logits, state = network.forward(inputs, state, resets)
        if end <= warm:
            continue
        own = slice(max(begin, warm) - warm, end - warm)
        counted = logits[max(begin, warm) - begin :]
        targets = np.asarray(
            tokens[np.clip(place[max(begin, warm) - begin :], 0, count - 1)], np.int64
        )
        # Half the cost of log_softmax, which makes all V numbers where two are wanted.
        peak = counted.max(axis=-1)
        sums = np.exp(counted - peak[..., None], dtype=np.float64).sum(axis=-1)
        taken = np.take_along_axis(counted, targets[..., None], axis=-1)[..., 0]
        nats[own] = np.log(sums) - (taken.astype(np.float64) - peak)
        sure[own] = 1.0 / sums
        right[own] = counted.argmax(axis=-1) == targets
        if progress is not None:
            progress(min(count, (end - warm) * streams), count)
    # [part, streams] back to the order of the text.
    return Reading(nats.T.ravel()[:count], sure.T.ravel()[:count], right.T.ravel()[:count])


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
