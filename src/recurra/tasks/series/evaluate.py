"""How good a model's forecasts are, beside the seasonal-naive forecast, on values it never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.tasks.series import metrics
from recurra.tasks.series.model import PanelForecast, SeriesModel
from recurra.tasks.series.panel import Panel

Array = NDArray[Any]
NINE = tuple(round(0.1 * n, 1) for n in range(1, 10))
"""Levels of the weighted quantile loss, as GluonTS and others take them."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Measures of one kind of forecast. NaN where it has no distribution."""

    mase: float
    smape: float
    """From 0 to 200, as M4 has it."""
    mae: float
    rmse: float
    weighted_quantile_loss: float
    coverage_80: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model beside the seasonal-naive forecast, on the same values."""

    model: Scores
    naive: Scores
    series: int
    windows: int
    steps: int
    season: int
    history: Panel
    """What the last window was forecast from."""
    last: PanelForecast
    truth: NDArray[np.float64]
    """[S, h] of the last window."""
    naive_last: NDArray[np.float64]


def evaluate(
    model: SeriesModel,
    panel: Panel,
    steps: int | None = None,
    *,
    windows: int = 1,
    step_size: int | None = None,
    truth: Panel | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Forecast the last parts of series from what came before, and measure.

    Args:
        steps: how far ahead; by default the model's horizon.
        windows, step_size: cut-offs, and steps between them (by default `steps`).
        truth: what came after the panel's end, where that is a panel of its own: then the whole
            panel is history, and there is one window.
    Raises: `ConfigError` where no series is long enough.
    """
    steps = model.horizon if steps is None else steps
    step = steps if step_size is None else step_size
    season = model.encoding.season
    found: list[tuple[Panel, PanelForecast, Array]] = []
    for window in range(1 if truth is not None else windows):
        if truth is not None:
            history, y = _matched(panel, truth, steps)
            ahead = {}
        else:
            back = steps + step * (windows - 1 - window)
            chosen = [n for n, one in enumerate(panel.series) if len(one) >= back + 2]
            if not chosen:
                raise ConfigError(
                    f"no series is long enough: {windows} windows of {steps} steps need "
                    f"{steps + step * (windows - 1) + 2} values.",
                    "windows",
                )
            part = replace(
                panel, series=tuple(panel.series[n] for n in chosen),
                static=tuple(panel.static[n] for n in chosen) if panel.static else (),
            )  # fmt: skip
            history = part.without_last(back)
            y = np.stack([one.y[len(one) - back :][:steps] for one in part.series])
            ahead = {one.name: one.future[len(one) - back :][:steps] for one in part.series}
        told = model.forecast(
            history, steps, levels=sorted({*NINE, 0.1, 0.5, 0.9}), ahead=ahead, seed=seed
        )
        found.append((history, told, y))
        if progress is not None:
            progress(window + 1, windows)
    y = np.concatenate([part for _, _, part in found])
    histories = [one.y for history, _, _ in found for one in history.series]
    quantiles = np.concatenate(
        [np.stack([told.level(level) for level in NINE], axis=-1) for _, told, _ in found]
    )
    naive = np.stack([metrics.seasonal_naive(one, steps, season) for one in histories])
    history, told, last = found[-1]
    return Evaluation(
        _scores(y, quantiles[..., 4], histories, season, quantiles),
        _scores(y, naive, histories, season, None),
        len(history), len(found), steps, season, history, told, last, naive[-len(history) :],
    )  # fmt: skip


def _matched(panel: Panel, truth: Panel, steps: int) -> tuple[Panel, Array]:
    known = {one.name: one for one in truth.series}
    chosen = [n for n, one in enumerate(panel.series) if one.name in known]
    if not chosen:
        raise ConfigError("no series of the one file is in the other: names have to agree.")
    part = replace(
        panel, series=tuple(panel.series[n] for n in chosen),
        static=tuple(panel.static[n] for n in chosen) if panel.static else (),
    )  # fmt: skip
    y = np.full((len(chosen), steps), np.nan)
    for row, one in enumerate(part.series):
        values = known[one.name].y[:steps]
        y[row, : len(values)] = values
    return part, y


def _scores(
    y: Array, forecast: Array, histories: list[Array], season: int, quantiles: Array | None
) -> Scores:
    nothing = float("nan")
    return Scores(
        metrics.mase(y, forecast, histories, season),
        metrics.smape(y, forecast),
        metrics.mae(y, forecast),
        metrics.rmse(y, forecast),
        nothing if quantiles is None else metrics.weighted_quantile_loss(y, quantiles, NINE),
        nothing if quantiles is None else metrics.coverage(y, quantiles[..., 0], quantiles[..., 8]),
    )
