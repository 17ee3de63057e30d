"""Recurra's forecasts beside those of others, on one set of series with one split, in one run.

    python bench/forecast.py TRAIN.csv --truth TEST.csv [--season 24] [--seconds 600]
    python bench/forecast.py SERIES.csv --horizon 48 --season 24

TRAIN and TEST are tables as `recurra forecast` reads them; without a TEST the last HORIZON values
of each series are held out. The seasonal-naive forecast is always there. AutoETS, and a second
opinion on every figure by utilsforecast, come where RECURRA_BENCH_FORECAST names a Python that has
statsforecast and utilsforecast (see bench/peers/stats_forecast.py). Close what else is running.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import OUT, ForeignTime, machine
from recurra.learning.meters import peak_memory_bytes
from recurra.tasks.series.evaluate import NINE, Scores, evaluate
from recurra.tasks.series.read import read_panel
from recurra.tasks.series.settings import gather
from recurra.tasks.series.training import prepare

PEER = Path(__file__).parent / "peers" / "stats_forecast.py"


def ours(given: argparse.Namespace) -> dict[str, Any]:
    """Train and forecast; return scores, times, and the numbers for the second opinion."""
    panel = read_panel(given.train).panel
    truth = read_panel(given.truth).panel if given.truth else None
    horizon = given.horizon or len(truth.series[0])
    history = panel if truth else panel.without_last(horizon)
    values = {
        "horizon": horizon, "season": given.season, "seconds": given.seconds, "validation": 0,
        "direct": True, "head": "quantiles", "sizes": (128,), "window": 8 * given.season,
        "dropout": 0.3, "learning_rate": 4e-3,
        **json.loads(given.settings),
    }  # fmt: skip
    if given.season == 1:
        values["window"] = json.loads(given.settings).get("window", 64)
    training = prepare(history, gather(values))
    started = time.perf_counter()
    with ForeignTime() as foreign:
        model = training.model(training.run())
    trained = time.perf_counter() - started
    model.forecast(history, 1)
    started = time.perf_counter()
    model.forecast(history, horizon, levels=NINE, paths=100, keep_paths=True)
    seconds = time.perf_counter() - started
    found = evaluate(model, panel, horizon, truth=truth)
    quantiles = np.stack([found.last.level(level) for level in NINE], axis=-1)
    return {
        "scores": found.model,
        "naive": found.naive,
        "train_seconds": trained,
        "predict_seconds": seconds,
        "foreign_cores": foreign.cores,
        "parameters": model.parameters,
        "memory_mb": peak_memory_bytes() / 2**20,
        "histories": [one.y for one in found.history.series],
        "truth": found.truth,
        "quantiles": quantiles,
    }


def second_opinion(result: dict[str, Any], given: argparse.Namespace) -> dict[str, Any] | None:
    """Return statsforecast's forecasts and utilsforecast's figures for all, or None."""
    python = os.environ.get("RECURRA_BENCH_FORECAST")
    if not python:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.npz"
        filled = [_filled(one) for one in result["histories"]]
        np.savez(
            file, y=np.concatenate(filled), lengths=[len(one) for one in filled],
            truth=result["truth"],
            **{
                "mean:Recurra": result["quantiles"][..., 4],
                "quantiles:Recurra": result["quantiles"],
            },
        )  # fmt: skip
        request = {"file": str(file), "season": given.season, "models": given.models.split(","),
                   "jobs": os.cpu_count()}  # fmt: skip
        answer = subprocess.run(
            [python, str(PEER)], input=json.dumps(request), capture_output=True, text=True,
            check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def _filled(y: np.ndarray) -> np.ndarray:
    """Statsforecast takes no holes: each is filled with the value before."""
    y = y.copy()
    for t in np.flatnonzero(~np.isfinite(y)):
        y[t] = y[t - 1]
    return y


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train")
    parser.add_argument("--truth")
    parser.add_argument("--horizon", type=int)
    parser.add_argument("--season", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--settings", default="{}", help="more settings of the training, as JSON")
    parser.add_argument("--models", default="SeasonalNaive,AutoETS", help="of statsforecast")
    parser.add_argument("--name", default="")
    given = parser.parse_args()
    if not (given.truth or given.horizon):
        parser.error("give --truth or --horizon")
    result = ours(given)
    table: dict[str, dict[str, float]] = {
        "Recurra": _row(result["scores"]),
        "seasonal naive": _row(result["naive"]),
    }
    told = ("train_seconds", "predict_seconds", "parameters", "memory_mb", "foreign_cores")
    table["Recurra"] |= {name: result[name] for name in told}
    opinion = second_opinion(result, given)
    for name, row in (opinion or {}).items():
        if isinstance(row, dict):
            table[f"{name} (by utilsforecast)"] = row
    print(f"\n{'':<34}{'MASE':>9}{'sMAPE':>9}{'wQL':>9}{'80 %':>9}{'train s':>10}{'predict s':>11}")
    for name, row in table.items():
        figures = [row.get(key, float("nan")) for key in (
            "mase", "smape_200", "weighted_quantile_loss", "coverage_80")]  # fmt: skip
        seconds = [row.get("train_seconds", float("nan")),
                   row.get("predict_seconds", row.get("seconds", float("nan")))]  # fmt: skip
        print(f"{name:<34}" + "".join(f"{x:>9.4f}" for x in figures)
              + f"{seconds[0]:>10.1f}{seconds[1]:>11.2f}")  # fmt: skip
    if result["foreign_cores"] > 0.1:
        print(f"others kept {result['foreign_cores']:.1f} cores busy while it trained")
    if opinion is None:
        print("no AutoETS: RECURRA_BENCH_FORECAST names no Python with statsforecast")
    OUT.mkdir(exist_ok=True)
    name = given.name or Path(given.train).name.partition(".")[0]
    facts = {"machine": machine(), "series": len(result["histories"]), "table": table,
             "arguments": vars(given)}  # fmt: skip
    (OUT / f"forecast-{name}.json").write_text(json.dumps(facts, indent=2))


def _row(scores: Scores) -> dict[str, float]:
    row = asdict(scores)
    row["smape_200"] = row.pop("smape")
    return row


if __name__ == "__main__":
    main()
