"""Forecast many series at once, with intervals, and see how good that is.

    python examples/forecast.py [FILE] [--horizon 24] [--steps 600]

FILE is a table with a value a row (unique_id, ds, y), a column a series, or one column. Left out,
the hourly demand of thirty made-up shops is used: a day, a week, some weather, and luck. The
forecast of the last part is set beside the seasonal-naive one, and drawn into forecast.png where
matplotlib is installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

import recurra
from recurra.tasks.series.evaluate import Evaluation, evaluate
from recurra.tasks.series.panel import Panel, build_panel
from recurra.tasks.series.read import read_panel
from recurra.tasks.series.settings import gather
from recurra.tasks.series.training import finished, prepare


def shops(count: int = 30, hours: int = 24 * 7 * 6) -> Panel:
    """Return made-up demand: every shop has a size of its own, and its own hours."""
    rng = np.random.default_rng(0)
    hour = np.arange(hours)
    stamps = np.datetime64("2024-01-01", "s") + hour.astype("timedelta64[h]")
    weather = np.convolve(rng.normal(size=hours + 47), np.ones(48) / 7, "valid")
    demand = []
    for _ in range(count):
        size, peak = 10 ** rng.uniform(1, 4), rng.uniform(10, 19)
        day = 1 + np.cos(2 * np.pi * (hour - peak) / 24)
        week = np.where(hour // 24 % 7 >= 5, rng.uniform(0.3, 1.5), 1.0)
        noise = np.exp(0.1 * rng.normal(size=hours) + 0.1 * weather)
        demand.append(size * (0.2 + day * week) * noise)
    names = np.repeat(np.array([f"shop {n + 1}" for n in range(count)], object), hours)
    return build_panel(names, np.tile(stamps, count), np.concatenate(demand))


def learn(panel: Panel, horizon: int, **settings: Any) -> Evaluation:
    """Learn all but the end of each series with one model, and forecast the end."""
    how = {
        # All steps at once, as quantiles: quick to train, and no path has to be drawn.
        "direct": True,
        "head": "quantiles",
        "sizes": (64,),
        # The end is held out below; nothing more is needed to choose a model by.
        "validation": 0,
        **settings,
    }
    training = prepare(panel.without_last(horizon), gather({"horizon": horizon, **how}))
    model = finished(training, training.run())
    return evaluate(model, panel, horizon)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", help="a table of series")
    parser.add_argument("--horizon", type=int, default=24, help="steps to forecast")
    parser.add_argument("--steps", type=int, default=600, help="how long to train")
    given = parser.parse_args(arguments)
    try:
        panel = shops() if given.file is None else read_panel(given.file).panel
        found = learn(panel, given.horizon, steps=given.steps)
    except recurra.RecurraError as error:
        raise SystemExit(str(error)) from None
    for name, scores in (("Recurra", found.model), ("seasonal naive", found.naive)):
        print(f"{name:<15} MASE {scores.mase:.3f}   sMAPE {scores.smape:.2f}")
    print(f"the 80 % interval holds {found.model.coverage_80:.0%} of what came")
    try:
        from recurra.tasks.series.render import plot_forecast

        plot_forecast("forecast.png", found.history, found.last, truth=list(found.truth))
    except recurra.ResourceError as error:
        print(error)
    else:
        print("drawn: forecast.png")


if __name__ == "__main__":
    main()
