"""Characters a second of a piece of work that is repeated for a while. Imports nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable

VOCABULARY, WINDOW, LAYERS = 65, 64, 2
"""The network that `bench/kernel.py` gives every contestant; its units differ."""


def rate(work: Callable[[], object], amount: int, seconds: float, threads: int) -> float:
    """Return how much is done a second, `amount` each time that `work` is called.

    With one thread the clock is the CPU time of this process, so that neighbours count little; with
    more it is the clock on the wall, for waiting is a part of it.
    """
    now = time.process_time if threads == 1 else time.perf_counter
    start, done = now(), 0
    while True:
        work()
        done += amount
        elapsed = now() - start
        if elapsed >= seconds:
            return done / elapsed


def together(streams: int) -> int:
    """Return how many characters a text is continued by in one call."""
    return 1000 if streams == 1 else 64
