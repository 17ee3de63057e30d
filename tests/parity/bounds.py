"""How far engines may differ from the reference: one bound a precision, beside what was measured.

The error of an array is the largest difference over the larger of 1 and its largest value, so that
small arrays are held to an absolute bound and large ones to a relative one.
"""

from __future__ import annotations

import numpy as np

BOUND = {
    # precision: (values and gradients, weights after ten steps)
    "float64": (1e-12, 1e-12),
    "float32": (1e-4, 1e-4),
    "bfloat16": (2e-3, 2e-3),
}

MEASURED: dict[tuple[str, str], tuple[float, float]] = {
    ("cpu", "float64"): (2.2e-14, 2.7e-14),
    ("cpu", "float32"): (1.0e-5, 7.3e-7),
    ("cpu", "bfloat16"): (2.2e-4, float("nan")),
}
"""(device, precision): the largest errors seen over all the tests here."""


def error(got: np.ndarray, want: np.ndarray) -> float:
    """Return the largest difference, over the largest value where that is above 1."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape:
        return float("inf")
    if want.size == 0:
        return 0.0
    return float(np.abs(got - want).max() / max(1.0, np.abs(want).max()))
