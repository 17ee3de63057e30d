"""Measure exp, sigmoid and tanh over float32 patterns: `python -m tests.kernel.sweep [STRIDE]`.

Every STRIDE-th of the 2^32 patterns, all of them by default: a few minutes for all builds that this
processor runs. The loop is sweep.c, compiled for here with `zig cc`.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from recurra.kernel import Kernel, KernelMissingError, load
from recurra.kernel.library import VARIABLE, X86_64

FUNCTIONS = ("exp", "sigmoid", "tanh")
PART = 1 << 28
"""Patterns between two words of progress."""


def compiled(folder: Path) -> ctypes.CDLL:
    """Return sweep.c as a library."""
    source, library = Path(__file__).with_name("sweep.c"), folder / "sweep.so"
    command = [sys.executable, "-m", "ziglang", "cc", "-O3", "-shared", "-fPIC", "-std=gnu11"]
    subprocess.run([*command, str(source), "-o", str(library), "-lm"], check=True)
    found = ctypes.CDLL(str(library))
    found.sweep.restype = ctypes.c_int64
    return found


def kernels() -> list[Kernel]:
    """Return every build that runs here."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for name in X86_64:
            patch.setenv(VARIABLE, name)
            try:
                found.append(load())
            except KernelMissingError:
                continue
    return found or [load()]


def sweep(
    library: ctypes.CDLL, builds: list[Kernel], which: int, first: int, last: int, stride: int = 1
) -> tuple[int, list[tuple[float, float]]]:
    """Return how many numbers the patterns first .. last hold, and (error, x) of each build."""
    number = ctypes.c_uint64
    addresses = [ctypes.cast(b.functions.recurra_function, ctypes.c_void_p).value for b in builds]
    functions = (ctypes.c_void_p * len(builds))(*addresses)
    worst, where = (ctypes.c_double * len(builds))(), (ctypes.c_float * len(builds))()
    count = library.sweep(
        ctypes.c_int64(which), number(first), number(last), number(stride),
        ctypes.c_int64(len(builds)), functions, worst, where,
    )  # fmt: skip
    return count, list(zip(worst, where, strict=True))


def main() -> None:
    stride = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    builds, began = kernels(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(Path(folder))
        for which, name in enumerate(FUNCTIONS):
            worst, numbers = [(0.0, 0.0)] * len(builds), 0
            for first in range(0, 2**32, PART):
                start = -(-first // stride) * stride
                count, found = sweep(library, builds, which, start, first + PART, stride)
                numbers += count
                worst = [max(pair, key=_size) for pair in zip(worst, found, strict=True)]
            for kernel, (error, x) in zip(builds, worst, strict=True):
                sys.stdout.write(f"{kernel.name} {name}: {error:.4e} at {np.float32(x)!s}")
                sys.stdout.write(f", over {numbers:,} numbers\n")
            sys.stdout.flush()
    sys.stdout.write(f"{time.process_time() - began:.0f} seconds of CPU\n")


def _size(found: tuple[float, float]) -> float:
    """A NaN counts as the largest error."""
    return float("inf") if found[0] != found[0] else found[0]


if __name__ == "__main__":
    main()
