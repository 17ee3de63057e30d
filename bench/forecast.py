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
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import OUT, ForeignTime, machine
from bench.forecast_peers import Facts, measured, peers
from recurra.learning.events import Event, Stepped, Validated
from recurra.learning.meters import peak_memory_bytes
from recurra.learning.rhythm import VALIDATIONS
from recurra.tasks.series import metrics
from recurra.tasks.series.evaluate import NINE
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.read import read_panel
from recurra.tasks.series.settings import gather
from recurra.tasks.series.training import finished, prepare

REHEARSED = 40
"""Steps, to find out how many fit into a budget of CPU seconds."""


@dataclass(frozen=True)
class Split:
    """What is known at each cut-off, and what came after it."""

    panel: Panel
    learned: Panel
    """What came before the first cut-off."""
    horizon: int
    known: list[Panel]
    truth: np.ndarray
    """[cut-offs x series, horizon]"""

    @classmethod
    def of(cls, given: argparse.Namespace) -> Split:
        """Read the files, and cut them as the arguments say."""
        panel = together([read_panel(file).panel for file in given.train])
        truth = read_panel(given.truth).panel if given.truth else None
        horizon = given.horizon or len(truth.series[0])
        if truth is not None:
            after = {one.name: one.y[:horizon] for one in truth.series}
            wanted = np.stack([after[one.name] for one in panel.series])
            return cls(panel, panel, horizon, [panel], wanted)
        backs = [horizon * (given.windows - n) for n in range(given.windows)]
        wanted = np.stack(
            [one.y[len(one) - back :][:horizon] for back in backs for one in panel.series]
        )
        known = [panel.without_last(back) for back in backs]
        return cls(panel, known[0], horizon, known, wanted)

    def data(self, window: int) -> Facts:
        """Return the arrays that peers are measured on."""
        histories = [one.y for panel in self.known for one in panel.series]
        return {"histories": histories, "truth": self.truth, "series": len(self.panel),
                "window": window}  # fmt: skip


def settings(given: argparse.Namespace, horizon: int) -> Facts:
    """Return the settings of our training, but for its budget."""
    return {
        "horizon": horizon, "season": given.season, "validation": 0, "direct": True,
        "head": "quantiles", "sizes": (128,),
        "window": 8 * given.season if given.season > 1 else 64,
        "dropout": 0.3, "learning_rate": 4e-3, "threads": given.threads,
        **json.loads(given.settings),
    }  # fmt: skip


class Costs:
    """CPU seconds that led to each event of a training, by its kind."""

    def __init__(self) -> None:
        self._last = time.process_time()
        self._found: dict[type, list[float]] = {}

    def __call__(self, event: Event) -> None:
        now = time.process_time()
        self._found.setdefault(type(event), []).append(now - self._last)
        self._last = now

    def of(self, kind: type) -> list[float]:
        """Return what each event of a kind took."""
        return self._found.get(kind, [])


def ours(given: argparse.Namespace, split: Split, values: Facts) -> tuple[Facts, np.ndarray]:
    """Train and forecast; return what it cost, and the quantiles of the forecasts."""
    budget = {"steps": given.steps} if given.steps else {"seconds": given.seconds}
    if given.cpu_seconds:
        budget = {"steps": fitting(split.learned, values, given.cpu_seconds)}
    training = prepare(split.learned, gather({**values, **budget}))
    seen: list[Event] = []
    before, started = time.process_time(), time.perf_counter()
    with ForeignTime() as foreign:
        model = finished(training, training.run(listeners=[seen.append]))
    validations = [event.duration_s for event in seen if isinstance(event, Validated)]
    facts = {
        "train_cpu_seconds": time.process_time() - before,
        "train_seconds": time.perf_counter() - started,
        "foreign_cores": foreign.cores,
        "parameters": model.parameters,
        "steps": model.document["provenance"]["steps"],
        "held_out": training.task.held_out,
        "validations": len(validations),
        "validation_seconds": sum(validations),
    }
    model.forecast(split.panel, 1)
    before, started = time.process_time(), time.perf_counter()
    model.forecast(split.panel, split.horizon, levels=NINE, paths=100, keep_paths=True)
    facts["predict_cpu_seconds"] = time.process_time() - before
    facts["predict_seconds"] = time.perf_counter() - started
    quantiles = []
    for history in split.known:
        told = model.forecast(history, split.horizon, levels=NINE)
        quantiles.append(np.stack([told.level(level) for level in NINE], axis=-1))
    facts["memory_mb"] = peak_memory_bytes() / 2**20
    return facts, np.concatenate(quantiles)


def fitting(panel: Panel, values: Facts, cpu_seconds: float) -> int:
    """Return how many steps fit into so many CPU seconds, going by a short rehearsal.

    Validations count as often as a training has them. The rehearsal's network is thrown away; the
    training that follows knows nothing of it.
    """
    rehearsal = prepare(panel, gather({**values, "steps": REHEARSED, "log_every": 1}))
    costs = Costs()
    rehearsal.run(listeners=[costs])
    looking = (VALIDATIONS + 1) * max(costs.of(Validated), default=0.0)
    return max(1, round((cpu_seconds - looking) / float(np.median(costs.of(Stepped)))))


def together(panels: list[Panel]) -> Panel:
    """Return series of one frequency from several files as one panel."""
    return replace(
        panels[0],
        series=tuple(one for panel in panels for one in panel.series),
        static=tuple(one for panel in panels for one in panel.static),
    )


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
    parser.add_argument("--peers-only", action="store_true", help="with --keep: ours stays, too")
    parser.add_argument("--name", default="")
    given = parser.parse_args()
    if not (given.truth or given.horizon):
        parser.error("give --truth or --horizon")
    OUT.mkdir(exist_ok=True)
    name = given.name or Path(given.train[0]).name.partition(".")[0]
    file = OUT / f"forecast-{name}.json"
    last: Facts = {"all": {}}
    if given.keep and file.exists():
        last = json.loads(file.read_text("utf-8"))
    if given.peers_only and "Recurra" not in last["all"]:
        parser.error("--peers-only goes with --keep, and with a run that has measured ours")
    split = Split.of(given)
    values = settings(given, split.horizon)
    data = split.data(values["window"])
    rows: dict[str, Facts] = {}
    if given.peers_only:
        cost = last["all"]["Recurra"]
    else:
        cost, data["quantiles"] = ours(given, split, values)
        own = measured(data, data["quantiles"][..., 4], data["quantiles"], given.season)
        rows["Recurra"] = cost | own
    opinion = peers(cost, data, given)
    second = opinion.pop("Recurra", None) or last.get("second_opinion")
    rows |= opinion
    kept: dict[str, str] = {}
    if last["all"]:
        when = dict.fromkeys(last["all"], last["machine"]["date"]) | last.get("kept", {})
        kept = {peer: when[peer] for peer in last["all"] if peer not in rows}
        rows = {**last["all"], **rows}
    if "SeasonalNaive" not in rows:
        naive = [
            metrics.seasonal_naive(one, split.horizon, given.season) for one in data["histories"]
        ]
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
             "second_opinion": second, "kept": kept,
             "arguments": arguments}  # fmt: skip
    file.write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
