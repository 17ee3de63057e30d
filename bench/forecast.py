"""Recurra's forecasts beside those of others, on one set of series with one split, in one run.

    python bench/forecast.py TRAIN.csv --truth TEST.csv --season 24 --cpu-seconds 600 --threads 1
    python bench/forecast.py SERIES.csv [MORE.csv] --horizon 12 --season 12 --windows 3

TRAIN and TEST are tables as `recurra forecast` reads them; without a TEST the last values of each
series are held out: HORIZON of them, or WINDOWS times as many, forecast from WINDOWS cut-offs by a
model that was trained before the first. The seasonal-naive forecast is always there. Peers are
AutoETS of statsforecast, fitted anew at each cut-off, and LSTM and DeepAR of neuralforecast,
trained for as many CPU seconds as ours; `make bench-forecast-peers` installs them. Where they are
there, utilsforecast measures every forecast, ours included. CPU seconds are those of the process,
so that what else the machine does counts little; `--cpu-seconds` gives the training as many steps
as a rehearsal says will fit. `--keep` leaves the rows of the last run that this one does not
measure, and the JSON says from when they are; `--fitted` bounds the history AutoETS is fitted to.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import OUT, ForeignTime, machine
from recurra.learning.events import Event, Stepped, Validated
from recurra.learning.meters import peak_memory_bytes
from recurra.learning.rhythm import VALIDATIONS
from recurra.tasks.series import metrics
from recurra.tasks.series.evaluate import NINE
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.read import read_panel
from recurra.tasks.series.settings import gather
from recurra.tasks.series.training import finished, prepare

HERE = Path(__file__).parent
STATS = HERE / ".statsforecast" / "bin" / "python"
NEURAL = HERE / ".neuralforecast" / "bin" / "python"
Facts = dict[str, Any]
REHEARSED = 40
"""Steps, to find out how many fit into a budget of CPU seconds."""


def ours(given: argparse.Namespace) -> tuple[Facts, Facts]:
    """Train and forecast; return what it cost, and the arrays that peers are measured on."""
    panel = together([read_panel(file).panel for file in given.train])
    truth = read_panel(given.truth).panel if given.truth else None
    horizon = given.horizon or len(truth.series[0])
    backs = [0] if truth else [horizon * (given.windows - n) for n in range(given.windows)]
    values = {
        "horizon": horizon, "season": given.season, "validation": 0, "direct": True,
        "head": "quantiles", "sizes": (128,),
        "window": 8 * given.season if given.season > 1 else 64,
        "dropout": 0.3, "learning_rate": 4e-3, "threads": given.threads,
        **({"steps": given.steps} if given.steps else {"seconds": given.seconds}),
        **json.loads(given.settings),
    }  # fmt: skip
    learned = panel.without_last(backs[0])
    if given.cpu_seconds:
        values.pop("seconds", None)
        values["steps"] = fitting(learned, values, given.cpu_seconds)
    training = prepare(learned, gather(values))
    before, started = time.process_time(), time.perf_counter()
    with ForeignTime() as foreign:
        model = finished(training, training.run())
    facts = {
        "train_cpu_seconds": time.process_time() - before,
        "train_seconds": time.perf_counter() - started,
        "foreign_cores": foreign.cores,
        "parameters": model.parameters,
        "steps": model.document["provenance"]["steps"],
    }
    model.forecast(panel, 1)
    before, started = time.process_time(), time.perf_counter()
    model.forecast(panel, horizon, levels=NINE, paths=100, keep_paths=True)
    facts["predict_cpu_seconds"] = time.process_time() - before
    facts["predict_seconds"] = time.perf_counter() - started
    histories, wanted, quantiles = [], [], []
    for back in backs:
        history = panel.without_last(back)
        told = model.forecast(history, horizon, levels=NINE)
        quantiles.append(np.stack([told.level(level) for level in NINE], axis=-1))
        histories += [one.y for one in history.series]
        if truth is None:
            wanted += [one.y[len(one) - back :][:horizon] for one in panel.series]
        else:
            after = {one.name: one.y[:horizon] for one in truth.series}
            wanted += [after[one.name] for one in panel.series]
    facts["memory_mb"] = peak_memory_bytes() / 2**20
    return facts, {
        "histories": histories, "truth": np.stack(wanted), "quantiles": np.concatenate(quantiles),
        "series": len(panel), "window": values["window"],
    }  # fmt: skip


def fitting(panel: Panel, values: Facts, cpu_seconds: float) -> int:
    """Return how many steps fit into so many CPU seconds, going by a short rehearsal.

    Validations count as often as a training has them. The rehearsal's network is thrown away; the
    training that follows knows nothing of it.
    """
    rehearsal = prepare(panel, gather({**values, "steps": REHEARSED, "log_every": 1}))
    costs: dict[type, list[float]] = {Stepped: [], Validated: [0.0]}
    last = time.process_time()

    def note(event: Event) -> None:
        nonlocal last
        now = time.process_time()
        costs.setdefault(type(event), []).append(now - last)
        last = now

    rehearsal.run(listeners=[note])
    looking = (VALIDATIONS + 1) * max(costs[Validated])
    return max(1, round((cpu_seconds - looking) / float(np.median(costs[Stepped]))))


def together(panels: list[Panel]) -> Panel:
    """Return series of one frequency from several files as one panel."""
    return replace(
        panels[0],
        series=tuple(one for panel in panels for one in panel.series),
        static=tuple(one for panel in panels for one in panel.static),
    )


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
        forecasts = {"Recurra": data["quantiles"]}
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


COLUMNS = {
    "mase": "MASE", "smape_200": "sMAPE", "weighted_quantile_loss": "wQL, %",
    "coverage_80": "80 % holds, %", "train_cpu_seconds": "training, CPU s",
    "predict_cpu_seconds": "forecast, CPU s", "memory_mb": "peak memory, MB",
}  # fmt: skip
"""Measures of the table, and how they are headed."""
LABELS = {
    "Recurra": "Recurra", "AutoETS": "AutoETS (statsforecast)",
    "SeasonalNaive": "seasonal naive (statsforecast)", "LSTM": "LSTM (neuralforecast)",
    "DeepAR": "DeepAR (neuralforecast)", "naive": "seasonal naive",
}  # fmt: skip


def row_of(name: str, facts: Facts) -> Facts:
    """Return one line of the table; statistical models are fitted and forecast at once."""
    facts = dict(facts)
    if "cpu_seconds" in facts:
        facts["predict_cpu_seconds"] = facts["cpu_seconds"]
    for share in ("coverage_80", "weighted_quantile_loss"):
        if share in facts:
            facts[share] = 100 * facts[share]
    line: Facts = {"forecast": LABELS.get(name, name)}
    for key, head in COLUMNS.items():
        value = facts.get(key)
        line[head] = None if value is None or "error" in facts else float(f"{value:.6g}")
    if "error" in facts:
        line["MASE"] = f"did not run: {facts['error'][:100]}"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train", nargs="+")
    parser.add_argument("--truth")
    parser.add_argument("--horizon", type=int)
    parser.add_argument("--windows", type=int, default=1, help="cut-offs, without a TEST")
    parser.add_argument("--season", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--steps", type=int, help="of the training, in place of seconds")
    parser.add_argument("--cpu-seconds", type=float, help="of the training, in place of seconds")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--settings", default="{}", help="more settings of the training, as JSON")
    parser.add_argument("--peers", default="AutoETS,LSTM")
    parser.add_argument("--fitted", type=int, help="last values that AutoETS is fitted to")
    parser.add_argument(
        "--keep", action="store_true", help="what this run does not measure stays as in the last"
    )
    parser.add_argument("--name", default="")
    given = parser.parse_args()
    if not (given.truth or given.horizon):
        parser.error("give --truth or --horizon")
    cost, data = ours(given)
    rows = {"Recurra": cost | measured(data, data["quantiles"][..., 4], data["quantiles"],
                                       given.season)}  # fmt: skip
    opinion = peers(cost, data, given)
    second = opinion.pop("Recurra", None)
    rows |= opinion
    OUT.mkdir(exist_ok=True)
    name = given.name or Path(given.train[0]).name.partition(".")[0]
    file = OUT / f"forecast-{name}.json"
    kept: dict[str, str] = {}
    if given.keep and file.exists():
        last = json.loads(file.read_text("utf-8"))
        when = dict.fromkeys(last["all"], last["machine"]["date"]) | last.get("kept", {})
        kept = {peer: when[peer] for peer in last["all"] if peer not in rows}
        rows = {**last["all"], **rows}
    if "SeasonalNaive" not in rows:
        steps = data["truth"].shape[1]
        naive = [metrics.seasonal_naive(one, steps, given.season) for one in data["histories"]]
        rows["naive"] = measured(data, np.stack(naive), None, given.season)
    table = [row_of(name, row) for name, row in rows.items()]
    for line in table:
        print("  ".join(f"{head} {value:.4g}" if isinstance(value, float) else str(value)
                        for head, value in line.items() if value is not None))  # fmt: skip
    if second is not None:
        print("by utilsforecast, Recurra:", ", ".join(f"{k} {v:.4g}" for k, v in second.items()))
    arguments = {**vars(given), "train": [Path(one).name for one in given.train],
                 "truth": Path(given.truth).name if given.truth else None}  # fmt: skip
    facts = {"machine": machine(), "series": data["series"], "rows": table, "all": rows,
             "second_opinion": second, "kept": kept, "arguments": arguments}  # fmt: skip
    file.write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
