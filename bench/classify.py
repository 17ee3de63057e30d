"""Recurra's classifier beside the nearest neighbour under dynamic time warping, on files of series.

    python bench/classify.py TRAIN.ts TEST.ts [TRAIN2.ts TEST2.ts ...] [--steps 1000]
    python bench/classify.py --folds 5 ALL.txt

Files come in pairs; with --folds each is split into so many parts, every one the test of the rest.
Accuracy and macro F1 of both, and their means over the sets. `--channels 2` reads tables whose
channels take turns in a row. Everything is in NumPy, so large sets take a while.
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
from recurra.formats.labelled import Labelled, read_labelled
from recurra.tasks.series.labels.training import learn


def nearest(train: Labelled, test: Labelled) -> list[str]:
    """Return the class of each test series' nearest neighbour, warping without a window.

    Series are z-normalised by the training part's channels, as the network's are.
    """
    every = np.concatenate(train.series)
    centre, spread = np.nanmean(every, axis=0), np.nanstd(every, axis=0) + 1e-12
    known = [np.nan_to_num((one - centre) / spread) for one in train.series]
    found = []
    by_length: dict[int, list[int]] = {}
    for n, one in enumerate(known):
        by_length.setdefault(len(one), []).append(n)
    groups = [(np.array(rows), np.stack([known[n] for n in rows])) for rows in by_length.values()]
    for one in test.series:
        z = np.nan_to_num((one - centre) / spread)
        best, place = np.inf, 0
        for rows, stacked in groups:
            distances = warped(z, stacked)
            if distances.min() < best:
                best, place = float(distances.min()), int(rows[distances.argmin()])
        found.append(train.labels[place])
    return found


def warped(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Return the dynamic time warping distances [N] of a series [T, C] to others [N, U, C].

    D(t, u) = (x_t - y_u)^2 + min(D(t-1, u), D(t, u-1), D(t-1, u-1)) (Sakoe and Chiba 1978), along
    anti-diagonals, which depend on those before them alone.
    """
    t_max, (count, u_max, _) = len(one), many.shape
    cost = ((many[:, None] - one[None, :, None]) ** 2).sum(axis=-1)
    infinite = np.full((count, t_max + 1), np.inf)
    before, last = infinite.copy(), infinite.copy()
    before[:, 0] = 0.0  # D(-1, -1), one place up
    for diagonal in range(t_max + u_max - 1):
        t = np.arange(max(0, diagonal - u_max + 1), min(t_max, diagonal + 1))
        now = infinite.copy()
        least = np.minimum(np.minimum(last[:, t], last[:, t + 1]), before[:, t])
        now[:, t + 1] = cost[:, t, diagonal - t] + least
        before, last = last, now
    return last[:, t_max]


def scores(wanted: list[str], said: list[str]) -> tuple[float, float]:
    """Return accuracy and macro F1."""
    pairs, found = list(zip(wanted, said, strict=True)), []
    for name in sorted(set(wanted)):
        right = sum(w == s == name for w, s in pairs)
        found.append(2 * right / max(1, sum((w == name) + (s == name) for w, s in pairs)))
    return float(np.mean([w == s for w, s in pairs])), float(np.mean(found))


def folds(data: Labelled, count: int) -> list[tuple[Labelled, Labelled]]:
    """Return (train, test) for each part, every class spread over all of them."""
    order = np.random.default_rng(0).permutation(len(data.series))
    order = order[np.argsort(np.array(data.labels)[order], kind="stable")]
    parts = []
    for n in range(count):
        inside = set(order[n::count].tolist())
        parts.append(
            tuple(
                Labelled(
                    data.name,
                    tuple(s for i, s in enumerate(data.series) if (i in inside) is test),
                    tuple(c for i, c in enumerate(data.labels) if (i in inside) is test),
                )
                for test in (False, True)
            )
        )
    return parts  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--settings", default="{}", help="more settings of the training, as JSON")
    parser.add_argument("--no-dtw", action="store_true", help="leave the neighbour out")
    given = parser.parse_args()
    read = [read_labelled(file, channels=given.channels) for file in given.files]
    if given.folds:
        sets = [(Path(one.name).name, folds(one, given.folds)) for one in read]
    else:
        pairs = list(zip(read[::2], read[1::2], strict=True))
        sets = [(Path(train.name).name, [(train, test)]) for train, test in pairs]
    rows: list[dict[str, Any]] = []
    print(f"{'':<34}{'Recurra':>9}{'F1':>8}{'1-NN DTW':>10}{'F1':>8}{'train s':>9}")
    for name, splits in sets:
        wanted, said, neighbour = [], [], []
        started = time.perf_counter()
        for train, test in splits:
            model = learn(train, steps=given.steps, **json.loads(given.settings))
            said += model.predict(test.series)
            wanted += test.labels
        seconds = (time.perf_counter() - started) / len(splits)
        for train, test in splits:
            neighbour += [] if given.no_dtw else nearest(train, test)
        ours = scores(wanted, said)
        theirs = scores(wanted, neighbour) if neighbour else (float("nan"), float("nan"))
        rows.append({"set": name, "recurra": ours, "dtw": theirs, "train_seconds": seconds})
        print(f"{name:<34}{ours[0]:>9.3f}{ours[1]:>8.3f}{theirs[0]:>10.3f}{theirs[1]:>8.3f}"
              f"{seconds:>9.1f}", flush=True)  # fmt: skip
    means = [float(np.mean([row[who][0] for row in rows])) for who in ("recurra", "dtw")]
    print(f"{'mean':<34}{means[0]:>9.3f}{'':>8}{means[1]:>10.3f}")
    OUT.mkdir(exist_ok=True)
    facts = {"machine": machine(), "arguments": vars(given), "rows": rows}
    (OUT / "classify.json").write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
