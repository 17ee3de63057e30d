"""exp, sigmoid and tanh of every build against float64, over float32 patterns of every exponent."""

from __future__ import annotations

import numpy as np
import pytest

# Largest errors allowed, a little above those that tests/kernel/sweep.py found on any build (exp
# 1.18e-7, sigmoid 1.09e-7, tanh 4.19e-7 over all finite numbers):
# relative for exp (of what is not 0) and tanh, absolute for sigmoid.
BOUND = {"exp": 1.5e-7, "sigmoid": 1.5e-7, "tanh": 4.5e-7}

WANTED = {
    "exp": lambda x: np.exp(np.minimum(x, 88.0)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


def call(kernel, name: str, x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    which = list(WANTED).index(name)
    kernel.functions.recurra_function(which, x.ctypes.data, y.ctypes.data, len(x))
    return y


def largest_error(kernel, name: str, x: np.ndarray) -> float:
    """Return the largest error over finite numbers x."""
    got = call(kernel, name, x).astype(np.float64)
    with np.errstate(over="ignore", under="ignore"):
        want = WANTED[name](x.astype(np.float64))
    if name == "sigmoid":
        return float(np.abs(got - want).max())
    if name == "exp":
        # Below the smallest normal number the result is 0.
        got, want = got[x >= -87.33], want[x >= -87.33]
    smallest = np.finfo(np.float32).tiny
    return float((np.abs(got - want) / np.maximum(np.abs(want), smallest)).max(initial=0.0))


@pytest.mark.parametrize("name", list(WANTED))
def test_within_the_bound_over_all_exponents(build, name):
    # A prime stride meets every exponent and all kinds of mantissas.
    bits = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32)
    x = bits.view(np.float32)
    assert largest_error(build, name, x[np.isfinite(x)]) <= BOUND[name]


@pytest.mark.parametrize("name", list(WANTED))
def test_limits_and_not_a_number(build, name):
    x = np.array([-np.inf, -200, -0.0, 0.0, 200, np.inf, np.nan], np.float32)
    got = call(build, name, x)
    low, middle, high = {
        "exp": (0, 1, np.exp(88.0)),
        "sigmoid": (0, 0.5, 1),
        "tanh": (-1, 0, 1),
    }[name]
    np.testing.assert_allclose(
        got[:6], [low, low, middle, middle, high, high], rtol=1e-6, atol=1e-30
    )
    assert np.isnan(got[6])
