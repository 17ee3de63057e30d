"""Music from a network: tokens drawn one by one, under rules where there are some.

Draw n of lane k depends on the seed, n and k alone. Without rules a whole chunk is drawn inside the
engine; with rules every token is drawn here, from the distribution that the rules leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recurra.core.sampling import (
    SamplingOptions,
    choose,
    distribution,
    log_softmax,
    sampling_uniforms,
)
from recurra.engines.base import Network, State
from recurra.learning.priming import join_states, read_prime
from recurra.tasks.music.vocabulary import END

Tokens = NDArray[np.int32]
Progress = Callable[[int, int], None]

LANES = 64
"""Pieces drawn side by side."""
CHUNK = 128
"""Tokens drawn at once where there are no rules."""


class Rules(Protocol):
    """What may come next in one piece."""

    def allowed(self) -> NDArray[np.bool_] | None:
        """Return [V] which tokens may come next; None where all may."""
        ...

    def take(self, token: int) -> None:
        """Go on with a token that was drawn."""
        ...


@dataclass(frozen=True, slots=True)
class Drawn:
    """One piece that was drawn."""

    tokens: Tokens
    """Without the end."""
    ending: float
    """Log-probability of the last two tokens, the bar line (or end of step) and the end, as the
    model has it where all may come; minus infinity without rules or where it did not end."""


def draw_pieces(
    network: Network,
    primes: Sequence[Sequence[int] | Tokens],
    sampling: SamplingOptions,
    *,
    length: int,
    seed: int,
    lanes: Sequence[int] | None = None,
    rules: Sequence[Rules] | None = None,
    progress: Progress | None = None,
) -> list[Drawn]:
    """Return what follows each prime, up to the end of the piece, which is left out.

    Args:
        primes: tokens that each piece starts from, the opening `END` first.
        length: most tokens of a piece.
        lanes: number of each piece, on which its draws depend; 0, 1, 2, ... where not given.
        rules: one a piece, which have taken the prime already.
        progress: called with tokens drawn and the most there can be.
    """
    numbers = list(range(len(primes))) if lanes is None else list(lanes)
    found: list[Drawn] = []
    for first in range(0, len(primes), LANES):
        part = slice(first, first + LANES)
        mine = None if rules is None else rules[part]
        found += _draw(
            network, primes[part], sampling, length, seed, np.array(numbers[part]), mine, progress
        )
    return found


def draw(
    network: Network,
    primes: Sequence[Sequence[int] | Tokens],
    sampling: SamplingOptions,
    *,
    length: int,
    seed: int,
    lanes: Sequence[int] | None = None,
) -> list[Tokens]:
    """Return what follows each prime without rules; see `draw_pieces`."""
    drawn = draw_pieces(network, primes, sampling, length=length, seed=seed, lanes=lanes)
    return [one.tokens for one in drawn]


def _draw(
    network: Network,
    primes: Sequence[Sequence[int] | Tokens],
    sampling: SamplingOptions,
    length: int,
    seed: int,
    lanes: NDArray[np.integer],
    rules: Sequence[Rules] | None,
    progress: Progress | None,
) -> list[Drawn]:
    read: dict[tuple[int, ...], tuple[int, State]] = {}
    keys = [tuple(int(token) for token in prime) for prime in primes]
    for key in keys:
        if key not in read:
            read[key] = read_prime(network, np.array(key, np.int64))
    tokens = np.array([read[key][0] for key in keys], np.int64)
    state = join_states(network, [read[key][1] for key in keys])
    drawn: list[list[int]] = [[] for _ in primes]
    going = np.ones(len(primes), bool)
    last = np.zeros(len(primes))
    endings = np.full(len(primes), -np.inf)
    done = 0
    while done < length and going.any():
        if rules is None:
            count = min(CHUNK, length - done)
            made = network.generate(
                tokens, state, count, sampling, seed=seed, start=done, lanes=lanes
            )
            rows, state = made.tokens, made.state
        else:
            count = 1
            logits, state = network.forward(tokens[None], state)
            uniforms = sampling_uniforms(seed, lanes, done, 1)[0]
            log_probs = log_softmax(logits[0])
            rows = ruled(log_probs, rules, going, sampling, uniforms)[None]
            told = np.take_along_axis(log_probs, rows.T, axis=1)[:, 0]
            ended = going & (rows[0] == END)
            endings[ended] = last[ended] + told[ended]
            last = told
        for row in rows:
            for b in np.flatnonzero(going).tolist():
                token = int(row[b])
                going[b] = token != END
                if going[b]:
                    drawn[b].append(token)
                    if rules is not None:
                        rules[b].take(token)
        tokens = np.asarray(rows[-1], np.int64)
        done += count
        if progress is not None:
            progress(done, length)
    pairs = zip(drawn, endings.tolist(), strict=True)
    return [Drawn(np.array(tokens, np.int32), ending) for tokens, ending in pairs]


def ruled(
    log_probs: NDArray[np.float64],
    rules: Sequence[Rules],
    going: NDArray[np.bool_],
    sampling: SamplingOptions,
    uniforms: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Draw one token a row of `log_probs` [B, V] among those that the rules allow."""
    kept = log_probs.copy()
    for b in np.flatnonzero(going).tolist():
        allowed = rules[b].allowed()
        if allowed is not None:
            kept[b] = masked(log_probs[b], allowed)
    return choose(distribution(kept, sampling), uniforms, resample=sampling.resample)


def masked(log_probs: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return log-probabilities [V] with what is not allowed far below everything else."""
    if not allowed.any():
        return log_probs
    best = log_probs[allowed].max()
    # Where the model thinks nothing of what is allowed, it is still the best of it that counts.
    return np.where(allowed, log_probs - best, -1e9)
