"""The whole network by hand: input, stack of layers, head and loss, forward and backward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from recurra.core import random, sampling
from recurra.core.errors import ShapeError
from recurra.core.parameters import Params, check_parameters
from recurra.core.spec import Embedding, Spec, ValueHead, Vector
from recurra.engines.base import (
    Batch,
    Drawn,
    Gradients,
    OptimiserOptions,
    Report,
    check_inputs,
    state_shapes,
)
from recurra.engines.heads import check_values, window_loss
from recurra.engines.reference.layer import Layer, LayerState, LayerTape, sum_rows_by_token
from recurra.engines.reference.optimisers import Optimiser, clip

Array = NDArray[Any]
State = list[LayerState]


@dataclass(slots=True)
class Dropout:
    """Masks of one training step: between layers [T, B, H] and recurrent [B, H]; None: none."""

    between: list[Array | None]
    recurrent: list[Array | None]


@dataclass(slots=True)
class Pass:
    """What a forward pass leaves for the backward one."""

    layer_inputs: list[Array]
    layers: list[LayerTape]
    top: Array
    """[T, B, H] what the head reads."""


class Ready:
    """A report that was ready at once."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def read(self) -> Report:
        return self._report


class ReferenceNetwork:
    """A network of any `Spec`, in NumPy. See `engines.base.Network` for the contract."""

    def __init__(
        self,
        spec: Spec,
        params: Params,
        optimiser: OptimiserOptions | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.spec = spec
        self.dtype = np.dtype(dtype)
        self._options = optimiser or OptimiserOptions()
        self._gathered: Params | None = None
        self.params: Params = {}
        self.load_weights(params)
        self._optimiser = Optimiser(self._options, self.params)

    # Weights and state

    def weights(self) -> Params:
        return {name: array.copy() for name, array in self.params.items()}

    def load_weights(self, params: Params) -> None:
        check_parameters(self.spec, {name: array.shape for name, array in params.items()})
        # Layers keep references: arrays are made once and changed in place ever after.
        self.params = {name: np.array(array, self.dtype) for name, array in params.items()}
        cell = self.spec.stack.cell
        self.layers = [Layer(cell, self.params, k) for k in range(len(self.spec.stack.sizes))]
        if hasattr(self, "_optimiser"):
            self._optimiser = Optimiser(self._options, self.params)

    def optimiser_state(self) -> Params:
        return self._optimiser.state()

    def load_optimiser_state(self, moments: Params) -> None:
        self._optimiser.load(moments)

    def zero_state(self, batch: int) -> State:
        shapes = state_shapes(self.spec, batch)
        return self.import_state({n: np.zeros(shape, self.dtype) for n, shape in shapes.items()})

    def export_state(self, state: State) -> dict[str, Array]:
        return {f"{n}_l{k}": a.copy() for k, layer in enumerate(state) for n, a in layer.items()}

    def import_state(self, arrays: Mapping[str, Array]) -> State:
        names = self.spec.stack.cell.states
        return [
            {name: np.array(arrays[f"{name}_l{k}"], self.dtype) for name in names}
            for k in range(len(self.layers))
        ]

    # Forward

    def forward(
        self, inputs: Array, state: State, resets: Array | None = None
    ) -> tuple[Array, State]:
        check_inputs(self.spec, inputs, len(state[0]["h"]))
        passed, state = self._run(inputs, state, resets, None)
        return self._head(passed.top), state

    def advance(self, inputs: Array, state: State, resets: Array | None = None) -> State:
        check_inputs(self.spec, inputs, len(state[0]["h"]))
        return self._run(inputs, state, resets, None)[1]

    def _embed(self, inputs: Array) -> Array:
        """Return what the bottom layer reads: vectors, or the tokens themselves when one-hot."""
        if isinstance(self.spec.input, Embedding):
            return self.params["embedding.weight"][inputs]
        return np.asarray(inputs, self.dtype) if isinstance(self.spec.input, Vector) else inputs

    def _run(
        self, inputs: Array, state: State, resets: Array | None, dropout: Dropout | None
    ) -> tuple[Pass, State]:
        """Run the stack over a window."""
        x = self._embed(inputs)
        passed = Pass([], [], x)
        after: State = []
        for k, layer in enumerate(self.layers):
            mask = None if dropout is None else dropout.recurrent[k]
            y, end, tape = layer.forward(x, state[k], resets, mask)
            if dropout is not None and dropout.between[k] is not None:
                y = y * dropout.between[k]
            if self._is_residual(k):
                y = y + x
            passed.layer_inputs.append(x)
            passed.layers.append(tape)
            after.append(end)
            x = y
        passed.top = x
        return passed, after

    def _is_residual(self, k: int) -> bool:
        sizes = self.spec.stack.sizes
        return self.spec.stack.residual and k > 0 and sizes[k] == sizes[k - 1]

    def _head(self, top: Array) -> Array:
        """Return logits = W h + b."""
        return np.asarray(top @ self._head_weight().T + self.params["head.bias"])

    def _head_weight(self) -> Array:
        return self.params["embedding.weight" if self.spec.head.tied else "head.weight"]

    # Backward

    def backward(
        self, inputs: Array, state: State, doutputs: Array, resets: Array | None = None
    ) -> Gradients:
        return self._backward(inputs, state, doutputs, resets, None)

    def backward_states(
        self, inputs: Array, state: State, doutputs: Array, resets: Array | None = None
    ) -> tuple[Gradients, dict[str, Array]]:
        """Return what `backward` does, and the derivatives with respect to every state on the way.

        These are [T, B, .] under the names of `state_shapes`; row t belongs to the state that step
        t reads, so row 0 is `Gradients.state`.
        """
        shapes = state_shapes(self.spec, inputs.shape[1])
        states = {n: np.zeros((len(inputs), *shape), self.dtype) for n, shape in shapes.items()}
        return self._backward(inputs, state, doutputs, resets, states), states

    def _backward(
        self,
        inputs: Array,
        state: State,
        doutputs: Array,
        resets: Array | None,
        states: dict[str, Array] | None,
    ) -> Gradients:
        check_inputs(self.spec, inputs, len(state[0]["h"]))
        passed, _ = self._run(inputs, state, resets, None)
        width = doutputs.shape[-1]
        top = passed.top.reshape(-1, passed.top.shape[-1])
        grads = self._head_backward(top, doutputs.reshape(-1, width))
        dtop = (doutputs @ self._head_weight()).astype(self.dtype, copy=False)
        return self._pull(inputs, passed, dtop, grads, None, want_inputs=True, states=states)

    def _head_backward(self, top: Array, dlogits: Array) -> Params:
        """Return the head's gradients from h [N, H] and d logits [N, V]."""
        name = "embedding.weight" if self.spec.head.tied else "head.weight"
        return {name: dlogits.T @ top, "head.bias": dlogits.sum(axis=0)}

    def _pull(
        self,
        inputs: Array,
        passed: Pass,
        dtop: Array,
        grads: Params,
        dropout: Dropout | None,
        *,
        want_inputs: bool,
        states: dict[str, Array] | None = None,
    ) -> Gradients:
        """Pull the gradient of the stack's output [T, B, H] back to weights, inputs and state.

        `states`, where given, is filled with the gradients of the states of every step.
        """
        dstate: dict[str, Array] = {}

        def keep(t: int, dbefore: LayerState) -> None:
            if states is not None:
                for name, array in dbefore.items():
                    states[f"{name}_l{k}"][t] = array

        dy: Array = dtop
        dx: Array | None = None
        embeds = isinstance(self.spec.input, Embedding)
        for k in reversed(range(len(self.layers))):
            dh = dy
            if dropout is not None and dropout.between[k] is not None:
                dh = dh * dropout.between[k]
            zero = {n: np.zeros_like(a) for n, a in self.zero_state(dh.shape[1])[k].items()}
            layer_grads, dx, dbefore = self.layers[k].backward(
                passed.layer_inputs[k],
                passed.layers[k],
                dh,
                zero,
                want_dx=k > 0 or want_inputs or embeds,
                visit=None if states is None else keep,
            )
            grads.update({f"{name}_l{k}": array for name, array in layer_grads.items()})
            dstate.update({f"{name}_l{k}": array for name, array in dbefore.items()})
            if dx is not None:
                dy = dx + dy if self._is_residual(k) else dx
        if embeds:
            rows = dy.reshape(-1, dy.shape[-1])
            rows_of = self.params["embedding.weight"].shape[0]
            table = sum_rows_by_token(rows, inputs.reshape(-1), rows_of)
            grads["embedding.weight"] = grads.get("embedding.weight", 0) + table
        ordered = {name: grads[name] for name in self.params}
        return Gradients(ordered, dy if want_inputs else None, dstate)

    # Loss

    def gradients(self, batch: Batch, state: State) -> tuple[Report, Gradients]:
        report, grads, _ = self._learn(batch, state, None, want_inputs=True)
        return report, grads

    def _learn(
        self, batch: Batch, state: State, dropout: Dropout | None, *, want_inputs: bool
    ) -> tuple[Report, Gradients, State]:
        """Return the mean loss of a window, its gradients, and the state after it."""
        self._check(batch, state)
        passed, after = self._run(batch.inputs, state, batch.resets, dropout)
        if isinstance(self.spec.head, ValueHead):
            report, pulled = self._learn_values(passed, batch, dropout, want_inputs=want_inputs)
            return report, pulled, after
        # Positions without weight are left out of the head, the largest product of small models.
        weights = np.ones(batch.targets.shape, self.dtype)
        if batch.weights is not None:
            weights = np.asarray(batch.weights, self.dtype)
        counted = weights.reshape(-1) != 0
        share = weights.reshape(-1)[counted] / max(weights.sum(), 1e-30)
        top = passed.top.reshape(-1, passed.top.shape[-1])
        targets = batch.targets.reshape(-1)
        every = bool(counted.all())
        seen, wanted = (top, targets) if every else (top[counted], targets[counted])

        logits = self._head(seen)
        log_probs = logits - logits.max(axis=1, keepdims=True)
        log_probs -= np.log(np.exp(log_probs).sum(axis=1, keepdims=True))
        rows = np.arange(len(wanted))
        picked = log_probs[rows, wanted]
        report = Report(
            loss_nats=float(-(picked * share).sum()),
            accuracy=float(((logits.argmax(axis=1) == wanted) * share).sum()),
            mean_posterior=float((np.exp(picked) * share).sum()),
            positions=float(weights.sum()),
        )
        # d loss / d logits = (softmax - one-hot of the target) * share
        dlogits = np.exp(log_probs)
        dlogits[rows, wanted] -= 1.0
        dlogits *= share[:, None].astype(self.dtype)
        grads = self._head_backward(seen, dlogits)
        dseen = dlogits @ self._head_weight()
        dtop = dseen
        if not every:
            dtop = np.zeros_like(top)
            dtop[counted] = dseen
        pulled = self._pull(
            batch.inputs,
            passed,
            dtop.reshape(passed.top.shape),
            grads,
            dropout,
            want_inputs=want_inputs,
        )
        return report, pulled, after

    def _learn_values(
        self, passed: Pass, batch: Batch, dropout: Dropout | None, *, want_inputs: bool
    ) -> tuple[Report, Gradients]:
        """Do for numbers what `_learn` does for tokens: the loss is in `engines.heads`."""
        if not isinstance(self.spec.head, ValueHead):
            raise TypeError("this network predicts tokens.")
        loss = window_loss(self.spec.head, self._head(passed.top), batch, learn=True)
        doutputs = np.asarray(loss.doutputs, self.dtype)
        top = passed.top.reshape(-1, passed.top.shape[-1])
        grads = self._head_backward(top, doutputs.reshape(-1, doutputs.shape[-1]))
        dtop = doutputs @ self._head_weight()
        pulled = self._pull(batch.inputs, passed, dtop, grads, dropout, want_inputs=want_inputs)
        return loss.report, pulled

    def _check(self, batch: Batch, state: State) -> None:
        check_inputs(self.spec, batch.inputs, len(state[0]["h"]))
        if isinstance(self.spec.head, ValueHead):
            check_values(self.spec.head, batch)
            return
        window = batch.inputs.shape[:2]
        for name in ("targets", "weights", "resets"):
            array = getattr(batch, name)
            if array is not None and array.shape != window:
                raise ShapeError(f"{name} are {list(array.shape)}, the inputs {list(window)}.")

    def evaluate(self, batch: Batch, state: State) -> tuple[Report, Array, State]:
        self._check(batch, state)
        logits, after = self.forward(batch.inputs, state, batch.resets)
        if isinstance(self.spec.head, ValueHead):
            loss = window_loss(self.spec.head, logits, batch, learn=False)
            return loss.report, loss.log_probs, after
        log_probs = sampling.log_softmax(logits)
        picked = np.take_along_axis(log_probs, batch.targets[..., None], axis=-1)[..., 0]
        weights = np.ones(picked.shape, self.dtype)
        if batch.weights is not None:
            weights = np.asarray(batch.weights, self.dtype)
        share = weights / max(weights.sum(), 1e-30)
        report = Report(
            loss_nats=float(-(picked * share).sum()),
            accuracy=float(((logits.argmax(axis=-1) == batch.targets) * share).sum()),
            mean_posterior=float((np.exp(picked) * share).sum()),
            positions=float(weights.sum()),
        )
        return report, picked, after

    # Learning

    def train_step(
        self,
        batch: Batch,
        state: State,
        *,
        learning_rate: float,
        step: int,
        seed: int,
        part: int = 0,
        parts: int = 1,
    ) -> tuple[Ready, State]:
        length, width = batch.inputs.shape[:2]
        dropout = self._dropout(length, width, seed, step * parts + part)
        report, learned, after = self._learn(batch, state, dropout, want_inputs=False)
        grads = learned.params
        if parts > 1:
            if self._gathered is None or part == 0:
                self._gathered = {name: np.zeros_like(g) for name, g in grads.items()}
            for name, grad in grads.items():
                self._gathered[name] += grad / parts
            grads = self._gathered
        if part < parts - 1:
            return Ready(report), after
        norm = clip(grads, self._options)
        self._optimiser.update(self.params, grads, learning_rate)
        self._gathered = None
        whole = Report(
            report.loss_nats, report.accuracy, report.mean_posterior, report.positions, norm
        )
        return Ready(whole), after

    def _dropout(self, length: int, width: int, seed: int, index: int) -> Dropout | None:
        stack = self.spec.stack
        if not (stack.dropout or stack.recurrent_dropout):
            return None
        masks = Dropout([], [])
        for lane, units in enumerate(stack.sizes):
            for rate, stream, shape, into in (
                (stack.dropout, random.DROPOUT, (length, width, units), masks.between),
                (
                    stack.recurrent_dropout,
                    random.RECURRENT_DROPOUT,
                    (width, units),
                    masks.recurrent,
                ),
            ):
                mask = None
                if rate:
                    mask = random.dropout_mask(shape, rate, seed, stream, index=index, lane=lane)
                    mask = mask.astype(self.dtype, copy=False)
                into.append(mask)
        return masks

    # Generation and insight

    def generate(
        self,
        tokens: Array,
        state: State,
        count: int,
        sampling: sampling.SamplingOptions,
        *,
        seed: int,
        start: int = 0,
        lanes: Array | None = None,
    ) -> Drawn:
        from recurra.core.sampling import choose, distribution, log_softmax, sampling_uniforms

        tokens = np.asarray(tokens, np.int64)
        check_inputs(self.spec, tokens[None], len(state[0]["h"]))
        width = len(tokens)
        lanes = np.arange(width) if lanes is None else lanes
        uniforms = None if sampling.greedy else sampling_uniforms(seed, lanes, start, count)
        drawn = np.empty((count, width), np.int64)
        log_probs = np.empty((count, width))
        for n in range(count):
            top, state = self._step(tokens, state)
            every = log_softmax(self._head(top))
            if uniforms is None:
                tokens = every.argmax(axis=-1)
            else:
                shares = distribution(every, sampling)
                tokens = choose(shares, uniforms[n], resample=sampling.resample)
            drawn[n] = tokens
            log_probs[n] = every[np.arange(width), tokens]
        return Drawn(drawn, log_probs, state)

    def _step(self, tokens: Array, state: State) -> tuple[Array, State]:
        """Read one token a sequence: the stack's output [B, H] and the new state."""
        x = self._embed(tokens[None])
        after: State = []
        for k, layer in enumerate(self.layers):
            zx, _, _ = layer.input_sums(x)
            end, _ = layer.step(zx[0], state[k], state[k]["h"])
            y = end["h"][None]
            x = y + x if self._is_residual(k) else y
            after.append(end)
        return x[0], after

    def trace(self, inputs: Array, state: State, resets: Array | None = None) -> dict[str, Array]:
        check_inputs(self.spec, inputs, len(state[0]["h"]))
        passed, _ = self._run(inputs, state, resets, None)
        found: dict[str, Array] = {}
        cell = self.spec.stack.cell
        for k, layer in enumerate(passed.layers):
            if cell.gru:
                names = cell.gates
                hs = [(1.0 - s.z) * s.n + s.z * s.h_prev for s in layer.steps]
            else:
                names = (*cell.gates, "c")
                hs = [s.o * s.y for s in layer.steps]
            for name in names:
                found[f"{name}_l{k}"] = np.stack([getattr(s, name) for s in layer.steps])
            found[f"h_l{k}"] = np.stack(hs)
        found["logits"] = self._head(passed.top)
        return found
