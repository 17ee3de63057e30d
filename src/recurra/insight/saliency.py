"""Which inputs, and which states on the way, moved one prediction.

The score is the logit or the log-probability of one token at the end of a sequence. Its gradient
goes back through time to every input vector (the embedded token, or its one-hot vector) and to
every hidden and cell state that a step has read. Integrated gradients (Sundararajan, Taly and Yan
2017, arXiv:1703.01365) average the gradient on the way from no input at all, the zero vector, to
the real one; their attributions add up to what the inputs changed in the score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from recurra.core.errors import ConfigError, ShapeError
from recurra.core.parameters import Params
from recurra.core.sampling import log_softmax
from recurra.core.spec import Embedding, OneHot, Spec, Vector
from recurra.engines.reference import ReferenceNetwork

Array = NDArray[Any]
Score = Literal["logit", "log_probability"]
Method = Literal["gradient", "integrated"]

PARTS = 512
"""Points of the integral. Over ten steps of a trained network 64 are not enough."""
SIDE = 64
"""Points computed side by side."""


@dataclass(frozen=True, slots=True)
class Saliency:
    """How one score depends on each of T steps."""

    target: int
    """The token whose score it is."""
    score: float
    inputs: Array
    """[T, F] derivative with respect to each input vector; averaged over the path where the method
    is integrated gradients."""
    vectors: Array
    """[T, F] the input vectors themselves."""
    states: Mapping[str, Array]
    """[T, H] derivative with respect to the state that each step read, named as `state_shapes`
    names them: "h_l0", "c_l0", ... Empty with integrated gradients."""
    gap: float = 0.0
    """With integrated gradients, by how much the attributions of all the inputs miss the change in
    score that they have to add up to. Through many steps the path is rough and the gap grows large:
    then the attributions mean nothing; look less far back, or take more points."""

    @property
    def norm(self) -> Array:
        """[T] length of the derivative: how much the score moves for a small change."""
        return np.asarray(np.linalg.norm(self.inputs, axis=1))

    @property
    def dot(self) -> Array:
        """[T] derivative times input: how much of the score each input accounts for, with sign."""
        return np.asarray((self.inputs * self.vectors).sum(axis=1))

    def state_norm(self, name: Literal["h", "c"], layer: int) -> Array:
        """[T] length of the derivative with respect to a layer's hidden or cell state."""
        return np.asarray(np.linalg.norm(self.states[f"{name}_l{layer}"], axis=1))


class SaliencyProbe:
    """A network made ready to be asked; it computes on the reference engine.

    Args:
        spec, params: the network.
        dtype: float64 by default, in which gradients agree with finite differences to 1e-6.
    """

    def __init__(self, spec: Spec, params: Params, dtype: DTypeLike = np.float64) -> None:
        self.spec = spec
        self.dtype = np.dtype(dtype)
        self.table: Array | None = None
        if isinstance(spec.input, Embedding):
            self.table = np.asarray(params["embedding.weight"], dtype)
        elif isinstance(spec.input, OneHot):
            self.table = np.eye(spec.input.vocabulary_size, dtype=dtype)
        # Inputs become vectors, so that there is a path to walk between them.
        weights = {n: w for n, w in params.items() if n != "embedding.weight"}
        if spec.head.tied:
            weights["head.weight"] = params["embedding.weight"]
        self.network = ReferenceNetwork(
            spec.replace(
                input=Vector(size=spec.input.features), head=spec.head.replace(tied=False)
            ),
            weights,
            dtype=dtype,
        )

    def vectors(self, inputs: Array) -> Array:
        """Return what the bottom layer reads, [..., F]."""
        if self.table is None:
            return np.asarray(inputs, self.dtype)
        return np.asarray(self.table[np.asarray(inputs, np.int64)])

    def ask(
        self,
        inputs: Array,
        target: int | None = None,
        *,
        score: Score = "log_probability",
        method: Method = "gradient",
        state: Mapping[str, Array] | None = None,
        parts: int = PARTS,
    ) -> Saliency:
        """Return how the score of `target` after the last input depends on all of them.

        Args:
            inputs: [T] tokens or [T, F] vectors, at least one.
            target: a token; the likeliest where nothing is said.
            score: what of it is differentiated.
            method: the gradient where it stands, or integrated from the zero vector.
            state: before the first input, [1, H] arrays named as `state_shapes` names them; zero
                where nothing is said.
            parts: points of the integral (midpoint rule).
        Raises:
            ShapeError: there are no inputs.
            ConfigError: there is no such target.
        """
        x = self.vectors(inputs)[:, None]
        if x.ndim != 3 or not len(x):
            raise ShapeError("saliency needs a sequence of at least one input.")
        before = self.network.zero_state(1) if state is None else self.network.import_state(state)
        logits, _ = self.network.forward(x, before)
        last = logits[-1, 0]
        if target is None:
            target = int(last.argmax())
        if not 0 <= target < len(last):
            raise ConfigError(f"{target} is no token: they run from 0 to {len(last) - 1}.")
        value = last[target] if score == "logit" else log_softmax(last)[target]
        if method == "integrated":
            inputs_gradient, states = self._integrated(x, target, score, state, parts), {}
            empty, _ = self.network.forward(np.zeros_like(x), before)
            nothing = empty[-1, 0]
            base = nothing[target] if score == "logit" else log_softmax(nothing)[target]
            gap = float((inputs_gradient * x[:, 0]).sum() - (value - base))
        else:
            gap = 0.0
            upstream = np.zeros_like(logits)
            upstream[-1] = slope(logits[-1], np.array([target]), score)
            found, every = self.network.backward_states(x, before, upstream)
            if found.inputs is None:
                raise ShapeError("the engine gave no gradient of the inputs.")
            inputs_gradient = found.inputs[:, 0]
            states = {name: array[:, 0] for name, array in every.items()}
        return Saliency(target, float(value), inputs_gradient, x[:, 0], states, gap)

    def _integrated(
        self, x: Array, target: int, score: Score, state: Mapping[str, Array] | None, parts: int
    ) -> Array:
        """Return the mean gradient [T, F] over the path, `SIDE` points of it at a time."""
        total = np.zeros((len(x), x.shape[2]), self.dtype)
        for first in range(0, parts, SIDE):
            share = (np.arange(first, min(first + SIDE, parts), dtype=self.dtype) + 0.5) / parts
            path = x * share[None, :, None]
            before = self.network.zero_state(len(share))
            if state is not None:
                wide = {name: np.repeat(array, len(share), axis=0) for name, array in state.items()}
                before = self.network.import_state(wide)
            logits, _ = self.network.forward(path, before)
            upstream = np.zeros_like(logits)
            upstream[-1] = slope(logits[-1], np.full(len(share), target), score)
            found = self.network.backward(path, before, upstream)
            if found.inputs is None:
                raise ShapeError("the engine gave no gradient of the inputs.")
            total += found.inputs.sum(axis=1)
        return total / parts

    def ask_many(
        self, inputs: Array, states: Mapping[str, Array], lengths: Array, targets: Array
    ) -> Array:
        """Return derivative times input for many windows at once, of log-probabilities: [T, B].

        Args:
            inputs: [T, B] tokens, the windows side by side; each ends in the last row.
            states: before each window, [B, H]. lengths: [B] steps that count; those before them
                are not read. targets: [B] the tokens whose log-probability is asked for.
        """
        x = self.vectors(inputs)
        steps, width = x.shape[:2]
        state = self.network.import_state(states)
        # Shorter windows stand at the end and begin from the zero state; nothing flows past it.
        resets = np.arange(steps)[:, None] == steps - np.asarray(lengths)[None]
        resets[0] = False
        logits, _ = self.network.forward(x, state, resets)
        upstream = np.zeros_like(logits)
        upstream[-1] = slope(logits[-1], np.asarray(targets), "log_probability")
        found = self.network.backward(x, state, upstream, resets)
        if found.inputs is None or found.inputs.shape[1] != width:
            raise ShapeError("the engine gave no gradient of the inputs.")
        return np.asarray((found.inputs * x).sum(axis=-1))


def slope(logits: Array, targets: Array, score: Score) -> Array:
    """Return the derivative [B, V] of the targets' [B] scores with respect to the logits [B, V]."""
    rows = np.arange(len(targets))
    made = np.zeros_like(logits)
    if score == "log_probability":
        made -= np.exp(log_softmax(logits)).astype(logits.dtype)
    made[rows, targets] += 1.0
    return made
