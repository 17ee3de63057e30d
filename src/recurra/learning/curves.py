"""The loss curves of a run as a picture, `curves.png`, drawn by matplotlib (`recurra[plots]`)."""

from __future__ import annotations

import importlib.util
import io
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recurra.core.errors import RecurraError, ResourceError
from recurra.formats.atomic import atomic_write
from recurra.formats.jsonl import read_lines
from recurra.learning.events import Checkpointed, Event, Finished
from recurra.learning.run_folder import CURVES, METRICS

FIRST_S = 60.0
SPACING_S = 30.0
SHARE = 0.02
"""At most this share of the time goes into drawing."""
TRAIN, HELD_OUT, RATE = "#9db8d9", "#c2410c", "#6b7280"


def missing() -> str | None:
    """Return None when curves can be drawn, else one sentence that says what to install."""
    if importlib.util.find_spec("matplotlib") is None:
        return "no picture of the curves: matplotlib is missing; pip install 'recurra[plots]'"
    return None


class CurvesListener:
    """Redraws a run's picture at checkpoints, not too often, and at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problem = missing()
        self._next = time.monotonic() + FIRST_S

    def __call__(self, event: Event) -> None:
        """Draw if it is time to. A picture that fails never stops a training."""
        if self.problem or not isinstance(event, Checkpointed | Finished):
            return
        started = time.monotonic()
        if isinstance(event, Checkpointed) and started < self._next:
            return
        try:
            draw_curves(self.folder)
        except (RecurraError, OSError, ImportError) as error:
            self.problem = str(error)
        took = time.monotonic() - started
        self._next = time.monotonic() + max(SPACING_S, took / SHARE)


def draw_curves(folder: Path) -> Path | None:
    """Draw `curves.png` from `metrics.jsonl` and return its path; None where there is no point yet.

    Raises: `ResourceError` where matplotlib is missing or the file cannot be written.
    """
    if sentence := missing():
        raise ResourceError(sentence)
    events = read_lines(folder / METRICS)
    steps = [event for event in events if event.get("event") == "step"]
    validations = [event for event in events if event.get("event") == "validated"]
    if not steps:
        return None
    started = next((event for event in events if event.get("event") == "started"), {})
    content = _picture(folder.name, steps, validations, str(started.get("unit", "step")))
    with atomic_write(folder / CURVES, "wb") as file:
        file.write(content)
    return folder / CURVES


def _picture(
    title: str, steps: Sequence[dict[str, Any]], validations: Sequence[dict[str, Any]], unit: str
) -> bytes:
    """Return the PNG; without pyplot, which would keep state and look for a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    figure = Figure(figsize=(9, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    loss, rate = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])

    x = _numbers(steps, "step")
    raw = _numbers(steps, "loss_nats")
    loss.plot(x, raw, color=TRAIN, linewidth=0.8, alpha=0.6)
    loss.plot(x, _smooth(raw), color="#2563a8", linewidth=1.6, label="training")
    if validations:
        held_x, held = _numbers(validations, "step"), _numbers(validations, "loss_nats")
        loss.plot(held_x, held, color=HELD_OUT, marker="o", markersize=3.5, label="held out")
        best = min(range(len(held)), key=lambda k: held[k])
        loss.annotate(
            f"{held[best]:.3f}",
            (held_x[best], held[best]),
            textcoords="offset points",
            xytext=(0, -13),
            ha="center",
            color=HELD_OUT,
            fontsize=9,
        )
    loss.set_ylabel(f"loss (nats per {unit})")
    _frame(loss, raw + (_numbers(validations, "loss_nats") if validations else []))
    bits = loss.secondary_yaxis(
        "right", functions=(lambda y: y / math.log(2), lambda y: y * math.log(2))
    )
    bits.set_ylabel(f"bits per {unit}")
    loss.set_title(title, loc="left", fontsize=11, fontweight="bold")
    loss.legend(frameon=False, loc="upper right")

    rate.plot(x, _numbers(steps, "learning_rate"), color=RATE, linewidth=1.2)
    rate.set_ylabel("learning rate")
    rate.set_xlabel("step")
    rate.set_ylim(bottom=0)
    rate.yaxis.set_major_locator(MaxNLocator(3))
    rate.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for axes in (loss, rate):
        axes.grid(True, color="#e5e7eb", linewidth=0.7)
        axes.spines[["top"]].set_visible(False)
        axes.set_axisbelow(True)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _numbers(events: Sequence[dict[str, Any]], name: str) -> list[float]:
    """Return one number an event; NaN, a gap in the line, where there is none."""
    values = (event.get(name) for event in events)
    return [float(value) if isinstance(value, int | float) else math.nan for value in values]


def _smooth(values: Sequence[float]) -> list[float]:
    """Return an exponential mean over about a thirtieth of the curve, unbiased at its start."""
    keep = max(0.0, 1.0 - 30.0 / max(len(values), 1))
    total = weight = 0.0
    smoothed = []
    for value in values:
        if math.isfinite(value):
            total, weight = keep * total + (1 - keep) * value, keep * weight + (1 - keep)
        smoothed.append(total / weight if weight else math.nan)
    return smoothed


def _frame(axes: Any, values: Sequence[float]) -> None:
    """Show the curve, not its first plunge: the top is the 98th percentile, with some air."""
    finite = sorted(value for value in values if math.isfinite(value))
    if not finite:
        return
    low, high = finite[0], finite[min(len(finite) - 1, int(0.98 * len(finite)))]
    air = 0.08 * (high - low) or 0.1
    axes.set_ylim(low - air, high + air)
