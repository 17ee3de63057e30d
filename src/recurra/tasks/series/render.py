"""Forecasts as pictures: the end of each history, and the fan of what may come."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ResourceError
from recurra.formats.atomic import atomic_write
from recurra.tasks.series.model import PanelForecast
from recurra.tasks.series.panel import Panel

Array = NDArray[Any]
MOST_SERIES = 6
"""Series in one picture."""
HISTORY, FAN, NAIVE = "#333333", "#2563a8", "#c2670a"


def plot_forecast(
    path: str | os.PathLike[str],
    panel: Panel,
    found: PanelForecast,
    *,
    truth: Sequence[Array] | None = None,
    naive: Sequence[Array] | None = None,
    names: Sequence[str] = (),
    title: str = "",
) -> tuple[str, ...]:
    """Write a PNG: for each series its history, the median, and an interval a level.

    Args:
        panel: the histories. found: a forecast with the median and pairs of quantiles.
        truth: what really came [h], a series; drawn over the fan.
        naive: the seasonal-naive forecast, to compare.
        names: which series to show; by default the first ones.
    Returns: the names that are shown.
    Raises: `ResourceError` where matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ResourceError(
            "a picture needs Matplotlib, which is not installed; install it with: "
            "pip install 'recurra[plots]'."
        ) from None
    chosen = [n for n, name in enumerate(found.names) if not names or name in names][:MOST_SERIES]
    columns = 1 if len(chosen) == 1 else 2
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(5.6 * columns, 0.5 + 2.9 * rows), dpi=110, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for axis, n in zip(axes, chosen, strict=False):
        _draw(axis, panel, found, n, truth, naive)
    for axis in list(figure.axes)[len(chosen) :]:
        axis.remove()
    if chosen:
        figure.axes[0].legend(fontsize=8, loc="upper left", frameon=False)
    if title:
        figure.suptitle(title.replace("$", r"\$"), fontsize=10)
    FigureCanvasAgg(figure)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    with atomic_write(Path(path)) as file:
        file.write(data.getvalue())
    return tuple(found.names[n] for n in chosen)


def _draw(
    axis: Any,
    panel: Panel,
    found: PanelForecast,
    n: int,
    truth: Sequence[Array] | None,
    naive: Sequence[Array] | None,
) -> None:
    one, steps = panel.series[n], found.steps
    shown = min(len(one), max(4 * steps, 50))
    past, ahead = one.stamps[-shown:], found.stamps[n]
    axis.plot(past, one.y[-shown:], color=HISTORY, linewidth=1.0, label="history")
    levels = found.forecast.levels
    lows = sorted(low for low in levels if low < 0.5 and _has(levels, 1 - low))
    # More than two shades are not told apart.
    for low in lows if len(lows) < 3 else (lows[0], lows[len(lows) // 2]):
        axis.fill_between(
            ahead, found.level(low)[n], found.level(1 - low)[n], color=FAN, alpha=0.2, linewidth=0,
            label=f"{100 * (1 - 2 * low):.4g} %",
        )  # fmt: skip
    if naive is not None:
        axis.plot(
            ahead, naive[n], color=NAIVE, linewidth=0.9, linestyle=":", label="seasonal naive"
        )
    axis.plot(ahead, found.level(0.5)[n], color=FAN, linewidth=1.4, label="median")
    if truth is not None:
        axis.plot(ahead, truth[n], color=HISTORY, linewidth=1.0, linestyle="--", label="what came")
    axis.set_title(one.name.replace("$", r"\$"), fontsize=9)
    axis.tick_params(labelsize=8)
    if panel.dated:
        axis.tick_params(axis="x", rotation=20)
    axis.margins(x=0.01)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _has(levels: Sequence[float], wanted: float) -> bool:
    return any(abs(level - wanted) < 1e-9 for level in levels)


def rows_of(table: dict[str, Array]) -> list[list[str]]:
    """Return columns as rows of text, for a file or a terminal."""

    def cell(value: Any) -> str:
        if isinstance(value, float | np.floating):
            return f"{value:.8g}"
        if isinstance(value, np.datetime64):
            text = str(value)
            return text[:10] if text.endswith("T00:00:00") else text.replace("T", " ")
        return str(value)

    return [[cell(value) for value in row] for row in zip(*table.values(), strict=True)]
