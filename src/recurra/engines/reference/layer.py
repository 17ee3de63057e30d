"""One layer through time: forward over a window, backward through it.

The input product of a whole window is one matrix product before the steps begin, and each weight
gradient is one after they end; only the recurrent product has to go step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.parameters import Params
from recurra.core.spec import Cell
from recurra.engines.reference import gru, lstm
from recurra.engines.reference.functions import normalise, normalise_backward

Array = NDArray[Any]
LayerState = dict[str, Array]
"""Arrays by the names in `Cell.states`, each [B, .]."""


@dataclass(slots=True)
class LayerTape:
    """What a window leaves for its backward pass."""

    steps: list[Any]
    h_in: Array
    """[T, B, H] the hidden state that each step read, after resets and recurrent dropout."""
    keep: Array | None
    """[T, B, 1] zero where the state was reset before the step."""
    mask: Array | None
    """[B, H] recurrent dropout, one mask for the window."""
    v: Array | None
    """[T, B, G*H] normalised input sums, and 1 / their deviations (layer norm)."""
    v_inverse: Array | None


class Layer:
    """One layer's weights, under their names without the layer's number."""

    def __init__(self, cell: Cell, params: Params, k: int) -> None:
        self.cell = cell
        ending = f"_l{k}"
        self.w = {n.removesuffix(ending): a for n, a in params.items() if n.endswith(ending)}
        self.lstm = lstm.Weights(
            hh=self.w["weight_hh"],
            peephole=self.w.get("peephole"),
            gg=self.w.get("weight_gg"),
            norm_hh=self.w.get("norm_hh"),
            norm_c=self.w.get("norm_c"),
        )

    def input_sums(self, x: Array) -> tuple[Array, Array | None, Array | None]:
        """Return W x + b for a window, [T, B, G*H], and what layer norm's gradient needs.

        `x` is [T, B, F] floats, or [T, B] integers: tokens, whose one-hot vectors pick rows of W.
        """
        w_ih = self.w["weight_ih"]
        # The transpose is copied once, so that a token's row is contiguous when it is gathered.
        zx = np.ascontiguousarray(w_ih.T)[x] if x.ndim == 2 else x @ w_ih.T
        if "norm_ih" not in self.w:
            return zx + self.w["bias_ih"], None, None
        v, inverse = normalise(zx)
        return v * self.w["norm_ih"] + self.w["bias_ih"], v, inverse

    def step(self, zx: Array, state: LayerState, h_in: Array) -> tuple[LayerState, Any]:
        """Advance by one step from its input sums [B, G*H]; the products read h_in [B, H]."""
        if self.cell.gru:
            h, tape = gru.step(self.w["weight_hh"], self.w["bias_hh"], zx, state["h"], h_in)
            return {"h": h}, tape
        before = lstm.State(h_in, state["c"], state.get("gates"))
        after, lstm_tape = lstm.step(self.cell, self.lstm, zx, before)
        new = {"h": after.h, "c": after.c}
        if after.gates is not None:
            new["gates"] = after.gates
        return new, lstm_tape

    def forward(
        self, x: Array, state: LayerState, resets: Array | None, mask: Array | None = None
    ) -> tuple[Array, LayerState, LayerTape]:
        """Run a window. Returns hidden states [T, B, H], the state after it, and the tape."""
        zx, v, v_inverse = self.input_sums(x)
        keep = None if resets is None else (~resets)[:, :, None].astype(zx.dtype)
        steps = []
        hs = np.empty((*x.shape[:2], state["h"].shape[1]), zx.dtype)
        h_in = np.empty_like(hs)
        for t in range(len(x)):
            if keep is not None:
                state = {name: array * keep[t] for name, array in state.items()}
            h_in[t] = state["h"] if mask is None else state["h"] * mask
            state, tape = self.step(zx[t], state, h_in[t])
            hs[t] = state["h"]
            steps.append(tape)
        return hs, state, LayerTape(steps, h_in, keep, mask, v, v_inverse)

    def backward(
        self,
        x: Array,
        tape: LayerTape,
        dhs: Array,
        dstate: LayerState,
        *,
        want_dx: bool = True,
        visit: Callable[[int, LayerState], None] | None = None,
    ) -> tuple[Params, Array | None, LayerState]:
        """Pull gradients back through a window.

        Args:
            x: what `forward` read.
            dhs: [T, B, H] derivatives of the loss with respect to the hidden states.
            dstate: derivatives with respect to the state after the window.
            want_dx: whether to spend a product on the gradient of x.
            visit: called with t and the derivatives with respect to the state before step t, for
                each step from the last to the first.
        Returns: gradients of the weights; of x, [T, B, F] (for tokens, of their one-hot vectors),
            or None; of the state before the window.
        """
        grads = {name: np.zeros_like(array) for name, array in self.w.items()}
        small = {
            "peephole": grads.get("peephole"),
            "gg": grads.get("weight_gg"),
            "norm_hh": grads.get("norm_hh"),
            "norm_c": grads.get("norm_c"),
        }
        elementwise = {name: array for name, array in small.items() if array is not None}
        rows = self.w["weight_hh"].shape[0]
        dzx = np.empty((*dhs.shape[:2], rows), dhs.dtype)
        du = np.empty_like(dzx)
        for t in reversed(range(len(dhs))):
            dh = dstate["h"] + dhs[t]
            dh_past: Array | float = 0.0
            if self.cell.gru:
                dzx[t], du[t], dh_in, dh_past = gru.step_backward(
                    self.w["weight_hh"], tape.steps[t], dh
                )
                dstate = {}
            else:
                later = lstm.State(dh, dstate["c"], dstate.get("gates"))
                dzx[t], du[t], before = lstm.step_backward(
                    self.cell, self.lstm, tape.steps[t], later, elementwise
                )
                dh_in = before.h
                dstate = {"c": before.c}
                if before.gates is not None:
                    dstate["gates"] = before.gates
            dstate["h"] = (dh_in if tape.mask is None else dh_in * tape.mask) + dh_past
            if tape.keep is not None:
                dstate = {name: array * tape.keep[t] for name, array in dstate.items()}
            if visit is not None:
                visit(t, dstate)

        flat_u, flat_z = du.reshape(-1, rows), dzx.reshape(-1, rows)
        grads["weight_hh"] = flat_u.T @ tape.h_in.reshape(len(flat_u), -1)
        grads["bias_ih"] = flat_z.sum(axis=0)
        if self.cell.gru:
            grads["bias_hh"] = flat_u.sum(axis=0)
        if tape.v is not None and tape.v_inverse is not None:
            grads["norm_ih"] = (dzx * tape.v).sum(axis=(0, 1))
            dzx = normalise_backward(dzx * self.w["norm_ih"], tape.v, tape.v_inverse)
            flat_z = dzx.reshape(-1, rows)
        w_ih = self.w["weight_ih"]
        if x.ndim == 2:
            grads["weight_ih"] = sum_rows_by_token(flat_z, x.reshape(-1), w_ih.shape[1]).T
        else:
            grads["weight_ih"] = flat_z.T @ x.reshape(len(flat_z), -1)
        return grads, dzx @ w_ih if want_dx else None, dstate


def sum_rows_by_token(rows: Array, tokens: Array, vocabulary_size: int) -> Array:
    """Return [V, n]: for each token the sum of the rows [N, n] at which it stands."""
    sums = np.zeros((vocabulary_size, rows.shape[1]), rows.dtype)
    if len(tokens):
        order = np.argsort(tokens, kind="stable")
        ordered = tokens[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        sums[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return sums
