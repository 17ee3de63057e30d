"""The scalar functions of a cell and layer normalisation, each beside its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

NORM_EPSILON = 1e-5
"""Added to the variance, as in Ba et al. 2016 and PyTorch."""


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)), written with tanh because exp would overflow for z below -88."""
    return np.asarray(0.5 * np.tanh(0.5 * z) + 0.5)


def sigmoid_slope(y: Array) -> Array:
    """Return the derivative of sigmoid, given its value."""
    return np.asarray(y * (1.0 - y))


def tanh_slope(y: Array) -> Array:
    """Return the derivative of tanh, given its value."""
    return np.asarray(1.0 - y * y)


def normalise(x: Array) -> tuple[Array, Array]:
    """Return (x - mean) / sqrt(variance + epsilon) over the last axis, and 1 / that root."""
    centred = x - x.mean(axis=-1, keepdims=True)
    inverse = 1.0 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + NORM_EPSILON)
    return centred * inverse, inverse


def normalise_backward(dy: Array, y: Array, inverse: Array) -> Array:
    """Return the gradient of `normalise` with respect to x, given its results."""
    along_mean = dy.mean(axis=-1, keepdims=True)
    along_y = (dy * y).mean(axis=-1, keepdims=True)
    return np.asarray(inverse * (dy - along_mean - y * along_y))
