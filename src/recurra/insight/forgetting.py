"""How long a network remembers: what its forget gates imply, and what a changed input shows.

A forget gate of f keeps f^n of the cell state after n steps, so half of it is gone after
ln(1/2) / ln(f) steps: 6.6 for f = 0.9, which keeps 0.35 after 10 steps and 0.04 after 30 (Gers,
Schmidhuber and Cummins 2000 introduce the gate; Tallec and Ollivier 2018 read its time scale).
A mean gate says little of a unit that keeps everything until it drops everything, so the half-life
that the gates really gave is measured too, and so is what the output still shows of one input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recurra.core import random
from recurra.core.errors import ConfigError
from recurra.core.sampling import log_softmax
from recurra.core.spec import Vector
from recurra.engines.base import Network
from recurra.insight.trace import Trace

Array = NDArray[Any]


def half_life(gate: ArrayLike) -> Array:
    """Return the steps after which half is left, for a gate (or gates) held at this value.

    0 for a gate of 0, infinity for a gate of 1.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(2.0) / np.abs(np.log(np.asarray(gate, np.float64))))


@dataclass(frozen=True, slots=True)
class Forgetting:
    """How long each of U units remembers, layers side by side."""

    sizes: tuple[int, ...]
    mean_gate: Array
    """[U] mean share of the memory that a step kept."""
    implied: Array
    """[U] steps: the half-life of a gate held at its mean."""
    measured: Array
    """[U] steps: from a step, how many later ones it takes until the product of the gates is at
    most one half; the median over the steps of the text, infinite where most never get there."""

    def by_layer(self, values: Array) -> list[Array]:
        """Cut [U] into one array a layer."""
        return np.split(values, np.cumsum(self.sizes)[:-1])

    def shares(self, values: Array, at: tuple[float, ...] = (0.1, 0.5, 0.9)) -> Array:
        """Return [L, len(at)]: the values below which these shares of each layer's units lie."""
        # A rank, not an interpolation: half-lives may be infinite.
        layers = [np.sort(layer) for layer in self.by_layer(values)]
        rows = [[layer[round(share * (len(layer) - 1))] for share in at] for layer in layers]
        return np.asarray(rows)


def forgetting(trace: Trace) -> Forgetting:
    """Return the forgetting times of every unit over the text of a trace."""
    kept = trace.kept.astype(np.float64)
    mean = kept.mean(axis=0)
    return Forgetting(trace.sizes, mean, half_life(mean), measured_half_life(kept))


def measured_half_life(kept: Array) -> Array:
    """Return the median number of steps until the product of gates [T, U] is at most one half."""
    steps, units = kept.shape
    # lost[t] is -log2 of the product of the first t gates, so one half is a difference of 1.
    lost = np.zeros((steps + 1, units))
    np.cumsum(-np.log2(np.maximum(kept, 1e-300)), axis=0, out=lost[1:])
    found = np.empty(units)
    for n in range(units):
        ends = np.searchsorted(lost[:, n], lost[:-1, n] + 1.0 - 1e-12)
        waited = np.where(ends > steps, np.inf, ends - np.arange(steps))
        found[n] = np.sort(waited)[steps // 2]
    return found


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back one input still moves the output."""

    distances: Array
    """[D] steps between the changed input and the prediction: 0 is the prediction right after."""
    divergence: Array
    """[D] nats: mean KL divergence of the prediction without the change from the one with it."""
    positions: int
    """Changed inputs that the mean is over."""

    def within(self, share: float = 0.01) -> int | None:
        """Return the first distance from which on less than `share` of the divergence at 0 is left.

        None where it never falls so low within the distances that were measured.
        """
        above = np.flatnonzero(self.divergence >= share * self.divergence[0])
        if self.divergence[0] <= 0:
            return 0
        return int(above[-1]) + 1 if above[-1] + 1 < len(self.divergence) else None


def reach(
    network: Network,
    inputs: Array,
    trace: Trace,
    *,
    distance: int = 100,
    positions: int = 256,
    seed: int = 0,
) -> Reach:
    """Change single tokens of a text and measure how long the predictions differ.

    Each changed token is replaced by another one of the text, drawn by its frequency there.

    Args:
        network: the one that was traced. inputs: [T] the tokens of the trace.
        trace: of these inputs; the unchanged states and predictions are taken from it.
        distance: how many steps to follow. positions: how many tokens to change, one at a time.
        seed: of the draws.
    Raises:
        ConfigError: the network reads vectors, or the text is shorter than `distance` + 2 tokens
            or always the same token.
    """
    if isinstance(network.spec.input, Vector):
        raise ConfigError("only networks that read tokens can have one of them changed.")
    inputs = np.asarray(inputs, np.int64)
    starts = len(inputs) - distance - 2
    if starts < 0:
        raise ConfigError(
            f"the text has {len(inputs)} tokens, but following one for {distance} steps needs "
            f"{distance + 2}; follow fewer.",
            "distance",
        )
    if (inputs == inputs[0]).all():
        raise ConfigError("the text is one token all along, so there is no other to put in.")
    # Token 0 has no traced state before it, so changes begin at token 1.
    draws = random.uniforms(seed, random.EVALUATE, 2 * positions)
    where = np.sort(1 + (draws[:positions] * (starts + 1)).astype(np.int64))
    other = np.empty(positions, np.int64)
    for n, place in enumerate(where):
        choices = inputs[inputs != inputs[place]]
        other[n] = choices[int(draws[positions + n] * len(choices))]
    windows = inputs[where[None] + np.arange(distance + 1)[:, None]]
    windows[0] = other
    state = network.import_state(trace.state_after(where - 1))
    changed, _ = network.forward(windows, state)
    total = np.zeros(distance + 1)
    for n, place in enumerate(where):
        clean = log_softmax(trace.logits[place : place + distance + 1])
        moved = log_softmax(changed[:, n])
        total += (np.exp(clean) * (clean - moved)).sum(axis=-1)
    # Rounding may leave a sum a hair below zero, which no divergence is.
    mean = np.maximum(total / positions, 0.0)
    return Reach(np.arange(distance + 1), mean, positions)
