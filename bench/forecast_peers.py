"""Forecasts of others, asked as processes in environments of their own; how all are measured."""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from recurra.tasks.series import metrics
from recurra.tasks.series.evaluate import NINE

HERE = Path(__file__).parent
STATS = HERE / ".statsforecast" / "bin" / "python"
NEURAL = HERE / ".neuralforecast" / "bin" / "python"
Facts = dict[str, Any]


def measured(data: Facts, point: np.ndarray, quantiles: np.ndarray | None, season: int) -> Facts:
    """Return our own measures of a forecast."""
    y = data["truth"]
    found = {
        "mase": metrics.mase(y, point, data["histories"], season),
        "smape_200": metrics.smape(y, point),
    }
    if quantiles is not None:
        found["weighted_quantile_loss"] = metrics.weighted_quantile_loss(y, quantiles, NINE)
        found["coverage_80"] = metrics.coverage(y, quantiles[..., 0], quantiles[..., 8])
    return found


def write(file: Path, histories: list[np.ndarray], data: Facts, **more: Any) -> None:
    """Write histories end to end, and what came after them, for a peer."""
    filled = [_filled(one) for one in histories]
    np.savez(
        file, y=np.concatenate(filled), lengths=[len(one) for one in filled],
        truth=data["truth"], **more,
    )  # fmt: skip


def ask(python: Path, script: str, request: Facts) -> Facts:
    """Run a peer; where it fails, the last line of what it said is the answer."""
    done = subprocess.run(
        [str(python), str(HERE / "peers" / script)], input=json.dumps(request),
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"error": lines[-1] if lines else f"ended with {done.returncode}"}
    found: Facts = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def peers(cost: Facts, data: Facts, given: argparse.Namespace) -> dict[str, Facts]:
    """Return what each peer reached and cost, and utilsforecast's figures for all."""
    names = [name for name in given.peers.split(",") if name]
    rows: dict[str, Facts] = {}
    with tempfile.TemporaryDirectory() as folder:
        forecasts = {"Recurra": data["quantiles"]} if "quantiles" in data else {}
        for name in [name for name in names if name in ("LSTM", "DeepAR")]:
            if not NEURAL.exists():
                rows[name] = {"error": "not installed: make bench-forecast-peers"}
                continue
            file, answer = Path(folder) / "neural.npz", Path(folder) / f"{name}.npz"
            write(file, data["histories"], data)
            rows[name] = ask(NEURAL, "neural_forecast.py", {
                "file": str(file), "answer": str(answer), "model": name, "window": data["window"],
                "cpu_seconds": cost["train_cpu_seconds"], "threads": given.threads,
                "first": data["series"],
            })  # fmt: skip
            if answer.exists():
                forecasts[name] = np.load(answer)["quantiles"]
                rows[name] |= measured(data, forecasts[name][..., 4], forecasts[name], given.season)
        if STATS.exists():
            file = Path(folder) / "stats.npz"
            arrays = {f"mean:{name}": q[..., 4] for name, q in forecasts.items()}
            arrays |= {f"quantiles:{name}": q for name, q in forecasts.items()}
            write(file, data["histories"], data, **arrays)
            found = ask(STATS, "stats_forecast.py", {
                "file": str(file), "season": given.season, "jobs": given.threads,
                "fitted": given.fitted,
                "models": ["SeasonalNaive", *(name for name in names if name == "AutoETS")],
            })  # fmt: skip
            if "error" in found:
                rows["AutoETS"] = found
            else:
                for name, row in found.items():
                    rows[name] = rows.get(name, {}) | row
    return rows


def _filled(y: np.ndarray) -> np.ndarray:
    """Peers take no holes: each is filled with the value before."""
    y = y.copy()
    for t in np.flatnonzero(~np.isfinite(y)):
        y[t] = y[t - 1]
    return y
