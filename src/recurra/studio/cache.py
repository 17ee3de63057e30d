"""What was loaded lately, kept within a bound of memory; loaded once, whoever asks meanwhile."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    value: Any = None
    size: int = -1
    """-1 while it has not been loaded."""


class Cache:
    """Values by key, oldest use first out. Safe to use from several threads."""

    def __init__(self, bytes_: int) -> None:
        self.bytes = bytes_
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], tuple[T, int]]) -> T:
        """Return the value of a key; `load` gives it, with its size in bytes, if it is not here.

        What `load` raises is raised, and nothing is kept.
        """
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
        with slot.lock:
            if slot.size < 0:
                try:
                    slot.value, slot.size = load()
                except BaseException:
                    with self._lock:
                        self._slots.pop(key, None)
                    raise
            value: T = slot.value
        self._shrink(key)
        return value

    def _shrink(self, newest: Hashable) -> None:
        with self._lock:
            total = sum(max(slot.size, 0) for slot in self._slots.values())
            for key in list(self._slots):
                if total <= self.bytes:
                    return
                if key != newest and self._slots[key].size >= 0:
                    total -= self._slots.pop(key).size
