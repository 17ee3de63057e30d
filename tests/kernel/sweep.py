"""Measure exp, sigmoid and tanh over float32 patterns: `python -m tests.kernel.sweep [STRIDE]`.

Every STRIDE-th of the 2^32 patterns, all of them by default, which takes minutes a build.
"""

from __future__ import annotations

import sys

import numpy as np

from recurra.kernel import load
from tests.kernel.test_functions import WANTED, largest_error

BLOCK = 1 << 22


def main() -> None:
    kernel = load()
    stride = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for name in WANTED:
        worst = 0.0
        for first in range(0, 2**32, BLOCK * stride):
            last = min(first + BLOCK * stride, 2**32)
            x = np.arange(first, last, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)
            x = x[np.isfinite(x)]
            if len(x):
                worst = max(worst, largest_error(kernel, name, x))
        print(f"{kernel.name} {name}: {worst:.3e}")


if __name__ == "__main__":
    main()
