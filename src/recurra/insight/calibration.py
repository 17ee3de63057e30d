"""Whether a model is as sure as it is right: expected calibration error and its diagram."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ResourceError

BINS = 15
"""Equal shares of [0, 1], as in Guo et al. 2017."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Predictions sorted into bins by their confidence, the probability of the likeliest token."""

    counts: NDArray[np.int64]
    """[bins] how many predictions each bin holds."""
    confidence: NDArray[np.float64]
    """[bins] their mean confidence; NaN where there are none."""
    accuracy: NDArray[np.float64]
    """[bins] the share of them that was right; NaN where there are none."""

    @property
    def error(self) -> float:
        """Expected calibration error: the mean of |accuracy - confidence| over predictions.

        Source: Guo et al. 2017, arXiv:1706.04599, eq. 3. A sample of N predictions has a little of
        it by chance even where the model is perfect, about sqrt(bins / N) / 2.
        """
        full = self.counts > 0
        gaps = np.abs(self.accuracy[full] - self.confidence[full])
        return float((gaps * self.counts[full]).sum() / max(1, self.counts.sum()))

    def facts(self) -> dict[str, Any]:
        """Return it as JSON data."""
        full = np.flatnonzero(self.counts)
        bins = len(self.counts)
        return {
            "expected_error": self.error,
            "bins": [
                {
                    "from": n / bins,
                    "to": (n + 1) / bins,
                    "count": int(self.counts[n]),
                    "confidence": float(self.confidence[n]),
                    "accuracy": float(self.accuracy[n]),
                }
                for n in full.tolist()
            ],
        }

    def diagram(self, width: int = 40) -> str:
        """Return the reliability diagram as lines of text, one a bin that is not empty.

        A bar as long as the accuracy, and a mark where the confidence is: where the mark lies to
        the right of the bar's end, the model is too sure of itself.
        """
        lines = []
        for n in np.flatnonzero(self.counts).tolist():
            bar = list("█" * round(self.accuracy[n] * width) + " " * width)[: width + 1]
            bar[min(width, round(self.confidence[n] * width))] = "┃"
            lines.append(
                f"{self.confidence[n]:6.1%} sure  {self.accuracy[n]:6.1%} right  "
                f"{''.join(bar)}  {self.counts[n]:,}"
            )
        return "\n".join(lines)


def calibrate(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS
) -> Calibration:
    """Sort predictions into bins.

    Args:
        confidence: [N] probability of the likeliest token.
        right: [N] whether it was the one that came.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    empty = np.where(counts > 0, counts, np.nan)
    sure = np.bincount(place, weights=np.asarray(confidence, np.float64), minlength=bins)
    correct = np.bincount(place, weights=right.astype(np.float64), minlength=bins)
    return Calibration(counts, sure / empty, correct / empty)


def plot(calibration: Calibration, path: str | os.PathLike[str], title: str = "") -> None:
    """Draw the reliability diagram into an image file (.png, .svg, .pdf by its name).

    Raises: `ResourceError` where Matplotlib is not installed or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ResourceError(
            "a picture needs Matplotlib, which is not installed; install it with: "
            "pip install 'recurra[plots]'."
        ) from None
    from recurra.formats.atomic import atomic_write

    figure = Figure(figsize=(5, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1]})
    full = np.flatnonzero(calibration.counts)
    width = 1 / len(calibration.counts)
    edges = full * width
    above.bar(
        edges, calibration.accuracy[full], width, align="edge", color="#4477aa",
        edgecolor="white", label="how often it is right",
    )  # fmt: skip
    above.plot([0, 1], [0, 1], color="#888888", linestyle="--", label="perfect")
    above.plot(
        calibration.confidence[full], calibration.accuracy[full], "o", color="#cc3311",
        markersize=4, label="mean confidence",
    )  # fmt: skip
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    above.set_title(f"{title}  expected calibration error {calibration.error:.2%}".strip())
    above.legend(loc="upper left", frameon=False)
    below.bar(
        edges, calibration.counts[full], width, align="edge", color="#bbbbbb", edgecolor="white"
    )
    below.set(xlabel="probability of the likeliest token", ylabel="tokens")
    kind = os.path.splitext(path)[1].lstrip(".").lower() or "png"
    if kind not in figure.canvas.get_supported_filetypes():
        raise ResourceError(f"{path} cannot be drawn: name a .png, .svg or .pdf file.")
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format=kind, dpi=150)
