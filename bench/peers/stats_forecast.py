"""Seasonal naive and AutoETS of statsforecast, and every measure by utilsforecast.

Runs in an environment of its own, as a process: bench/forecast.py sends a JSON request on standard
input and gets a JSON answer on standard output.

    make bench-forecast-peers

`fitted` bounds how many last values of each history AutoETS is fitted to; the measures know all of
them. The request names a .npz with `y` (histories end to end), `lengths`, `truth` [S, h], and any
number of `mean:NAME` [S, h] and `quantiles:NAME` [S, h, 9] to be measured too.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import AutoETS, SeasonalNaive
from utilsforecast import losses

LEVELS = [20, 40, 60, 80]
QUANTILES = [round(0.1 * n, 1) for n in range(1, 10)]


def main() -> None:
    request = json.load(sys.stdin)
    data = np.load(request["file"])
    season, horizon = request["season"], data["truth"].shape[1]
    lengths = data["lengths"]
    ids = np.repeat([f"{n:05d}" for n in range(len(lengths))], lengths)
    ds = np.concatenate([np.arange(length) for length in lengths])
    train = pd.DataFrame({"unique_id": ids, "ds": ds, "y": data["y"]})
    test = pd.DataFrame(
        {
            "unique_id": np.repeat([f"{n:05d}" for n in range(len(lengths))], horizon),
            "ds": np.concatenate([length + np.arange(horizon) for length in lengths]),
            "y": data["truth"].reshape(-1),
        }
    )
    answers = {}
    for name in request["models"]:
        made = {"SeasonalNaive": SeasonalNaive, "AutoETS": AutoETS}[name](season_length=season)
        read = train
        if name == "AutoETS" and request["fitted"]:
            read = train.groupby("unique_id").tail(request["fitted"])
        started, before = time.perf_counter(), time.process_time()
        found = StatsForecast([made], freq=1, n_jobs=request["jobs"]).forecast(
            df=read, h=horizon, level=LEVELS
        )
        seconds = time.perf_counter() - started
        cpu = time.process_time() - before
        columns = [
            *(f"{name}-lo-{level}" for level in reversed(LEVELS)), name,
            *(f"{name}-hi-{level}" for level in LEVELS),
        ]  # fmt: skip
        quantiles = found[columns].to_numpy().reshape(len(lengths), horizon, 9)
        answers[name] = {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            **measured(train, test, found[name].to_numpy(), quantiles, season),
        }
    for key in data.files:
        if key.startswith("mean:"):
            name = key.partition(":")[2]
            quantiles = data[f"quantiles:{name}"]
            answers[name] = measured(train, test, data[key].reshape(-1), quantiles, season)
    json.dump(answers, sys.stdout)


def measured(train, test, point, quantiles, season) -> dict[str, float]:
    """Return utilsforecast's measures of one forecast; sMAPE doubled, to M4's 0 to 200."""
    frame = test.assign(m=point)
    for n in range(len(QUANTILES)):
        frame[f"q{n}"] = quantiles[..., n].reshape(-1)
    names = {level: {"m": f"q{n}"} for n, level in enumerate(QUANTILES)}
    pinball = [
        losses.quantile_loss(frame, models=names[level], q=level)["m"].to_numpy()
        for level in QUANTILES
    ]
    size = frame["y"].abs().groupby(frame["unique_id"]).mean().to_numpy()
    inside = (frame["y"] >= frame["q0"]) & (frame["y"] <= frame["q8"])
    return {
        "mase": float(
            losses.mase(frame, models=["m"], seasonality=season, train_df=train)["m"].mean()
        ),
        "smape_200": 200 * float(losses.smape(frame, models=["m"])["m"].mean()),
        "weighted_quantile_loss": float(2 * np.mean(pinball, axis=0).sum() / size.sum()),
        "coverage_80": float(inside.mean()),
    }


if __name__ == "__main__":
    main()
