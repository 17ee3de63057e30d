"""Text from a network: read the prime, then draw tokens in chunks and turn them into text.

A text depends on the model, the prime, the sampling rules and the seed, and on nothing else: not on
how the work is cut into chunks, nor on what is generated beside it, for draw n of sample k is the
random block at counter (n, k). Two engines, or one engine with another batch, round differently in
the last digits; a draw that falls within that rounding of the edge between two tokens can go the
other way, about once in a million draws in float32 and practically never in float64.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.core.options import Options, knob
from recurra.core.sampling import SamplingOptions, log_softmax
from recurra.engines.base import Network, State
from recurra.learning.priming import join_states, read_prime
from recurra.tasks.text.vocabulary import Decoder, Vocabulary

Tokens = NDArray[np.integer]

LANES = 64
"""Samples drawn side by side."""


class GenerateOptions(Options):
    """How much text to generate, and where it ends."""

    length: int = knob(500, "how much to generate; 0 goes on without end", low=0, unit="tokens")
    samples: int = knob(1, "how many texts, each with its own draws", low=1, high=1_000_000)
    seed: int | None = knob(None, "start of the random draws; none draws one and says it", low=0)
    stop: tuple[str, ...] = knob((), "text that ends a sample; it is left out of the text")
    beam: int = knob(
        0, "search for the likeliest text with this many hypotheses; 0 draws", low=0, high=1024
    )
    unknown: Literal["refuse", "replace"] | None = knob(
        None, "what happens to a prime's characters outside the vocabulary; as the model was "
        "trained where nothing is said", advanced=True,
    )  # fmt: skip


def split_options(options: Mapping[str, Any]) -> tuple[GenerateOptions, SamplingOptions]:
    """Sort settings by name into the two option classes of generation.

    One stop text may be given as a string. Raises `ConfigError` for a name that neither has.
    """
    values = dict(options)
    if isinstance(values.get("stop"), str):
        values["stop"] = (values["stop"],)
    mine = SamplingOptions.model_fields
    sampling = {name: values.pop(name) for name in list(values) if name in mine}
    unknown = next((name for name in values if name not in GenerateOptions.model_fields), None)
    if unknown is not None:
        names = [*GenerateOptions.model_fields, *SamplingOptions.model_fields]
        near = difflib.get_close_matches(unknown, names, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(names)}."
        raise ConfigError(f"'{unknown}' is no setting of generation{hint}", unknown)
    return GenerateOptions(**values), SamplingOptions(**sampling)


@dataclass(slots=True)
class Piece:
    """What one chunk added to one sample."""

    sample: int
    """Place of the sample among the primes."""
    text: str
    """Text that is certain by now; what might begin a stop text is held back."""
    tokens: list[int] = field(default_factory=list)
    """Tokens drawn, those of a stop text included."""
    log_probs: list[float] = field(default_factory=list)
    """Log-probability of each token under the model, before any sampling rule, in nats."""
    alternatives: list[list[tuple[int, float]]] = field(default_factory=list)
    """The likeliest tokens at each place with their probabilities, when asked for."""
    ended: bool = False
    """Whether nothing more comes: the length is reached or a stop text has come."""


@dataclass(frozen=True, slots=True)
class Generated:
    """Samples, and what it takes to make them again."""

    seed: int | None
    """None where nothing was drawn: beam search and greedy choice."""
    primes: list[str]
    """One a sample."""
    samples: list[Piece]

    def texts(self) -> list[str]:
        """Return the text of each sample, without its prime."""
        return [sample.text for sample in self.samples]


class Lane:
    """The text of one sample as it grows, with an eye on the stop texts."""

    def __init__(self, decoder: Decoder, stops: Sequence[str]) -> None:
        self.decoder = decoder
        self.stops = [stop for stop in stops if stop]
        self.held = ""
        self.ended = False

    def feed(self, token: int) -> str:
        """Take one token and return the text that is certain now."""
        return self._add(self.decoder.feed(token))

    def finish(self) -> str:
        """Return what was held back; nothing more comes."""
        text = self._add(self.decoder.flush())
        if not self.ended:
            text += self.held
        self.ended, self.held = True, ""
        return text

    def _add(self, text: str) -> str:
        if not self.stops:
            return text
        self.held += text
        places = [place for stop in self.stops if (place := self.held.find(stop)) >= 0]
        if places:
            text, self.held, self.ended = self.held[: min(places)], "", True
            return text
        keep = _begun(self.held, self.stops)
        text, self.held = self.held[: len(self.held) - keep], self.held[len(self.held) - keep :]
        return text


def _begun(text: str, stops: Sequence[str]) -> int:
    """Return the length of the longest end of `text` with which a stop text begins."""
    for size in range(min(len(text), max(map(len, stops)) - 1), 0, -1):
        if any(stop.startswith(text[-size:]) for stop in stops):
            return size
    return 0


def primed_decoder(vocabulary: Vocabulary, prime: Tokens) -> Decoder:
    """Return a decoder that has seen the prime: whether a space comes next depends on it."""
    decoder = vocabulary.decoder()
    for token in prime[-8:]:
        decoder.feed(int(token))
    return decoder


def generate(
    network: Network,
    vocabulary: Vocabulary,
    primes: Sequence[Tokens],
    sampling: SamplingOptions,
    *,
    length: int,
    seed: int,
    stop: Sequence[str] = (),
    lanes: Sequence[int] | None = None,
    alternatives: int = 0,
    chunk: int = 64,
) -> Iterator[list[Piece]]:
    """Yield what each chunk adds to each sample that goes on, until all have ended.

    Args:
        primes: tokens that each sample starts from, at least one token each; not part of the text.
        length: tokens a sample; 0 goes on until the caller stops asking.
        stop: texts that end a sample. They are looked for in what is generated, not in the prime.
        lanes: number of each sample, which its draws depend on; 0, 1, 2, ... where not given.
        alternatives: how many of the likeliest tokens to tell at each place (reads all twice).
        chunk: most tokens drawn at once; the first chunks are shorter, so that text shows early.
    """
    read: dict[bytes, tuple[int, State]] = {}
    for prime in primes:
        key = np.asarray(prime, np.int64).tobytes()
        if key not in read:
            read[key] = read_prime(network, prime)
    starts = [read[np.asarray(prime, np.int64).tobytes()] for prime in primes]
    tokens = np.array([token for token, _ in starts], np.int64)
    state = join_states(network, [part for _, part in starts])
    numbers = np.arange(len(primes)) if lanes is None else np.asarray(lanes, np.int64)
    texts = [Lane(primed_decoder(vocabulary, prime), stop) for prime in primes]
    done, size = 0, 1
    while True:
        count = min(size, length - done) if length else size
        drawn = network.generate(
            tokens, state, count, sampling, seed=seed, start=done, lanes=numbers
        )
        likeliest = None
        if alternatives:
            inputs = np.concatenate([tokens[None], drawn.tokens[:-1]])
            likeliest = _likeliest(network, inputs, state, alternatives)
        done += count
        last = bool(length) and done >= length
        pieces = []
        going = [(b, lane) for b, lane in enumerate(texts) if not lane.ended]
        for b, lane in going:
            piece = Piece(b, "")
            for n in range(count):
                piece.tokens.append(int(drawn.tokens[n, b]))
                piece.log_probs.append(float(drawn.log_probs[n, b]))
                if likeliest is not None:
                    piece.alternatives.append(likeliest[n][b])
                piece.text += lane.feed(piece.tokens[-1])
                if lane.ended:
                    break
            if last:
                piece.text += lane.finish()
            piece.ended = lane.ended
            pieces.append(piece)
        yield pieces
        if all(lane.ended for _, lane in going):
            return
        tokens, state = np.asarray(drawn.tokens[-1], np.int64), drawn.state
        size = min(2 * size, chunk)


def _likeliest(
    network: Network, inputs: Tokens, state: State, count: int
) -> list[list[list[tuple[int, float]]]]:
    """Return the `count` likeliest next tokens and their probabilities, [T][B][count]."""
    logits, _ = network.forward(inputs, state)
    probs = np.exp(log_softmax(logits))
    order = np.argsort(-probs, axis=-1, kind="stable")[..., :count]
    ranked = np.take_along_axis(probs, order, axis=-1)
    return [
        [list(zip(ids.tolist(), shares.tolist(), strict=True)) for ids, shares in zip(*row)]
        for row in zip(order, ranked, strict=True)
    ]


def generate_texts(
    network: Network,
    vocabulary: Vocabulary,
    primes: Sequence[Tokens],
    sampling: SamplingOptions,
    *,
    length: int,
    seed: int,
    stop: Sequence[str] = (),
    lanes: Sequence[int] | None = None,
    alternatives: int = 0,
) -> list[Piece]:
    """Return every sample whole, one piece each, in order; `LANES` are drawn side by side.

    Arguments and results are those of `generate`; the length is at least 1.
    """
    lanes = range(len(primes)) if lanes is None else lanes
    wholes = []
    for first in range(0, len(primes), LANES):
        group = primes[first : first + LANES]
        whole = [Piece(first + b, "") for b in range(len(group))]
        for pieces in generate(
            network, vocabulary, group, sampling, length=length, seed=seed, stop=stop,
            lanes=lanes[first : first + LANES], alternatives=alternatives, chunk=256,
        ):  # fmt: skip
            for piece in pieces:
                into = whole[piece.sample]
                into.text += piece.text
                into.tokens += piece.tokens
                into.log_probs += piece.log_probs
                into.alternatives += piece.alternatives
                into.ended = piece.ended
        wholes += whole
    return wholes
