"""Pictures of a classifier: which classes it takes for which, and where in time it looks."""

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
from recurra.tasks.series.labels.model import ClassScores

Array = NDArray[Any]
MOST_WRITTEN = 30
"""Classes up to which the counts are written into the squares."""


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ResourceError(
            "a picture needs Matplotlib, which is not installed; install it with: "
            "pip install 'recurra[plots]'."
        ) from None
    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def _write(figure: Any, path: str | os.PathLike[str]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    data = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(data, format="png")
    with atomic_write(Path(path)) as file:
        file.write(data.getvalue())


def plot_confusion(path: str | os.PathLike[str], scores: ClassScores, title: str = "") -> None:
    """Write a PNG of the confusion matrix: rows what it is, columns what was said.

    Raises: `ResourceError` where matplotlib is missing, or the file cannot be written.
    """
    count = len(scores.classes)
    size = 2.2 + 0.38 * min(count, MOST_WRITTEN)
    figure = _figure(size + 0.8, size)
    axis = figure.add_subplot()
    shares = scores.confusion / np.maximum(scores.confusion.sum(axis=1, keepdims=True), 1)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [name.replace("$", r"\$")[:20] for name in scores.classes]
    axis.set_xticks(range(count), names, rotation=90 if max(map(len, names)) > 3 else 0, fontsize=8)
    axis.set_yticks(range(count), names, fontsize=8)
    axis.set_xlabel("said")
    axis.set_ylabel("is")
    if count <= MOST_WRITTEN:
        for (row, column), number in np.ndenumerate(scores.confusion):
            if number:
                colour = "white" if shares[row, column] > 0.5 else "#222222"
                axis.text(column, row, f"{number}", ha="center", va="center", fontsize=7,
                          color=colour)  # fmt: skip
    figure.colorbar(image, ax=axis, label="share of the class", fraction=0.046)
    told = f"accuracy {scores.accuracy:.1%}, F1 {scores.f1:.3f}"
    above = title.replace("$", r"\$") + "\n" if title else ""
    axis.set_title(above + told, fontsize=9)
    _write(figure, path)


def plot_saliency(
    path: str | os.PathLike[str],
    series: Sequence[Array],
    weights: Sequence[Array],
    titles: Sequence[str],
) -> None:
    """Write a PNG of series [T, channels], each moment shaded by how much it decided [T].

    Raises: `ResourceError` where matplotlib is missing, or the file cannot be written.
    """
    figure = _figure(7, 0.6 + 1.7 * len(series))
    axes = figure.subplots(len(series), 1, squeeze=False)[:, 0]
    for axis, one, weight, title in zip(axes, series, weights, titles, strict=True):
        most = float(weight.max()) or 1.0
        for t, w in enumerate(weight):
            axis.axvspan(
                t - 0.5, t + 0.5, color="#e08214", alpha=0.7 * float(w) / most, linewidth=0
            )
        axis.plot(one, linewidth=1.0)
        axis.set_title(title.replace("$", r"\$"), fontsize=9)
        axis.margins(x=0)
        axis.tick_params(labelsize=8)
    _write(figure, path)
