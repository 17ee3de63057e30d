"""The order of the tests, and no deadline for generated cases: a busy machine is no bug."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

BROWSER = Path(__file__).parent / "browser"
settings.register_profile("recurra", deadline=None)
settings.load_profile("recurra")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Every core has tests of its own. NumPy and PyTorch, on all of them, would wait for each other.
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # Readline, in the process that starts these, has set the size of a terminal that is not there.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in a browser last: its driver keeps an event loop in the main thread.

    Of both kinds, files with slow tests come first, so that no core waits for one at the end.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (BROWSER in item.path.parents, item.path not in slow))
