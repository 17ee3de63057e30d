"""Beam search: the likeliest continuation that keeping the best few hypotheses at a time finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recurra.core.sampling import log_softmax
from recurra.engines.base import Network, State
from recurra.learning.priming import read_prime
from recurra.tasks.text.generate import Lane, primed_decoder
from recurra.tasks.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One continuation that the search found."""

    text: str
    tokens: list[int]
    log_probs: list[float]
    """Log-probability of each token under the model, in nats."""

    @property
    def score(self) -> float:
        """Mean log-probability a token: what finished hypotheses of unlike lengths compete by."""
        return sum(self.log_probs) / max(1, len(self.log_probs))


def beam_search(
    network: Network,
    vocabulary: Vocabulary,
    prime: NDArray[np.integer],
    *,
    width: int,
    length: int,
    stop: Sequence[str] = (),
) -> list[Hypothesis]:
    """Return the hypotheses found, best mean log-probability first: at most `width` of them.

    Every step extends each of `width` hypotheses by every token and keeps the `width` likeliest,
    all of the same length, so their sums are comparable. A hypothesis that meets a stop text is set
    aside and its place goes to another. Ties go to the better hypothesis, then to the lower token,
    so width 1 is greedy choice. Nothing is random.

    Args:
        prime: at least one token; not part of the text.
        length: tokens a hypothesis holds at most, at least 1.
    Cost: `length` forward steps of a batch of `width`.
    """
    last, state = read_prime(network, prime)
    tokens = np.array([last], np.int64)
    paths: list[list[int]] = [[]]
    shares: list[list[float]] = [[]]
    sums = np.zeros(1)
    finished: list[Hypothesis] = []
    for _ in range(length):
        logits, state = network.forward(tokens[None], state)
        log_probs = log_softmax(logits[0])
        totals = (sums[:, None] + log_probs).ravel()
        alive: list[tuple[int, int]] = []
        # Some of the best may finish here and leave their place to the next ones.
        for place in _best(totals, min(len(totals), 2 * width + len(stop))):
            row, token = divmod(int(place), log_probs.shape[1])
            path = [*paths[row], token]
            text, ended = _text(vocabulary, prime, path, stop) if stop else ("", False)
            if ended:
                share = [*shares[row], float(log_probs[row, token])]
                finished.append(Hypothesis(text, path, share))
            else:
                alive.append((row, token))
            if len(alive) == width or len(finished) >= width:
                break
        if len(finished) >= width or not alive:
            alive = []
            break
        rows = [row for row, _ in alive]
        state = _gather(network, state, rows)
        shares = [[*shares[row], float(log_probs[row, token])] for row, token in alive]
        sums = np.array([sums[row] + log_probs[row, token] for row, token in alive])
        paths = [[*paths[row], token] for row, token in alive]
        tokens = np.array([token for _, token in alive], np.int64)
    else:
        for path, share in zip(paths, shares, strict=True):
            finished.append(Hypothesis(_text(vocabulary, prime, path, stop)[0], path, share))
    return sorted(finished, key=lambda found: -found.score)[:width]


def _best(totals: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the places of the `count` largest totals, largest first, ties in order of place."""
    edge = np.partition(totals, -count)[-count]
    places = np.flatnonzero(totals >= edge)
    return places[np.argsort(-totals[places], kind="stable")][:count]


def _gather(network: Network, state: State, rows: list[int]) -> State:
    arrays = network.export_state(state)
    return network.import_state({name: array[rows] for name, array in arrays.items()})


def _text(
    vocabulary: Vocabulary, prime: NDArray[np.integer], path: list[int], stop: Sequence[str]
) -> tuple[str, bool]:
    """Return the text of a path up to a stop text, and whether one has come."""
    lane = Lane(primed_decoder(vocabulary, prime), stop)
    text = ""
    for token in path:
        text += lane.feed(token)
        if lane.ended:
            return text, True
    return text + lane.finish(), False
