"""The few functions that the densities need and NumPy does not have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SHIFT = 8
"""Arguments are moved up by this before an asymptotic series is used."""


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x)), above 0 for any x."""
    return np.asarray(np.logaddexp(x, np.zeros((), x.dtype)))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), without overflow."""
    half = np.tanh(0.5 * x)
    return np.asarray(0.5 * half + 0.5)


def log_gamma(x: Array) -> Array:
    """Return log Gamma(x) for x > 0, in float64 to 1e-12 of the larger of 1 and its size.

    Stirling's series at x + 8, and Gamma(x) = Gamma(x + 8) / (x (x + 1) ... (x + 7)).
    """
    x = np.asarray(x, np.float64)
    product = np.ones_like(x)
    for n in range(SHIFT):
        product = product * (x + n)
    z = x + SHIFT
    square = 1.0 / (z * z)
    series = 1.0 / 12 + square * (
        -1.0 / 360 + square * (1.0 / 1260 + square * (-1.0 / 1680 + square / 1188))
    )
    stirling = (z - 0.5) * np.log(z) - z + 0.5 * np.log(2 * np.pi) + series / z
    # For large x the product would overflow, and the series needs no shift.
    with np.errstate(over="ignore"):
        shifted = stirling - np.log(product)
    large = x > 1e6
    if large.any():
        inverse = 1.0 / x
        plain = (x - 0.5) * np.log(x) - x + 0.5 * np.log(2 * np.pi) + inverse / 12
        shifted = np.where(large, plain, shifted)
    return np.asarray(shifted)


def digamma(x: Array) -> Array:
    """Return the derivative of log Gamma at x > 0, in float64 to about 1e-12."""
    x = np.asarray(x, np.float64)
    below = np.zeros_like(x)
    for n in range(SHIFT):
        below = below + 1.0 / (x + n)
    z = x + SHIFT
    square = 1.0 / (z * z)
    series = square * (
        1.0 / 12 - square * (1.0 / 120 - square * (1.0 / 252 - square * (1.0 / 240 - square / 132)))
    )
    return np.asarray(np.log(z) - 0.5 / z - series - below)
