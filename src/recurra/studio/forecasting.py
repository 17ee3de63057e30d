"""What is asked of a model that forecasts: one series' fan, all series' measures, its memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.studio.models import Loaded
from recurra.studio.schema_series import (
    ForecastAnswer,
    ForecastRequest,
    Interval,
    MemoryAnswer,
    MemoryLayer,
    SeriesFacts,
)
from recurra.tasks.series import metrics
from recurra.tasks.series.evaluate import evaluate as measure
from recurra.tasks.series.model import SeriesModel
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.task import begins
from recurra.tasks.series.windows import cut, read_inputs

Array = NDArray[Any]
SHOWN = 2_000
"""Values of a history that an answer has, at most."""
MEMORY = 400
"""Steps that the memory is shown over, at most."""


def facts(loaded: Loaded, panel: Panel) -> SeriesFacts:
    """Return which series there are, and how far ahead the model looks."""
    model: SeriesModel = loaded.model
    return SeriesFacts(
        names=[one.name for one in panel.series],
        lengths=[len(one) for one in panel.series],
        horizon=model.horizon,
        season=model.encoding.season,
        frequency=str(panel.frequency),
        dated=panel.dated,
        head=model.settings.series.head,
        direct=model.encoding.horizon > 1,
        notes=list(panel.notes),
    )


def forecast(loaded: Loaded, panel: Panel, request: ForecastRequest) -> ForecastAnswer:
    """Return a series with its fan: of its end that was held out, or of what comes after it.

    Raises: what `SeriesModel.forecast` raises.
    """
    model: SeriesModel = loaded.model
    one = _only(panel, request.series)
    steps = model.horizon if request.horizon is None else request.horizon
    series = one.series[0]
    truth, ahead = None, None
    if request.held_out:
        if len(series) < steps + 2:
            raise ConfigError(
                f"{series.name} has {len(series)} values, which are too few to hold {steps} out.",
                "horizon",
            )
        truth = series.y[-steps:]
        ahead = {series.name: series.future[-steps:]}
        one = one.without_last(steps)
    halves = [level / 200 for level in request.levels]
    levels = sorted({0.5, *(0.5 - h for h in halves), *(0.5 + h for h in halves)})
    with loaded.lock:
        found = model.forecast(one, steps, levels=levels, ahead=ahead)
    history = one.series[0]
    shown = min(len(history), SHOWN)
    naive = metrics.seasonal_naive(history.y, steps, model.encoding.season)
    return ForecastAnswer(
        series=series.name,
        history_stamps=_stamps(history.stamps[-shown:]),
        history=_values(history.y[-shown:]),
        stamps=_stamps(found.stamps[0]),
        mean=_values(found.forecast.mean[0]),
        median=_values(found.level(0.5)[0]),
        intervals=[
            Interval(
                level=level,
                low=_values(found.level(0.5 - level / 200)[0]),
                high=_values(found.level(0.5 + level / 200)[0]),
            )
            for level in sorted(request.levels, reverse=True)
        ],
        truth=None if truth is None else _values(truth),
        naive=_values(naive),
    )


def evaluate(
    loaded: Loaded, panel: Panel, horizon: int | None, told: Callable[[float], None]
) -> dict[str, Any]:
    """Return the measures of all series' held-out ends, beside the seasonal-naive forecast's."""
    with loaded.lock:
        found = measure(
            loaded.model, panel, horizon, progress=lambda done, whole: told(done / whole)
        )
    return {
        "model": _plain(asdict(found.model)),
        "naive": _plain(asdict(found.naive)),
        "series": found.series,
        "steps": found.steps,
        "season": found.season,
    }


def memory(loaded: Loaded, panel: Panel, name: str | None) -> MemoryAnswer:
    """Return what every memory cell held while a series was read, its last `MEMORY` steps."""
    model: SeriesModel = loaded.model
    one = _only(panel, name)
    row = model.encode(one)[0]
    network, length = model.network(), len(row.z)
    buffer = cut([row], [0], length, model.encoding)
    with loaded.lock:
        found = network.trace(
            read_inputs(buffer, model.encoding), network.zero_state(1), begins(buffer)
        )
    held = "h" if model.spec.stack.cell.gru else "c"
    layers = []
    for k, units in enumerate(model.spec.stack.sizes):
        values = np.asarray(found[f"{held}_l{k}"])[-MEMORY:, 0]
        layers.append(MemoryLayer(units=units, values=np.round(values, 4).reshape(-1).tolist()))
    shown = min(length, MEMORY)
    series = one.series[0]
    return MemoryAnswer(
        series=series.name,
        stamps=_stamps(series.stamps[-shown:]),
        y=_values(series.y[-shown:]),
        layers=layers,
    )


def _only(panel: Panel, name: str | None) -> Panel:
    """Return a panel of one series: the one that is named, or the first."""
    names = [one.name for one in panel.series]
    if name is not None and name not in names:
        raise ConfigError(f"there is no series '{name}' in these data.", "series")
    at = 0 if name is None else names.index(name)
    static = (panel.static[at],) if panel.static else ()
    return replace(panel, series=(panel.series[at],), static=static)


def _stamps(stamps: Array) -> list[str]:
    return [str(stamp) for stamp in stamps]


def _values(values: Sequence[float] | Array) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def _plain(scores: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}
