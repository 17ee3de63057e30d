"""One GRU step and its gradient (Cho et al. 2014, arXiv:1406.1078), in PyTorch's arrangement.

    r = sigmoid(W_r x + b_r + R_r h' + b'_r)          reset gate
    z = sigmoid(W_z x + b_z + R_z h' + b'_z)          update gate
    n = tanh   (W_n x + b_n + r * (R_n h' + b'_n))    candidate
    h = (1 - z) * n + z * h'

The reset gate acts after the product, as in cuDNN and PyTorch, not before it, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.engines.reference.functions import sigmoid, sigmoid_slope, tanh_slope

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Tape:
    """What one step leaves for its backward pass. All [B, H]; q is R_n h' + b'_n."""

    h_prev: Array
    r: Array
    z: Array
    n: Array
    q: Array


def step(w_hh: Array, bias_hh: Array, zx: Array, h_prev: Array, h_in: Array) -> tuple[Array, Tape]:
    """Advance one layer by one time step.

    Args:
        w_hh: [3H, H], row blocks r z n. bias_hh: [3H].
        zx: [B, 3H] input sums W x + b. Not modified.
        h_prev: [B, H]. Not modified.
        h_in: [B, H] what the products read: h_prev, less the units that dropout takes.
    Returns: h [B, H] and the tape that `step_backward` needs.
    """
    units = h_prev.shape[1]
    u = h_in @ w_hh.T + bias_hh
    r = sigmoid(zx[:, :units] + u[:, :units])
    z = sigmoid(zx[:, units : 2 * units] + u[:, units : 2 * units])
    q = u[:, 2 * units :]
    n = np.tanh(zx[:, 2 * units :] + r * q)
    h = (1.0 - z) * n + z * h_prev
    return h, Tape(h_prev, r, z, n, q)


def step_backward(w_hh: Array, tape: Tape, dh: Array) -> tuple[Array, Array, Array, Array]:
    """Pull the gradient of one step back.

    Returns: dzx [B, 3H] with respect to the input sums; du [B, 3H] with respect to R h' + b';
        dh_in [B, H]; dh_prev [B, H] along the update gate.
    """
    dn = dh * (1.0 - tape.z) * tanh_slope(tape.n)
    dz = dh * (tape.h_prev - tape.n) * sigmoid_slope(tape.z)
    dr = dn * tape.q * sigmoid_slope(tape.r)
    dzx = np.concatenate([dr, dz, dn], axis=1)
    du = np.concatenate([dr, dz, dn * tape.r], axis=1)
    return dzx, du, du @ w_hh, dh * tape.z
