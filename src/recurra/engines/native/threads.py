"""Pools of the kernel's threads: one per process and count, started when first used."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass, field

from recurra.engines.native.layout import Array, accept, address, aligned
from recurra.kernel.library import Kernel


@dataclass(slots=True)
class Pool:
    """Threads that sleep between jobs; one job at a time has them."""

    kernel: Kernel
    memory: Array
    lock: threading.Lock = field(default_factory=threading.Lock)


_pools: dict[tuple[str, int], Pool] = {}
_guard = threading.Lock()


def pool(kernel: Kernel, threads: int) -> Pool:
    """Return the pool of so many threads, started if need be."""
    import numpy as np

    with _guard:
        key = (kernel.name, threads)
        if key not in _pools:
            size = accept(kernel.functions.recurra_pool_size(threads))
            memory = aligned(size, np.uint8)
            accept(kernel.functions.recurra_pool_start(address(memory), threads))
            _pools[key] = Pool(kernel, memory)
        return _pools[key]


def _stop() -> None:
    # Threads must not outlive the memory they sleep in.
    for started in _pools.values():
        started.kernel.functions.recurra_pool_stop(address(started.memory))
    _pools.clear()


def _forget() -> None:
    """After a fork: the child has none of the parent's threads, and its locks may be held."""
    global _guard
    _guard = threading.Lock()
    _abandoned.extend(_pools.values())
    _pools.clear()


_abandoned: list[Pool] = []
atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
