"""One LSTM step and its gradient, in plain NumPy.

This file defines the right answer; every other engine is tested against it. It is written to be
compared with the equations of `core/spec.py` (Greff et al. 2015, sections II and III), with the
flags of `Cell` switching terms on and off; speed comes from the batch alone.

A prime in the text marks time t - 1: c' is `c_prev`. A `d` in front of a name is the derivative of
the loss with respect to it. The sums that enter the gates arrive in two parts: `zx`, what the layer
reads (W x + b, made for the whole window at once), and what the layer remembers, made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.spec import Cell
from recurra.engines.reference.functions import (
    normalise,
    normalise_backward,
    sigmoid,
    sigmoid_slope,
    tanh_slope,
)

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Weights:
    """A layer's weights without what `zx` has already used; shapes as in `core/parameters.py`."""

    hh: Array
    peephole: Array | None = None
    gg: Array | None = None
    norm_hh: Array | None = None
    norm_c: Array | None = None


@dataclass(slots=True)
class State:
    """What a layer carries: h and c [B, H]; gates [B, P*H] with full gate recurrence."""

    h: Array
    c: Array
    gates: Array | None = None


@dataclass(slots=True)
class Tape:
    """What one step leaves for its backward pass. All [B, H] but where a shape is given."""

    before: State
    i: Array
    f: Array
    g: Array
    o: Array
    c: Array
    y: Array
    """The squashed cell: h = o * y."""
    u: Array | None = None
    """[B, G*H] normalised recurrent sum, and 1 / its deviation [B, 1] (layer norm)."""
    u_inverse: Array | None = None
    m: Array | None = None
    """[B, H] normalised cell state, and 1 / its deviation [B, 1] (layer norm)."""
    m_inverse: Array | None = None


def step(cell: Cell, w: Weights, zx: Array, before: State) -> tuple[State, Tape]:
    """Advance one layer by one time step.

    Args:
        zx: [B, G*H] input sums with the bias, row blocks in `cell.gates` order. Not modified.
        before: state at t - 1. Not modified.
    Returns: the state at t, and the tape that `step_backward` needs.
    Cost: G*B*H*H multiply-adds.
    """
    c_prev = before.c
    units = c_prev.shape[1]
    tape = Tape(before, c_prev, c_prev, c_prev, c_prev, c_prev, c_prev)

    # z = W x + b + R h'; with layer norm each product is normalised and scaled (Ba et al. eq. 20)
    recurrent = before.h @ w.hh.T
    if w.norm_hh is not None:
        tape.u, tape.u_inverse = normalise(recurrent)
        recurrent = w.norm_hh * tape.u
    z = zx + recurrent
    block = {name: z[:, k * units : (k + 1) * units] for k, name in enumerate(cell.gates)}

    # Full gate recurrence: every gate also sees every gate of the step before (Greff et al. III)
    if w.gg is not None and before.gates is not None:
        from_gates = before.gates @ w.gg.T
        for k, name in enumerate(cell.sigmoid_gates):
            block[name] = block[name] + from_gates[:, k * units : (k + 1) * units]

    # Peepholes: input and forget gates see c', the output gate sees c (Gers and Schmidhuber 2000)
    peep = {} if w.peephole is None else dict(zip(cell.sigmoid_gates, w.peephole, strict=True))
    for name in ("i", "f"):
        if name in peep:
            block[name] = block[name] + peep[name] * c_prev

    one = np.ones_like(c_prev) if len(block) < 4 else c_prev
    # i = sigmoid(W_i x + R_i h' + p_i * c' + b_i)
    i = sigmoid(block["i"]) if "i" in block else one
    # f = sigmoid(W_f x + R_f h' + p_f * c' + b_f), or 1 - i when the gates are coupled
    f = sigmoid(block["f"]) if "f" in block else 1.0 - i if cell.coupled else one
    # g = tanh(W_g x + R_g h' + b_g)
    g = block["g"] if cell.no_input_activation else np.tanh(block["g"])
    # c = f * c' + i * g
    c = f * c_prev + i * g
    # o = sigmoid(W_o x + R_o h' + p_o * c + b_o)
    if "o" in peep:
        block["o"] = block["o"] + peep["o"] * c
    o = sigmoid(block["o"]) if "o" in block else one
    # h = o * tanh(c); with layer norm the cell state is normalised on its way out (eq. 22)
    m = c
    if w.norm_c is not None:
        tape.m, tape.m_inverse = normalise(c)
        m = w.norm_c[0] * tape.m + w.norm_c[1]
    y = m if cell.no_output_activation else np.tanh(m)
    h = o * y

    tape.i, tape.f, tape.g, tape.o, tape.c, tape.y = i, f, g, o, c, y
    gates = None
    if w.gg is not None:
        values = {"i": i, "f": f, "o": o}
        gates = np.concatenate([values[name] for name in cell.sigmoid_gates], axis=1)
    return State(h, c, gates), tape


def step_backward(
    cell: Cell, w: Weights, tape: Tape, after: State, grads: dict[str, Array]
) -> tuple[Array, Array, State]:
    """Pull the gradient of one step back from its results to its causes.

    Args:
        after: derivatives with respect to the state at t, from everything later. Not modified.
        grads: derivatives of the elementwise weights, added to in place: `peephole`, `norm_hh`,
            `norm_c`, `gg`. Those of the large matrices are products over the whole window, which
            `layer.py` makes from what is returned.
    Returns: dz [B, G*H] with respect to the gates' sums; du [B, G*H] with respect to the product
        R h' (equal to dz without layer norm); the derivatives of the state at t - 1.
    """
    c_prev, units = tape.before.c, tape.c.shape[1]
    peep = {} if w.peephole is None else dict(zip(cell.sigmoid_gates, w.peephole, strict=True))
    dz = np.empty((len(c_prev), len(cell.gates) * units), tape.c.dtype)
    block = {name: dz[:, k * units : (k + 1) * units] for k, name in enumerate(cell.gates)}
    dgate = _by_gate(cell, after.gates, units)

    # h = o * y
    do = after.h * tape.y + dgate.get("o", 0.0)
    dy = after.h * tape.o
    # y = tanh(m), m = gain * normalise(c) + bias
    dm = dy if cell.no_output_activation else dy * tanh_slope(tape.y)
    if w.norm_c is not None and tape.m is not None and tape.m_inverse is not None:
        grads["norm_c"] += np.stack([(dm * tape.m).sum(axis=0), dm.sum(axis=0)])
        dm = normalise_backward(dm * w.norm_c[0], tape.m, tape.m_inverse)
    dc = after.c + dm
    # o = sigmoid(... + p_o * c)
    if "o" in block:
        block["o"][:] = do * sigmoid_slope(tape.o)
        if "o" in peep:
            dc = dc + block["o"] * peep["o"]
    # c = f * c' + i * g
    dc_prev = dc * tape.f
    df = dc * c_prev + dgate.get("f", 0.0)
    di = dc * tape.g + dgate.get("i", 0.0)
    dg = dc * tape.i
    # g = tanh(...), f = sigmoid(... + p_f * c') or 1 - i, i = sigmoid(... + p_i * c')
    block["g"][:] = dg if cell.no_input_activation else dg * tanh_slope(tape.g)
    if cell.coupled:
        di = di - df
    for name, value, dvalue in (("f", tape.f, df), ("i", tape.i, di)):
        if name in block:
            block[name][:] = dvalue * sigmoid_slope(value)
            if name in peep:
                dc_prev = dc_prev + block[name] * peep[name]
    if w.peephole is not None:
        seen = {"i": c_prev, "f": c_prev, "o": tape.c}
        for k, name in enumerate(cell.sigmoid_gates):
            grads["peephole"][k] += (block[name] * seen[name]).sum(axis=0)

    # Full gate recurrence: the sums also held R_gg times the gates of the step before
    dgates_prev = None
    if w.gg is not None and tape.before.gates is not None:
        dsums = np.concatenate([block[name] for name in cell.sigmoid_gates], axis=1)
        grads["gg"] += dsums.T @ tape.before.gates
        dgates_prev = dsums @ w.gg

    # u = normalise(R h'), scaled by its gain
    du = dz
    if w.norm_hh is not None and tape.u is not None and tape.u_inverse is not None:
        grads["norm_hh"] += (dz * tape.u).sum(axis=0)
        du = normalise_backward(dz * w.norm_hh, tape.u, tape.u_inverse)
    return dz, du, State(du @ w.hh, dc_prev, dgates_prev)


def _by_gate(cell: Cell, dgates: Array | None, units: int) -> dict[str, Array]:
    """Cut [B, P*H] into one [B, H] block a sigmoid gate; nothing without full gate recurrence."""
    if dgates is None:
        return {}
    return {
        name: dgates[:, k * units : (k + 1) * units] for k, name in enumerate(cell.sigmoid_gates)
    }
