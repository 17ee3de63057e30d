"""Tokens on disk, read through memory that the system may take back.

A memory map of a gigabyte would count as a gigabyte of the process once all of it has been read.
`MappedTokens` hands its pages back every so often, so that it stays near 64 MiB; the bytes stay in
the system's page cache for as long as nobody else needs the room.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError

RELEASE_BYTES = 64 << 20
_AROUND = 64 << 10  # The system maps about so much around each place that is read.


class MappedTokens(np.ndarray[Any, np.dtype[Any]]):
    """A read-only array over a file. Small parts of it are plain arrays, copied when indexed by an
    array; large slices are `MappedTokens` again.
    """

    _pages: _Pages | None

    def __array_finalize__(self, other: Any) -> None:
        self._pages = getattr(other, "_pages", None)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)  # What is computed from tokens is no map.
        return plain if plain.ndim else plain[()]

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        if not isinstance(part, np.ndarray):
            return part
        if isinstance(key, slice) and part.nbytes >= RELEASE_BYTES:
            return part
        if self._pages is not None:
            places = part.shape[-1] if isinstance(key, np.ndarray) and part.ndim else 1
            self._pages.read(part.nbytes + places * _AROUND)
        return part.view(np.ndarray)


class _Pages:
    """Counts what has been read of a map, and hands the pages back when it is much."""

    def __init__(self, mapped: mmap.mmap) -> None:
        self.mapped = mapped
        self.count = 0

    def read(self, count: int) -> None:
        self.count += count
        if self.count >= RELEASE_BYTES:
            self.count = 0
            # The map is shared and read-only, so nothing is lost: the next read maps it again.
            if hasattr(mmap, "MADV_DONTNEED"):
                self.mapped.madvise(mmap.MADV_DONTNEED)


def map_tokens(path: Path, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Map a file of `count` tokens. Raises `FormatError` unless it has just that size."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size != count * dtype.itemsize:
            raise FormatError(
                f"{path} has {size:,} bytes, but {count:,} tokens take {count * dtype.itemsize:,}."
            )
        if not count:
            return np.zeros(0, dtype)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    tokens = np.frombuffer(mapped, dtype).view(MappedTokens)
    tokens._pages = _Pages(mapped)
    return tokens
