"""What the C library does with freed memory: kept for the next step, or given back at once.

In PyTorch a step allocates the same dozens of megabytes each time. By default the C library gives
blocks of that size back to the system as they are freed, and the system hands each page out anew,
zeroed, at its first touch: measured on 2x128 and 2x256 LSTMs, that is a fifth of the CPU time. In
the kernel a step allocates next to nothing, and what is freed beside it had better go back.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
KEPT_BYTES = 256 * 2**20
LARGEST_BYTES = 128 * 2**20
APART_BYTES = 2**19


@cache
def keep_freed_memory() -> bool:
    """Ask the C library to keep up to 256 MiB of freed memory, in the whole process.

    Blocks above 128 MiB go back to the system at once, as before. Acts on Linux with glibc, once.
    Returns whether it did; elsewhere it does nothing.
    Source: mallopt(3).
    """
    return _set((M_MMAP_THRESHOLD, LARGEST_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES))


def return_freed_memory() -> bool:
    """Ask the C library to give arrays of half a megabyte and more back as they are freed.

    For programs that train with the native engine, whose steps allocate next to nothing: what is
    freed there are first weights and copies for files, of which the C library would keep up to 32
    MB. Acts where `keep_freed_memory` does; the last of the two to be called counts.
    """
    return _set((M_MMAP_THRESHOLD, APART_BYTES))


def _set(*options: tuple[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(*option) for option in options)
