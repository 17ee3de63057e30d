"""Put made-up public sets where real ones stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from recurra.datasets.catalogue import Dataset
from recurra.datasets.shelves import SHELVES, Name


def put(monkeypatch: pytest.MonkeyPatch, shelf: Name, sets: Iterable[Dataset]) -> None:
    """Let a shelf hold these sets, and no others."""
    monkeypatch.setitem(SHELVES, shelf, replace(SHELVES[shelf], sets=tuple(sets)))
