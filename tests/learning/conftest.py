from __future__ import annotations

import pytest

from recurra.learning import curves


@pytest.fixture(autouse=True)
def _no_pictures(request, monkeypatch):
    """Leave matplotlib out of tests that are not about it: its import takes longer than they do."""
    if not request.module.__name__.endswith("test_curves"):
        monkeypatch.setattr(curves, "missing", lambda: "no pictures in this test")
