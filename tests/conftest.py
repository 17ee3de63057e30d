"""The order of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

BROWSER = Path(__file__).parent / "browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in a browser last: its driver keeps an event loop in the main thread."""
    items.sort(key=lambda item: BROWSER in item.path.parents)
