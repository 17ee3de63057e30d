"""Small made-up series, shared by these tests."""

from __future__ import annotations

import numpy as np

from recurra.tasks.series.panel import Panel, build_panel

QUICK = {"steps": 8, "sizes": (8,), "batch_size": 4, "window": 24, "engine": "native"}


def waves(names=("a", "b", "c"), length=120, season=12, noise=0.2, seed=0) -> dict:
    """Return a long table of waves of different sizes."""
    rng = np.random.default_rng(seed)
    t = np.arange(length)
    y = [
        10 * (n + 1)
        + (n + 1) * (np.sin(2 * np.pi * t / season + n) + noise * rng.normal(size=length))
        for n in range(len(names))
    ]
    return {
        "unique_id": np.repeat(np.array(names, object), length),
        "ds": np.tile(t, len(names)),
        "y": np.concatenate(y),
    }


def panel(**options) -> Panel:
    table = waves(**options)
    return build_panel(table["unique_id"], table["ds"], table["y"])
