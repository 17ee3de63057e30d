"""Recurra's classifier beside the nearest neighbour under dynamic time warping, on files of series.

    python bench/classify.py TRAIN.ts TEST.ts [TRAIN2.ts TEST2.ts ...]
    python bench/classify.py --channels 2 --name pendigits pendigits.tra.csv pendigits.tes.csv
    python bench/classify.py --parts 5 --name ecg5000 ALL.txt

Files come in pairs; with --parts each is split into so many, every one the test of the rest. The
settings of a set are chosen among `CANDIDATES` by what they reach on parts of its training part
that they did not learn from; then all of the training part is learned, with several seeds, and the
test part is asked about once for each of them. Accuracy and macro F1 of both, and their means over
the sets. The neighbour is aeon's (`make bench-forecast-peers` installs it), without a window, all
channels together; CPU seconds are those of one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import OUT, machine
from bench.forecast import HERE, ask
from recurra.formats.labelled import Labelled, read_labelled
from recurra.tasks.series.labels.training import learn

AEON = HERE / ".aeon" / "bin" / "python"
Facts = dict[str, Any]
CANDIDATES: tuple[Facts, ...] = (
    {"steps": 1000},
    {"steps": 400},
    {"steps": 1500, "sizes": (128,), "dropout": 0.3},
)
"""Settings that are chosen among; what they do not say is the classifier's default."""


def choose(train: Labelled, parts: int) -> tuple[Facts, list[float]]:
    """Return the settings that are right most often about parts that they did not learn from.

    Where two are right as often, the one that gave the right classes more probability.
    """
    reached: list[tuple[float, float]] = []
    for settings in CANDIDATES:
        right, sure = [], []
        for known, unknown in splits(train, parts):
            model = learn(known, **settings, threads=1)
            shares = model.probabilities(unknown.series)
            places = [model.classes.index(label) for label in unknown.labels]
            right += (shares.argmax(axis=1) == places).tolist()
            sure += np.log(shares[np.arange(len(places)), places] + 1e-9).tolist()
        reached.append((float(np.mean(right)), float(np.mean(sure))))
    best = max(range(len(CANDIDATES)), key=lambda n: reached[n])
    return CANDIDATES[best], [accuracy for accuracy, _ in reached]


def nearest(train: Labelled, test: Labelled) -> list[str]:
    """Return what aeon's nearest neighbour says of the test part; nothing where it is not there.

    Series are z-normalised by the training part's channels, as the network's are, and what is
    missing is their mean.
    """
    if not AEON.exists():
        return []
    every = np.concatenate(train.series)
    centre, spread = np.nanmean(every, axis=0), np.nanstd(every, axis=0) + 1e-12
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "series.npz"
        ends = {
            name: np.nan_to_num((np.concatenate(part.series) - centre) / spread)
            for name, part in (("train", train), ("test", test))
        }
        lengths = {
            f"{name}_lengths": [len(one) for one in part.series]
            for name, part in (("train", train), ("test", test))
        }
        np.savez(file, **ends, **lengths, labels=np.array(train.labels))
        found = ask(AEON, "nearest_dtw.py", {"file": str(file)})
    if "error" in found:
        print(f"1-NN DTW: {found['error']}", file=sys.stderr)
    return list(found.get("said", []))


def scores(wanted: list[str], said: list[str]) -> tuple[float, float]:
    """Return accuracy and macro F1."""
    pairs, found = list(zip(wanted, said, strict=True)), []
    for name in sorted(set(wanted)):
        right = sum(w == s == name for w, s in pairs)
        found.append(2 * right / max(1, sum((w == name) + (s == name) for w, s in pairs)))
    return float(np.mean([w == s for w, s in pairs])), float(np.mean(found))


def splits(data: Labelled, count: int) -> list[tuple[Labelled, Labelled]]:
    """Return (rest, part) for each of so many parts, every class spread over all of them."""
    order = np.random.default_rng(0).permutation(len(data.series))
    order = order[np.argsort(np.array(data.labels)[order], kind="stable")]
    found = []
    for n in range(count):
        inside = set(order[n::count].tolist())
        rest, part = (
            replace(
                data,
                series=tuple(s for i, s in enumerate(data.series) if (i in inside) is chosen),
                labels=tuple(c for i, c in enumerate(data.labels) if (i in inside) is chosen),
            )
            for chosen in (False, True)
        )
        found.append((rest, part))
    return found


def measured(pairs: list[tuple[Labelled, Labelled]], given: argparse.Namespace) -> Facts:
    """Return what both reach on a set; pairs are (training part, test part)."""
    wanted = [label for _, test in pairs for label in test.labels]
    said: list[list[str]] = [[] for _ in range(given.seeds)]
    neighbour: list[str] = []
    chosen, validated, seconds = [], [], 0.0
    for train, test in pairs:
        settings, reached = choose(train, given.choose_by)
        chosen.append(settings)
        validated.append(reached)
        for seed in range(given.seeds):
            before = time.process_time()
            model = learn(train, **settings, seed=seed + 1, threads=1)
            seconds += (time.process_time() - before) / (given.seeds * len(pairs))
            said[seed] += model.predict(test.series)
        neighbour += nearest(train, test)
    ours = np.array([scores(wanted, one) for one in said])
    facts: Facts = {
        "accuracy": ours[:, 0].tolist(), "f1": ours[:, 1].tolist(), "train_cpu_seconds": seconds,
        "settings": chosen, "validated": validated, "tested": len(wanted),
        "learned": len(pairs[0][0].series),
    }  # fmt: skip
    if neighbour:
        facts["dtw_accuracy"], facts["dtw_f1"] = scores(wanted, neighbour)
    return facts


def row_of(name: str, facts: Facts) -> Facts:
    """Return one line of the table."""
    ours = 100 * np.array(facts["accuracy"])
    told = "; ".join(
        dict.fromkeys(
            ", ".join(f"{key} {value[0] if isinstance(value, tuple) else value}"
                      for key, value in one.items())
            for one in facts["settings"]
        )
    )  # fmt: skip
    percent = {key: 100 * facts[key] for key in ("dtw_accuracy", "dtw_f1") if key in facts}
    return {
        "set": name, "learned": facts["learned"], "asked": facts["tested"],
        "accuracy, %": float(ours.mean()), "lowest to highest": f"{ours.min():.1f} to "
        f"{ours.max():.1f}", "1-NN DTW, %": percent.get("dtw_accuracy"),
        "F1, %": 100 * float(np.mean(facts["f1"])), "1-NN DTW's F1, %": percent.get("dtw_f1"),
        "chosen": told, "training, CPU s": facts["train_cpu_seconds"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+")
    parser.add_argument("--parts", type=int, default=0, help="cut each file into so many")
    parser.add_argument("--choose-by", type=int, default=2, help="parts to choose settings by")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of the chosen settings")
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--name", default="")
    given = parser.parse_args()
    read = [read_labelled(file, channels=given.channels) for file in given.files]
    if given.parts:
        sets = {_called(one): splits(one, given.parts) for one in read}
    else:
        both = zip(read[::2], read[1::2], strict=True)
        sets = {_called(train): [(train, test)] for train, test in both}
    every, rows = {}, []
    for name, pairs in sets.items():
        every[name] = measured(pairs, given)
        rows.append(row_of(name, every[name]))
        print(rows[-1], flush=True)
    if len(rows) > 1:
        mean: Facts = {"set": "mean"}
        for key in ("accuracy, %", "1-NN DTW, %", "F1, %", "1-NN DTW's F1, %"):
            values = [row[key] for row in rows]
            mean[key] = None if None in values else float(np.mean(values))
        rows.append(mean)
        print(mean)
    OUT.mkdir(exist_ok=True)
    arguments = {**vars(given), "files": [Path(one).name for one in given.files]}
    facts = {"machine": machine(), "arguments": arguments, "rows": rows, "all": every}
    name = f"classify-{given.name}" if given.name else "classify"
    (OUT / f"{name}.json").write_text(json.dumps(facts, indent=2))


def _called(data: Labelled) -> str:
    return Path(data.name).name.partition(".")[0].removesuffix("_TRAIN")


if __name__ == "__main__":
    main()
