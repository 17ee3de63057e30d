"""A progress bar for what usually takes no time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from recurra.cli import console


class Watch:
    """A progress bar that shows only where the work takes longer than a second."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._began = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Callable[[int, int], None]:
        self._began = time.perf_counter()
        return self._advance

    def _advance(self, done: int, total: int) -> None:
        if self._bar is None:
            if time.perf_counter() - self._began < 1.0:
                return
            self._bar = console.progress_bar(transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=total)
        self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
