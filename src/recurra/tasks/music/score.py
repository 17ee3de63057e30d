"""How well a model predicts pieces, by the protocol of the field."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recurra.engines.base import Network
from recurra.learning.held_out import Carried
from recurra.tasks.music.vocabulary import Tokens, Vocabulary
from recurra.tasks.music.windows import side_by_side

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Score:
    """Negative log-likelihood of pieces, each read alone from the state zero.

    Every token counts, the first of a piece and its end among them. For polyphony `nats_per_step`
    is the sum over all tokens divided by the number of time steps of all pieces: the frame
    log-likelihood of Boulanger-Lewandowski et al. (2012, arXiv:1206.6392, section 5), whose sets of
    notes this model writes in their one order.
    """

    pieces: int
    tokens: int
    """Ends of pieces counted."""
    steps: int
    """Time steps; tokens without the ends where the vocabulary has no steps."""
    nats: float
    piece_nats: tuple[float, ...]
    """Of each piece."""
    unit: str

    @property
    def nats_per_token(self) -> float:
        return self.nats / max(1, self.tokens)

    @property
    def nats_per_step(self) -> float:
        return self.nats / max(1, self.steps)

    @property
    def perplexity(self) -> float:
        """Exponential of the nats a token."""
        return math.exp(min(700.0, self.nats_per_token))

    def facts(self) -> dict[str, Any]:
        """Return every number under its name, as JSON data."""
        names = ("pieces", "tokens", "steps", "nats_per_token", "perplexity")
        facts: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.unit == "step":
            facts["nats_per_step"] = self.nats_per_step
        return facts


def score_pieces(
    network: Network,
    vocabulary: Vocabulary,
    pieces: Sequence[Tokens],
    *,
    progress: Progress | None = None,
) -> Score:
    """Return the score of pieces given as tokens without their end."""
    nats = np.zeros(len(pieces))
    total = sum(len(piece) + 1 for piece in pieces)
    done = 0
    carried = Carried(network)
    for window, group in side_by_side(pieces):
        _, log_probs, carried.state = network.evaluate(window.batch, carried.before(window))
        weights = window.batch.weights
        counted = np.where(np.asarray(weights) > 0, np.asarray(log_probs, np.float64), 0.0)
        nats[group] -= counted.sum(axis=0)
        done += window.tokens
        if progress is not None:
            progress(done, total)
    return Score(
        pieces=len(pieces),
        tokens=total,
        steps=sum(vocabulary.steps(piece) for piece in pieces),
        nats=float(nats.sum()),
        piece_nats=tuple(nats.tolist()),
        unit=vocabulary.unit,
    )
