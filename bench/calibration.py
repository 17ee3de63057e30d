"""How well intervals are calibrated by held-out values, on parts of a training set that came later.

    python bench/calibration.py Hourly-train.csv --season 24 --horizon 48 --threads 1

For each number of `--steps`, a model learns all but the last seven horizons of each series.
Forecasts from cut-offs half a horizon apart tell at which level of the forecast every later value
fell. Then each part of one horizon is taken in turn as what is to come, and the levels are
corrected, as `--conformal` does, by what was held out before it: nothing, one horizon, or up to
four. A row of the table is one such way; its figures say how much of what came the 80 % interval
holds. `--model` takes models that were trained before on all but the last seven horizons.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import OUT, machine
from recurra.tasks.series.conformal import GRID, correction, cut_offs, levels_of
from recurra.tasks.series.model import SeriesModel
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.read import read_panel
from recurra.tasks.series.settings import gather
from recurra.tasks.series.training import finished, prepare

HORIZONS = 7
"""At the end of each series, none of which is learned from."""
HELD = (0, 1, 2, 3, 4)
"""Horizons that intervals are corrected by."""
LOW, HIGH = 10, 90
"""Ends of the 80 % interval, in per cent."""


def trained(panel: Panel, given: argparse.Namespace, steps: int) -> SeriesModel:
    """Return a model of all but the last horizons."""
    values: dict[str, Any] = {
        "horizon": given.horizon, "season": given.season, "validation": 0, "direct": True,
        "head": "quantiles", "sizes": (128,), "window": 8 * given.season, "dropout": 0.3,
        "learning_rate": 4e-3, "threads": given.threads, "steps": steps, "seed": given.seed,
    }  # fmt: skip
    training = prepare(panel.without_last(HORIZONS * given.horizon), gather(values))
    return finished(training, training.run())


def fallen(model: SeriesModel, panel: Panel, horizon: int) -> dict[int, np.ndarray]:
    """Return at which levels values fell, by how many values before the end their cut-off is."""
    found = {}
    for back in cut_offs(HORIZONS * horizon, horizon):
        told = model.forecast(panel.without_last(back), horizon, levels=GRID, calibrated=False)
        y = np.stack([one.y[len(one) - back :][:horizon] for one in panel.series])
        found[back] = levels_of(y, told.forecast.quantiles)
    return found


def row_of(models: list[dict[int, np.ndarray]], horizon: int, held: int) -> dict[str, Any]:
    """Return how one way of calibrating does, over all parts that have enough before them."""
    shares = []
    backs = cut_offs(held * horizon, horizon) if held else []
    for levels, back in [(one, back) for one in models for back in one]:
        if back + max(HELD) * horizon not in levels:
            continue
        fell = levels[back]
        asked = np.linspace(0, 1, 101)
        if held:
            asked = correction(np.concatenate([levels[back + one] for one in backs]))
        shares.append(100 * float(((fell >= asked[LOW]) & (fell <= asked[HIGH])).mean()))
    return {
        "held out, horizons": held, "cut-offs": len(backs), "80 % holds, mean, %": np.mean(shares),
        "off by, %": float(np.sqrt(np.mean((np.array(shares) - (HIGH - LOW)) ** 2))),
        "lowest, %": min(shares), "highest, %": max(shares),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train")
    parser.add_argument("--horizon", type=int, default=48)
    parser.add_argument("--season", type=int, default=24)
    parser.add_argument("--steps", type=int, nargs="+", default=[800, 2200])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", nargs="+", help="trained before, in place of training")
    parser.add_argument("--name", default="")
    given = parser.parse_args()
    panel = read_panel(given.train).panel
    started = time.process_time()
    models = [SeriesModel.load(one) for one in given.model or ()]
    models = models or [trained(panel, given, steps) for steps in given.steps]
    levels = [fallen(model, panel, given.horizon) for model in models]
    rows = [row_of(levels, given.horizon, held) for held in HELD]
    for row in rows:
        print("  ".join(f"{head} {value:.4g}" for head, value in row.items()))
    name = given.name or Path(given.train).name.partition(".")[0]
    arguments = {**vars(given), "train": Path(given.train).name,
                 "model": [Path(one).name for one in given.model or ()]}  # fmt: skip
    facts = {
        "machine": machine(), "series": len(panel), "rows": rows,
        "steps": [model.document["provenance"]["steps"] for model in models],
        "arguments": arguments,
        "cpu_seconds": time.process_time() - started,
    }  # fmt: skip
    OUT.mkdir(exist_ok=True)
    (OUT / f"calibration-{name}.json").write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
