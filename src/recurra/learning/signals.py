"""Ctrl-C and SIGTERM: the first asks the loop to stop after its step, the second ends it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopSignals:
    """While entered, the first SIGINT or SIGTERM sets `stopped`, the second ends the process.

    Signals reach the main thread alone; entered in another one, it changes nothing.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            # A handler that was not set from Python comes back as None and cannot be set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
