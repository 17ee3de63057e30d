"""The contract of `engines.base.Network`, kept with PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recurra.core.errors import ShapeError
from recurra.core.parameters import Params, check_parameters
from recurra.core.sampling import SamplingOptions, sampling_uniforms
from recurra.core.spec import Head, Spec, ValueHead
from recurra.engines.base import (
    Array,
    Batch,
    Drawn,
    Gradients,
    OptimiserOptions,
    Report,
    check_inputs,
    state_shapes,
)
from recurra.engines.heads import check_values
from recurra.engines.reference import ReferenceNetwork
from recurra.engines.torch.capture import CapturedStep, Learned, Window
from recurra.engines.torch.draw import draw_on_device, draw_on_host, reference_over
from recurra.engines.torch.heads import counted_values, value_losses, value_scores
from recurra.engines.torch.loss import LateReport, Scores, softmax_scores
from recurra.engines.torch.optimiser import TorchOptimiser
from recurra.engines.torch.stack import NO_MASKS, Masks, TorchStack

State = dict[str, Tensor]
"""Detached tensors on the device, under the names of `engines.base.state_shapes`."""


class TorchNetwork:
    """A network of any `Spec`, on PyTorch."""

    def __init__(
        self,
        spec: Spec,
        params: Params,
        optimiser: OptimiserOptions,
        *,
        device: torch.device,
        dtype: np.dtype[np.floating],
        bfloat16: bool,
    ) -> None:
        check_parameters(spec, {name: array.shape for name, array in params.items()})
        self.spec = spec
        self.device = device
        self.dtype = dtype
        self.bfloat16 = bfloat16
        self._torch_dtype = torch.float64 if dtype == np.float64 else torch.float32
        self._weights = {
            name: torch.tensor(np.asarray(array, dtype), device=device, requires_grad=True)
            for name, array in params.items()
        }
        self._stack = TorchStack(spec, self._weights)
        self._options = optimiser
        self._optimiser = TorchOptimiser(optimiser, self._weights)
        self._captured = CapturedStep(self._learn)
        self._captures = self._optimiser.capturable
        self._gathered: list[Tensor] | None = None
        self._host: ReferenceNetwork | None = None

    # Weights and state

    def weights(self) -> Params:
        return {n: w.detach().cpu().numpy().copy() for n, w in self._weights.items()}

    def load_weights(self, params: Params) -> None:
        """Replace the weights and start the optimiser afresh."""
        check_parameters(self.spec, {name: array.shape for name, array in params.items()})
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(torch.from_numpy(np.array(params[name], self.dtype)))
        self._optimiser = TorchOptimiser(self._options, self._weights)
        self._captured.forget()
        self._gathered = None

    def optimiser_state(self) -> Params:
        return self._optimiser.state()

    def load_optimiser_state(self, moments: Params) -> None:
        self._optimiser.load(moments)

    def zero_state(self, batch: int) -> State:
        shapes = state_shapes(self.spec, batch)
        return {
            name: torch.zeros(shape, dtype=self._torch_dtype, device=self.device)
            for name, shape in shapes.items()
        }

    def export_state(self, state: State) -> dict[str, Array]:
        return {name: array.cpu().numpy().copy() for name, array in state.items()}

    def import_state(self, arrays: Mapping[str, Array]) -> State:
        batch = next(iter(arrays.values())).shape[0]
        return {
            name: torch.tensor(np.asarray(arrays[name], self.dtype), device=self.device)
            for name in state_shapes(self.spec, batch)
        }

    # Forward and backward

    def forward(
        self, inputs: Array, state: State, resets: Array | None = None
    ) -> tuple[Array, State]:
        self._check(inputs, state)
        with torch.no_grad(), self._products():
            top, after = self._stack.run(self._place(inputs), state, resets)
            logits = self._head(top)
        return self._numpy(logits), after

    def advance(self, inputs: Array, state: State, resets: Array | None = None) -> State:
        self._check(inputs, state)
        with torch.no_grad(), self._products():
            return self._stack.run(self._place(inputs), state, resets)[1]

    def backward(
        self, inputs: Array, state: State, doutputs: Array, resets: Array | None = None
    ) -> Gradients:
        self._check(inputs, state)
        with torch.enable_grad():
            x, entered = self._leaves(inputs, state)
            with self._products():
                top, _ = self._stack.run(x, entered, resets)
                logits = self._head(top)
        upstream = torch.from_numpy(np.array(doutputs, self.dtype)).to(self.device, logits.dtype)
        return self._pull(logits, upstream, x, entered)

    def gradients(self, batch: Batch, state: State) -> tuple[Report, Gradients]:
        self._check(batch.inputs, state, batch)
        with torch.enable_grad():
            x, entered = self._leaves(batch.inputs, state)
            window = self._window(batch, entered, NO_MASKS, x)
            scores, _ = self._scores(window, batch.resets)
        gradients = self._pull(scores.loss, None, x, entered)
        return LateReport(scores.packed(), _positions(batch, self.spec.head)).read(), gradients

    def _leaves(self, inputs: Array, state: State) -> tuple[Tensor, State]:
        """Return the input vectors and the state, both with gradients asked for."""
        x = self._stack.embed(self._place(inputs))
        if not x.requires_grad:
            x.requires_grad_()
        return x, {name: array.clone().requires_grad_() for name, array in state.items()}

    def _pull(self, of: Tensor, upstream: Tensor | None, x: Tensor, entered: State) -> Gradients:
        """Differentiate with respect to weights, inputs and state."""
        causes = [*self._weights.values(), x, *entered.values()]
        found = torch.autograd.grad(of, causes, upstream, allow_unused=True, materialize_grads=True)
        arrays = [self._numpy(grad) for grad in found]
        count = len(self._weights)
        return Gradients(
            dict(zip(self._weights, arrays, strict=False)),
            arrays[count],
            dict(zip(entered, arrays[count + 1 :], strict=True)),
        )

    def evaluate(self, batch: Batch, state: State) -> tuple[Report, Array, State]:
        self._check(batch.inputs, state, batch)
        with torch.no_grad():
            with self._products():
                top, after = self._stack.run(self._place(batch.inputs), state, batch.resets)
                logits = self._head(top)
            wide = logits.to(self._torch_dtype)
            if isinstance(self.spec.head, ValueHead):
                return (*self._value_report(self.spec.head, wide, batch), after)
            targets = self._place(batch.targets)
            log_probs = functional.log_softmax(wide, dim=-1).gather(2, targets[..., None])[..., 0]
            right = wide.argmax(dim=-1) == targets
            share = self._share(batch, None)
            if share is None:
                share = torch.full_like(log_probs, 1.0 / max(targets.numel(), 1)).flatten()
            means = [
                (part.flatten() * share).sum()
                for part in (-log_probs, right.to(wide.dtype), log_probs.exp())
            ]
            report = LateReport(torch.stack(means), _positions(batch, self.spec.head)).read()
        return report, log_probs.cpu().numpy().astype(np.float64), after

    def _value_report(self, head: ValueHead, outputs: Tensor, batch: Batch) -> tuple[Report, Array]:
        """Return the report of a window of values, and minus the loss of each position [T, B]."""
        targets, share = (self._place(part) for part in counted_values(head, batch))
        losses = value_losses(head, outputs.flatten(0, 1), targets) * share
        mean, rows = float(losses.sum()), losses.sum(dim=-1).cpu().numpy().astype(np.float64)
        positions = _positions(batch, head)
        report = Report(mean, float("nan"), float("nan"), positions)
        return report, -(rows * positions).reshape(batch.inputs.shape[:2])

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
    ) -> tuple[LateReport, State]:
        self._check(batch.inputs, state, batch)
        length, width = batch.inputs.shape[:2]
        masks = self._stack.masks(
            length,
            width,
            seed=seed,
            index=step * parts + part,
            dtype=torch.bfloat16 if self.bfloat16 else self._torch_dtype,
        )
        window = self._window(batch, state, masks)
        self._optimiser.set_rate(learning_rate)
        positions = _positions(batch, self.spec.head)
        if parts == 1:
            if self._captures and batch.resets is None:
                learned = self._captured(window)
            else:
                learned = self._learn(window, batch.resets)
            self._optimiser.steps += 1
            return LateReport(learned.scores, positions, learned.norm), learned.state
        scores, after, grads = self._differentiate(window, batch.resets)
        torch._foreach_div_(grads, float(parts))
        if part == 0 or self._gathered is None:
            self._gathered = grads
        else:
            torch._foreach_add_(self._gathered, grads)
        norm = None
        if part == parts - 1:
            norm = self._optimiser.update(self._gathered)
            self._optimiser.steps += 1
            self._gathered = None
        return LateReport(scores.packed(), positions, norm), after

    def _learn(self, window: Window, resets: Array | None = None) -> Learned:
        """Learn from one window, all on the device."""
        scores, after, grads = self._differentiate(window, resets)
        norm = self._optimiser.update(grads)
        return Learned(scores.packed(), norm, after)

    def _differentiate(
        self, window: Window, resets: Array | None
    ) -> tuple[Scores, State, list[Tensor]]:
        with torch.enable_grad():
            scores, after = self._scores(window, resets)
        grads = torch.autograd.grad(
            scores.loss, list(self._weights.values()), allow_unused=True, materialize_grads=True
        )
        # torch.optim's fused rules read a gradient as if it lay in memory as its weight does; the
        # gradient of gathered rows comes transposed.
        whole = [grad.contiguous() for grad in grads]
        return scores, {name: array.detach() for name, array in after.items()}, whole

    def _scores(self, window: Window, resets: Array | None) -> tuple[Scores, State]:
        """Run a window; the head, the largest product of small models, only where it counts."""
        with self._products():
            top, after = self._stack.run(window.inputs, window.state, resets, window.masks)
            top = top.flatten(0, 1)
            if window.positions is not None:
                top = top.index_select(0, window.positions)
            logits = self._head(top)
        if isinstance(self.spec.head, ValueHead) and window.share is not None:
            outputs = logits.to(self._torch_dtype)
            return value_scores(self.spec.head, outputs, window.targets, window.share), after
        return softmax_scores(logits, window.targets, window.share), after

    def _window(self, batch: Batch, state: State, masks: Masks, x: Tensor | None = None) -> Window:
        """Bring a batch to the device."""
        if isinstance(self.spec.head, ValueHead):
            return self._value_window(self.spec.head, batch, state, masks, x)
        targets, positions = batch.targets.reshape(-1), None
        if batch.weights is not None:
            counted = np.flatnonzero(batch.weights)
            if 2 * len(counted) < targets.size:
                targets, positions = targets[counted], counted
        return Window(
            self._place(batch.inputs) if x is None else x,
            self._place(targets),
            self._share(batch, positions),
            None if positions is None else self._place(positions),
            state,
            masks,
        )

    def _value_window(
        self, head: ValueHead, batch: Batch, state: State, masks: Masks, x: Tensor | None
    ) -> Window:
        targets, share = counted_values(head, batch)
        counted, positions = np.flatnonzero(share.any(axis=1)), None
        if 2 * len(counted) < len(share):
            targets, share, positions = targets[counted], share[counted], counted
        return Window(
            self._place(batch.inputs) if x is None else x,
            self._place(targets),
            self._place(share),
            None if positions is None else self._place(positions),
            state,
            masks,
        )

    def _share(self, batch: Batch, positions: Array | None) -> Tensor | None:
        """Return each position's share of the mean [N], or None when all count the same."""
        if batch.weights is None:
            return None
        weights = np.asarray(batch.weights, self.dtype).reshape(-1)
        share = weights / max(float(weights.sum()), 1e-30)
        return self._place(share if positions is None else share[positions])

    def _head(self, top: Tensor) -> Tensor:
        name = "embedding.weight" if self.spec.head.tied else "head.weight"
        return functional.linear(top, self._weights[name], self._weights["head.bias"])

    # Generation and insight

    def generate(
        self,
        tokens: Array,
        state: State,
        count: int,
        sampling: SamplingOptions,
        *,
        seed: int,
        start: int = 0,
        lanes: Array | None = None,
    ) -> Drawn:
        """Draw tokens, in the precision of the weights.

        On a CPU the reference network does it, on these very weights: one step of a small network
        is a few microseconds of arithmetic, and PyTorch spends several times that on calls.
        """
        tokens = np.asarray(tokens, np.int64)
        self._check(tokens[None], state)
        if self.device.type == "cpu":
            if self._host is None:
                self._host = reference_over(self.spec, self._weights)
            before = self._host.import_state(self.export_state(state))
            drawn = self._host.generate(
                tokens, before, count, sampling, seed=seed, start=start, lanes=lanes
            )
            after = self.import_state(self._host.export_state(drawn.state))
            return Drawn(drawn.tokens, drawn.log_probs, after)
        lanes = np.arange(len(tokens)) if lanes is None else lanes
        uniforms = None if sampling.greedy else sampling_uniforms(seed, lanes, start, count)
        draw = draw_on_device if self.device.type == "cuda" else draw_on_host
        with torch.no_grad():
            chosen, log_probs, after = draw(
                self._read, self._place(tokens), state, uniforms, count, sampling
            )
        return Drawn(chosen, log_probs, after)

    def _read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        top, after = self._stack.run(tokens[None], state)
        return self._head(top[0]), after

    def trace(self, inputs: Array, state: State, resets: Array | None = None) -> dict[str, Array]:
        self._check(inputs, state)
        with torch.no_grad():
            found, top = self._stack.trace(self._place(inputs), state, resets)
            found["logits"] = self._head(top)
        return {name: self._numpy(array) for name, array in found.items()}

    # Parts

    @contextlib.contextmanager
    def _products(self) -> Iterator[None]:
        """Compute matrix products in the precision that was chosen."""
        if not self.bfloat16:
            yield
            return
        with torch.autocast(self.device.type, torch.bfloat16):
            yield

    def _place(self, array: Array) -> Tensor:
        """Copy an array to the device, floats in the network's precision."""
        array = np.asarray(array)
        array = np.ascontiguousarray(array, self.dtype if array.dtype.kind == "f" else np.int64)
        if not array.flags.writeable:
            array = array.copy()
        return torch.from_numpy(array).to(self.device, non_blocking=True)

    def _numpy(self, tensor: Tensor) -> Array:
        return tensor.detach().to(self._torch_dtype).cpu().numpy()

    def _check(self, inputs: Array, state: State, batch: Batch | None = None) -> None:
        check_inputs(self.spec, inputs, state["h_l0"].shape[0])
        if batch is None:
            return
        if isinstance(self.spec.head, ValueHead):
            check_values(self.spec.head, batch)
            return
        window = inputs.shape[:2]
        for name in ("targets", "weights", "resets"):
            array = getattr(batch, name)
            if array is not None and array.shape != window:
                raise ShapeError(f"{name} are {list(array.shape)}, the inputs {list(window)}.")


def _positions(batch: Batch, head: Head | ValueHead) -> float:
    """Return the sum of the weights."""
    if batch.weights is not None:
        return float(batch.weights.sum())
    values = head.values if isinstance(head, ValueHead) else 1
    return float(batch.inputs.shape[0] * batch.inputs.shape[1] * values)
