"""A window of inputs through all layers: fused library calls where the cell allows, else loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recurra.core import random
from recurra.core.spec import Embedding, OneHot, Spec
from recurra.engines.torch.layer import Layer, LayerState

HOST_MASK_LIMIT = 1 << 18
"""On CUDA, larger dropout masks than this are drawn on the device, from a generator of its own.

A mask below it, and every mask on a CPU, is `core.random.dropout_mask`: the same numbers for all
engines. Copying a large one to the device each step would cost more than the step.
"""


@dataclass(slots=True)
class Masks:
    """Dropout of one training step. Each list is empty, or has one mask a layer."""

    outputs: list[Tensor] = field(default_factory=list)
    """[T, B, H], on a layer's output."""
    recurrent: list[Tensor] = field(default_factory=list)
    """[B, H], on the hidden state in the recurrent product, the same for the whole window."""

    def between(self, start: int, end: int) -> Masks:
        """Return the part for times start .. end - 1."""
        return Masks([mask[start:end] for mask in self.outputs], self.recurrent)

    def tensors(self) -> list[Tensor]:
        return [*self.outputs, *self.recurrent]


NO_MASKS = Masks()


class Fused:
    """Neighbouring layers that one library call computes: LSTMs or GRUs of one size."""

    def __init__(self, first: int, layers: Sequence[Layer], *, gathers: bool) -> None:
        """Collect the weights in the library's order.

        Args:
            first: number of the lowest layer.
            gathers: whether the inputs are rows of the lowest layer's input weights already, so
                that the library multiplies them by the identity.
        """
        self.first = first
        self.count = len(layers)
        self.gru = layers[0].cell.gru
        self.units = layers[0].weight_hh.shape[1]
        self.gathers = gathers
        self.weights: list[Tensor] = []
        for k, layer in enumerate(layers):
            w_ih = layer.weight_ih
            if gathers and k == 0:
                w_ih = torch.eye(w_ih.shape[0], dtype=w_ih.dtype, device=w_ih.device)
            # We keep one bias; the library's second one is a zero that never learns.
            second = layer.bias_hh
            if second is None:
                second = torch.zeros_like(layer.bias_ih, requires_grad=False)
            self.weights += [w_ih, layer.weight_hh, layer.bias_ih, second]
        self.flatten()

    def flatten(self) -> None:
        """On CUDA, lay the weights out in one piece, as cuDNN wants them, keeping their values."""
        if not self.weights[0].is_cuda:
            return
        from torch.backends.cudnn import rnn

        with torch.no_grad():
            torch._cudnn_rnn_flatten_weight(
                self.weights,
                4,
                self.weights[0].shape[1],
                rnn.get_cudnn_mode("GRU" if self.gru else "LSTM"),  # type: ignore[no-untyped-call]
                self.units,
                0,
                self.count,
                False,
                False,
            )

    def run(self, x: Tensor, states: list[LayerState]) -> tuple[Tensor, list[LayerState]]:
        """Compute [T, B, F] to [T, B, H] and the states after the last step."""
        train = torch.is_grad_enabled()
        h = torch.stack([state["h"] for state in states])
        if self.gru:
            y, h = torch.gru(x, h, self.weights, True, self.count, 0.0, train, False, False)
            return y, [{"h": row} for row in h.unbind(0)]
        c = torch.stack([state["c"] for state in states])
        y, h, c = torch.lstm(x, (h, c), self.weights, True, self.count, 0.0, train, False, False)
        return y, [{"h": a, "c": b} for a, b in zip(h.unbind(0), c.unbind(0), strict=True)]


class TorchStack:
    """Input and layers of a network, over the tensors in `weights` (which may change in place)."""

    def __init__(self, spec: Spec, weights: dict[str, Tensor]) -> None:
        self.spec = spec
        self.weights = weights
        stack = spec.stack
        self.layers = [Layer.of(stack.cell, weights, k) for k in range(len(stack.sizes))]
        # A one-hot vector is cheaper as a dense one than as a gathered row times the identity,
        # while the vocabulary is smaller than the row.
        rows = self.layers[0].weight_ih.shape[0]
        self._gathers = isinstance(spec.input, OneHot) and spec.input.vocabulary_size > rows
        self.fused = self._groups()

    def _groups(self) -> list[Fused]:
        """Cut the layers into the fewest library calls; none where no library has the cell."""
        stack = self.spec.stack
        if not (stack.cell.is_vanilla or stack.cell.gru):
            return []
        apart = bool(stack.dropout) or stack.residual
        groups: list[list[int]] = []
        for k, units in enumerate(stack.sizes):
            if groups and not apart and stack.sizes[k - 1] == units:
                groups[-1].append(k)
            else:
                groups.append([k])
        return [
            Fused(g[0], [self.layers[k] for k in g], gathers=self._gathers and g[0] == 0)
            for g in groups
        ]

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the vectors [T, B, F] that the bottom layer reads, for one-hot tokens too."""
        if isinstance(self.spec.input, Embedding):
            return functional.embedding(inputs, self.weights["embedding.weight"])
        if isinstance(self.spec.input, OneHot):
            dtype = self.layers[0].weight_ih.dtype
            if torch.is_autocast_enabled(inputs.device.type):
                dtype = torch.get_autocast_dtype(inputs.device.type)
            shape = (*inputs.shape, self.spec.input.vocabulary_size)
            return torch.zeros(shape, dtype=dtype, device=inputs.device).scatter_(
                2, inputs[..., None], 1.0
            )
        return inputs

    def run(
        self,
        inputs: Tensor,
        state: dict[str, Tensor],
        resets: NDArray[np.bool_] | None = None,
        masks: Masks = NO_MASKS,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the top layer's outputs [T, B, H] and the state after the window.

        Args:
            inputs: tokens [T, B], or vectors [T, B, F]: those of a Vector input or from `embed`.
            state: under the names of `engines.base.state_shapes`. Not modified.
            resets: [T, B] on the host. The window is cut wherever any sequence is reset, because
                a library call cannot change the state on its way.
        """
        names = self.spec.stack.cell.states
        states = [{n: state[f"{n}_l{k}"] for n in names} for k in range(len(self.layers))]
        length = inputs.shape[0]
        cuts = [] if resets is None else np.flatnonzero(resets.any(axis=1)).tolist()
        starts = [0, *(cut for cut in cuts if cut)]
        outputs = []
        for start, end in zip(starts, [*starts[1:], length], strict=True):
            if resets is not None and start in cuts:
                keep = torch.from_numpy(~resets[start])[:, None].to(inputs.device)
                states = [{n: a * keep for n, a in layer.items()} for layer in states]
            whole = len(starts) == 1
            part = inputs if whole else inputs[start:end]
            y, states = self._window(part, states, masks if whole else masks.between(start, end))
            outputs.append(y)
        y = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return y, {f"{n}_l{k}": a for k, layer in enumerate(states) for n, a in layer.items()}

    def _window(
        self, inputs: Tensor, states: list[LayerState], masks: Masks
    ) -> tuple[Tensor, list[LayerState]]:
        if self.fused and not masks.recurrent:
            return self._fused_window(inputs, states, masks)
        after: list[LayerState] = []
        x = inputs
        for k, layer in enumerate(self.layers):
            mask = masks.recurrent[k] if masks.recurrent else None
            h, end = layer.loop(self._product(x, k), states[k], mask)
            x = self._leave(h, x, k, masks)
            after.append(end)
        return x, after

    def trace(
        self, inputs: Tensor, state: dict[str, Tensor], resets: NDArray[np.bool_] | None
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return every gate and state [T, B, H] of every layer by name, and the top's outputs."""
        found: dict[str, Tensor] = {}
        x = inputs
        for k, layer in enumerate(self.layers):
            now = {n: state[f"{n}_l{k}"] for n in self.spec.stack.cell.states}
            steps: dict[str, list[Tensor]] = {}
            for t, sums in enumerate(layer.input_sums(self._product(x, k)).unbind(0)):
                if resets is not None:
                    keep = torch.from_numpy(~resets[t])[:, None].to(sums.device)
                    now = {n: a * keep for n, a in now.items()}
                now, gates = layer.step(sums, now)
                shown = {n: a for n, a in now.items() if n != "gates"}
                for name, array in {**gates, **shown}.items():
                    steps.setdefault(name, []).append(array)
            found |= {f"{name}_l{k}": torch.stack(arrays) for name, arrays in steps.items()}
            x = self._leave(found[f"h_l{k}"], self._vectors(x), k, NO_MASKS)
        return found, x

    def _product(self, x: Tensor, k: int) -> Tensor:
        """Return W x [T, B, G*H] of layer k. Tokens gather rows: no product with unit vectors."""
        weight = self.layers[k].weight_ih
        if k == 0 and not x.is_floating_point():
            if isinstance(self.spec.input, OneHot):
                return functional.embedding(x, weight.t())
            x = self.embed(x)
        return functional.linear(x, weight)

    def _fused_window(
        self, inputs: Tensor, states: list[LayerState], masks: Masks
    ) -> tuple[Tensor, list[LayerState]]:
        after: list[LayerState] = []
        x = inputs
        for group in self.fused:
            if group.first == 0:
                x = self._product(x, 0) if group.gathers else self._vectors(x)
            top = group.first + group.count - 1
            entered = [
                {n: a.to(x.dtype) for n, a in state.items()}
                for state in states[group.first : top + 1]
            ]
            h, ends = group.run(x, entered)
            x = self._leave(h, x, top, masks)
            after += ends
        kept = self.layers[0].bias_ih.dtype
        return x, [{n: a.to(kept) for n, a in end.items()} for end in after]

    def _vectors(self, x: Tensor) -> Tensor:
        return x if x.is_floating_point() else self.embed(x)

    def _leave(self, h: Tensor, x: Tensor, k: int, masks: Masks) -> Tensor:
        """Return what layer k hands up: its hidden states, after dropout, plus its input."""
        sizes = self.spec.stack.sizes
        if masks.outputs:
            h = h * masks.outputs[k]
        if self.spec.stack.residual and k and sizes[k] == sizes[k - 1]:
            h = h + x
        return h

    def masks(self, length: int, batch: int, *, seed: int, index: int, dtype: torch.dtype) -> Masks:
        """Draw the dropout of one step, a function of (seed, index, layer).

        `dtype` is that of the layers' outputs: a wider mask would widen all that is above it.
        """
        stack, device = self.spec.stack, self.layers[0].bias_ih.device
        masks = Masks()
        for k, units in enumerate(stack.sizes):
            for rate, stream, shape, into in (
                (stack.dropout, random.DROPOUT, (length, batch, units), masks.outputs),
                (
                    stack.recurrent_dropout,
                    random.RECURRENT_DROPOUT,
                    (batch, units),
                    masks.recurrent,
                ),
            ):
                if rate:
                    into.append(_mask(shape, rate, seed, stream, index, k, device, dtype))
        return masks


def _mask(
    shape: tuple[int, ...],
    rate: float,
    seed: int,
    stream: int,
    index: int,
    lane: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    if device.type == "cuda" and int(np.prod(shape)) > HOST_MASK_LIMIT:
        word = int(random.words(seed, stream, 1, index=index, lane=lane)[0])
        generator = torch.Generator(device).manual_seed(word & (2**63 - 1))
        mask = torch.empty(shape, dtype=dtype, device=device)
        return mask.bernoulli_(1 - rate, generator=generator).div_(1 - rate)
    mask = torch.from_numpy(random.dropout_mask(shape, rate, seed, stream, index=index, lane=lane))
    return mask.to(dtype).to(device)
