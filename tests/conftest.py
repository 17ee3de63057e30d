"""The order of the tests, and no deadline for generated cases: a busy machine is no bug."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

BROWSER = Path(__file__).parent / "browser"
settings.register_profile("recurra", deadline=None)
settings.load_profile("recurra")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in a browser last: its driver keeps an event loop in the main thread."""
    items.sort(key=lambda item: BROWSER in item.path.parents)
