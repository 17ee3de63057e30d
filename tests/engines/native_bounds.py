"""How far the native engine may differ from a float64 reference: bounds, beside what was measured.

The error of an array is the largest difference over the larger of 1 and its largest value.
"""

from __future__ import annotations

import numpy as np

BOUND = {
    # what: (bound, the largest error seen over all the tests here, builds and threads included)
    "values": (1e-5, 3.7e-6),
    "gradients": (5e-5, 2.0e-5),
    "unroll": (1e-5, 2.7e-7),
    "ten steps": (1e-5, 2.9e-6),
    "bfloat16": (2e-2, 6.3e-3),
    "int8": (2e-2, 7.4e-3),
}
"""Gradients are wider than values for the unbounded cells (no output activation, weights of
standard deviation 0.6): rounding in the ninth step back has grown with the gradient itself."""

WORST: dict[str, float] = {}


def error(got: np.ndarray, want: np.ndarray) -> float:
    """Return the largest difference, over the largest value where that is above 1."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape:
        return float("inf")
    return float(np.abs(got - want).max(initial=0.0) / max(1.0, np.abs(want).max(initial=0.0)))


def close(got, want, what: str) -> None:
    """Assert that two arrays, numbers or dicts of arrays agree within the bound of `what`."""
    if isinstance(want, dict):
        assert set(got) == set(want)
        for name in want:
            found = error(got[name], want[name])
            WORST[what] = max(WORST.get(what, 0.0), found)
            assert found <= BOUND[what][0], (name, found)
        return
    found = error(got, want)
    WORST[what] = max(WORST.get(what, 0.0), found)
    assert found <= BOUND[what][0], found
