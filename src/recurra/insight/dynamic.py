"""Dynamic evaluation: a network that goes on learning from the text that it is scored on.

After each window has been predicted, and counted, the weights take one step of gradient descent on
it and are pulled back towards where they were trained to:

    w <- w - rate * g / (sqrt(m) + e) + decay * r * (w0 - w),   r = sqrt(m) / mean(sqrt(m))

m is the mean squared gradient over the training text, and e a thousandth of its root's mean; the
pull is held to at most 1. Without training text, m is the same everywhere: plain gradient descent
with the gradient's norm held to 1.

Source: Krause et al. 2018, "Dynamic Evaluation of Neural Sequence Models", arXiv:1709.07432,
section 4, which scales `decay` and holds it in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import NumericError
from recurra.core.options import Options, knob
from recurra.core.parameters import Params
from recurra.engines.base import Batch, Network

Progress = Callable[[int, int], None]
"""Called with tokens done and tokens in all."""


class DynamicOptions(Options):
    """How weights adapt to the text that they are scored on.

    The defaults were chosen on 16,000 characters of tinyshakespeare and a network of 2 x 256 units.
    Steps twice as large went astray there.
    """

    dynamic_window: int = knob(
        32, "dynamic evaluation: tokens from one step to the next", low=1, high=4096,
        unit="tokens", advanced=True,
    )  # fmt: skip
    dynamic_rate: float = knob(
        4e-4, "dynamic evaluation: step size with training text at hand", low=0, advanced=True
    )
    dynamic_plain_rate: float = knob(
        0.15, "dynamic evaluation: step size without training text", low=0, advanced=True
    )
    dynamic_decay: float = knob(
        1e-3, "dynamic evaluation: pull back to the trained weights a step", low=0, high=1,
        advanced=True,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Adapted:
    """What a stream cost while the weights adapted to it."""

    nats: NDArray[np.float64]
    """[tokens] of each token, before anything was learned from it."""
    moved: float
    """How far the weights have moved in the end, as a share of their own norm."""


def squared_gradients(network: Network, batches: Iterable[Batch]) -> Params:
    """Return the mean squared gradient of each weight over some windows, each from state zero."""
    sums: Params = {}
    count = 0
    for batch in batches:
        _, found = network.gradients(batch, network.zero_state(batch.inputs.shape[1]))
        for name, gradient in found.params.items():
            sums[name] = sums.get(name, 0.0) + np.square(gradient, dtype=np.float64)
        count += 1
    return {name: total / max(1, count) for name, total in sums.items()}


def evaluate_dynamically(
    network: Network,
    tokens: NDArray[np.integer],
    start: int,
    options: DynamicOptions,
    *,
    squares: Params | None = None,
    progress: Progress | None = None,
) -> Adapted:
    """Score a stream with carried state while the weights adapt to it.

    Args:
        network: changed in place; give it a network of its own.
        tokens: [N]. start: the token that is read before the first one.
        squares: what `squared_gradients` returned for the training text, if there is any.
    Raises: `NumericError` where the step size is too large and the loss is no number any more.
    """
    prior = network.weights()
    weights = {name: array.copy() for name, array in prior.items()}
    scale, pull = _scales(prior, squares, options)
    state = network.zero_state(1)
    before = np.array([start], np.int64)
    nats = np.empty(len(tokens))
    width = options.dynamic_window
    for first in range(0, len(tokens), width):
        targets = np.asarray(tokens[first : first + width], np.int64)
        batch = Batch(np.concatenate([before, targets[:-1]])[:, None], targets[:, None])
        _, log_probs, after = network.evaluate(batch, state)
        nats[first : first + width] = -np.asarray(log_probs, np.float64)[:, 0]
        if not np.isfinite(nats[first : first + width]).all():
            raise NumericError(
                f"dynamic evaluation went astray after {first:,} tokens; take a smaller step size."
            )
        _, found = network.gradients(batch, state)
        if squares is None:
            norm = float(np.sqrt(sum(float(np.square(g).sum()) for g in found.params.values())))
            rate = options.dynamic_plain_rate / max(1.0, norm)
        else:
            rate = 1.0
        for name, gradient in found.params.items():
            array = weights[name]
            array -= rate * scale[name] * gradient
            array += pull[name] * (prior[name] - array)
        network.load_weights(weights)
        state, before = after, targets[-1:]
        if progress is not None:
            progress(first + len(targets), len(tokens))
    return Adapted(nats, _distance(weights, prior))


def _scales(
    prior: Params, squares: Params | None, options: DynamicOptions
) -> tuple[dict[str, NDArray[np.floating] | float], dict[str, NDArray[np.floating] | float]]:
    """Return for each weight the step size and the pull back, in the weights' precision."""
    if squares is None:
        return dict.fromkeys(prior, 1.0), dict.fromkeys(prior, options.dynamic_decay)
    roots = {name: np.sqrt(square) for name, square in squares.items()}
    mean = float(np.concatenate([root.ravel() for root in roots.values()]).mean()) or 1.0
    steps: dict[str, NDArray[np.floating] | float] = {}
    pulls: dict[str, NDArray[np.floating] | float] = {}
    for name, root in roots.items():
        dtype = prior[name].dtype
        steps[name] = (options.dynamic_rate / (root + 1e-3 * mean)).astype(dtype)
        pulls[name] = np.minimum(1.0, options.dynamic_decay * root / mean).astype(dtype)
    return steps, pulls


def _distance(weights: Params, prior: Params) -> float:
    moved = sum(float(np.square(weights[name] - prior[name]).sum()) for name in prior)
    whole = sum(float(np.square(array).sum()) for array in prior.values())
    return float(np.sqrt(moved / max(whole, 1e-30)))
