"""From logits to a token: temperature, top-k, nucleus, min-p, and the draw itself.

The rules act in this order, each on what the one before has left, as in the tools that people
compare with: temperature, top-k, top-p (nucleus), min-p, then one draw by inverse transform.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recurra.core import random
from recurra.core.options import Options, knob


class SamplingOptions(Options):
    """How the next token is chosen from the model's distribution."""

    temperature: float = knob(
        1.0, "divides the logits; 0 always takes the likeliest", low=0, high=100, short="T"
    )
    top_k: int = knob(0, "keep only the k likeliest tokens; 0 keeps all", low=0)
    top_p: float = knob(
        1.0,
        "keep the fewest likeliest tokens that hold this much probability (nucleus; "
        "Holtzman et al. 2020)",
        above=0,
        high=1,
    )
    min_p: float = knob(
        0.0,
        "keep tokens at least this share as likely as the likeliest (Nguyen et al. 2024)",
        low=0,
        high=1,
    )
    resample: bool = knob(
        False, "draw once more when the first draw is not the likeliest token", advanced=True
    )

    @property
    def greedy(self) -> bool:
        """Whether no draw is needed. Below a millionth a temperature is taken for 0."""
        return self.temperature < 1e-6 or self.top_k == 1


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return log-probabilities over the last axis, in float64."""
    # Subtract the row maximum first: exp overflows float32 above 88.7.
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def distribution(log_probs: NDArray[np.float64], options: SamplingOptions) -> NDArray[np.float64]:
    """Return the probabilities [B, V] that the rules leave, each row summing to 1.

    Ties at a cut are decided by token number, lowest first.
    """
    if options.greedy:
        probs = np.zeros_like(log_probs)
        np.put_along_axis(probs, log_probs.argmax(axis=-1)[..., None], 1.0, axis=-1)
        return probs
    best = log_probs.max(axis=-1, keepdims=True)
    probs = np.exp((log_probs - best) / options.temperature)
    if options.top_k or options.top_p < 1:
        order = np.argsort(-probs, axis=-1, kind="stable")
        ranked = np.take_along_axis(probs, order, axis=-1)
        if options.top_k:
            ranked[..., options.top_k :] = 0.0
        if options.top_p < 1:
            # A token stays while what stands before it has not yet reached top_p.
            before = np.cumsum(ranked, axis=-1) - ranked
            ranked[before >= options.top_p * ranked.sum(axis=-1, keepdims=True)] = 0.0
        np.put_along_axis(probs, order, ranked, axis=-1)
    if options.min_p:
        probs[probs < options.min_p * probs.max(axis=-1, keepdims=True)] = 0.0
    return np.asarray(probs / probs.sum(axis=-1, keepdims=True))


def choose(
    probs: NDArray[np.float64], uniforms: NDArray[np.float64], *, resample: bool = False
) -> NDArray[np.int64]:
    """Draw one token a row by inverse transform: the first whose cumulated share exceeds u.

    Args:
        probs: [B, V], rows summing to 1.
        uniforms: [B, 2] in [0, 1): the draw, and the second draw that `resample` may need.
    Returns: [B] tokens.
    """
    cumulated = np.cumsum(probs, axis=-1)
    # The last sum may be a rounding short of 1, so the draw is scaled to it.
    drawn = (cumulated <= uniforms[:, :1] * cumulated[:, -1:]).sum(axis=-1)
    if resample:
        again = (cumulated <= uniforms[:, 1:2] * cumulated[:, -1:]).sum(axis=-1)
        drawn = np.where(drawn == probs.argmax(axis=-1), drawn, again)
    return np.asarray(np.minimum(drawn, probs.shape[-1] - 1), np.int64)


def sampling_uniforms(
    seed: int, lanes: NDArray[np.integer], start: int, count: int
) -> NDArray[np.float64]:
    """Return [count, B, 2]: words 0 and 1 of the blocks at counters (start + n, lanes[b])."""
    columns = [
        random.uniforms(seed, random.SAMPLE, 4 * count, index=start, lane=int(lane)).reshape(-1, 4)
        for lane in lanes
    ]
    return np.stack([column[:, :2] for column in columns], axis=1)
