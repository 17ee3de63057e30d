"""What Recurra costs before it does anything: megabytes, seconds to the first step, memory.

    python bench/footprint.py [--wheel FILE] [--only wheel,install,start,quality] [--rounds 5]

Builds the wheel (or takes FILE), installs it without extras into a fresh virtual environment, and
measures there: the size of everything that was installed, the seconds from the start of a process
to its first step, the peak memory of a training of two layers of 256, and how soon `recurra train`
with no option comes to 1.50 nats a held-out character. Writes bench/out/footprint.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.common import ForeignTime, Row, print_plain, print_table, write_json  # noqa: E402
from bench.run import _first_step, default_text  # noqa: E402

QUESTIONS = ("wheel", "install", "start", "quality")
WANTED_NATS = 1.50
BUDGETS = (45, 60, 180)
"""Seconds that a training with no other option is given."""
SIZES = """
import importlib.metadata as m, json, pathlib
sizes = {}
for one in m.distributions():
    # What pip compiled on the way (*.pyc) stands in the list of files too.
    sizes[one.name] = sum(
        path.stat().st_size for path in map(pathlib.Path, map(one.locate_file, one.files or ()))
        if path.is_file()
    )
print(json.dumps(sizes))
"""
LIBRARY = """
import sys, time
import numpy as np, recurra
from recurra.engines import EngineOptions, make
from recurra.engines.base import Batch
from recurra.core.parameters import initialise
from recurra.core.spec import OneHot, Softmax, Spec, Stack
spec = Spec(input=OneHot(vocabulary_size=65), stack=Stack(sizes=(256, 256)),
            head=Softmax(vocabulary_size=65))
net = make("native", EngineOptions(engine="native")).build(spec, initialise(spec, 0))
tokens = np.zeros((64, 32), np.int64)
net.train_step(Batch(tokens, tokens), net.zero_state(32), learning_rate=1e-3, step=0, seed=0)
print("training", flush=True)
"""


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this working tree and return it."""
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "-w", str(folder), "."]
    subprocess.run(command, check=True, cwd=HERE.parent)
    return next(folder.glob("recurra-*.whl"))


def contents(wheel: Path) -> list[dict[str, object]]:
    """Return what the wheel holds, by its larger parts."""
    import zipfile

    parts: dict[str, list[int]] = {}
    with zipfile.ZipFile(wheel) as archive:
        for one in archive.infolist():
            path = one.filename.split("/")
            name = "/".join(path[1:3]) if path[0] == "recurra" and len(path) > 2 else "the rest"
            sizes = parts.setdefault(name, [0, 0])
            sizes[0] += one.compress_size
            sizes[1] += one.file_size
    rows = [
        {"part": name, "MB in the wheel": packed / 1e6, "MB installed": size / 1e6}
        for name, (packed, size) in sorted(parts.items(), key=lambda item: -item[1][0])
    ]
    whole = {"part": "wheel", "MB in the wheel": wheel.stat().st_size / 1e6,
             "MB installed": sum(size for _, size in parts.values()) / 1e6}  # fmt: skip
    return [whole, *rows[:6]]


def install(wheel: Path, folder: Path) -> Path:
    """Make a fresh environment with the wheel alone and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "-qq", "-c", "constraints.txt", str(wheel)]
    subprocess.run(command, check=True, cwd=HERE.parent)
    return python


def installed(python: Path) -> list[dict[str, object]]:
    """Return the sizes of what was installed, largest first."""
    done = subprocess.run([python, "-c", SIZES], check=True, capture_output=True, text=True)
    sizes = {n: s for n, s in json.loads(done.stdout).items() if n not in ("pip", "setuptools")}
    ranked = sorted(sizes.items(), key=lambda item: -item[1])
    rows = [{"package": name, "MB": size / 1e6} for name, size in ranked]
    return [{"package": f"all {len(rows)}", "MB": sum(sizes.values()) / 1e6}, *rows]


def start(python: Path, text: Path, rounds: int) -> dict[str, list[Row]]:
    """Measure seconds to the first step and the peak memory of 200 steps."""
    module = [str(python), "-m", "recurra", "train", str(text)]
    commands = {
        "Recurra, command line": [*module, "--sizes", "256,256", "--steps", "200"],
        "Recurra, python -c": [str(python), "-c", LIBRARY],
    }
    times = {name: Row(name, "seconds to the first step") for name in commands}
    peaks = {name: Row(name, "MB at the peak") for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as folder, ForeignTime() as foreign:
                run = [*command, "--run", f"{folder}/run"] if "train" in command else command
                seconds, peak = _first_step(run)
            for row, value in ((times[name], seconds), (peaks[name], peak)):
                row.values.append(value)
                row.foreign.append(foreign.cores)
    return {"First step": list(times.values()), "Memory of training": list(peaks.values())}


def quality(python: Path, text: Path) -> list[dict[str, object]]:
    """Return what `recurra train` with no option but its time reaches, and when."""
    rows: list[dict[str, object]] = []
    for budget in BUDGETS:
        with tempfile.TemporaryDirectory() as folder, ForeignTime() as foreign:
            command = [str(python), "-m", "recurra", "train", str(text), "--run", f"{folder}/run"]
            began = time.perf_counter()
            subprocess.run([*command, "--seconds", str(budget)], check=True, capture_output=True)
            whole = time.perf_counter() - began
            lines = (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()
        events = [event for event in map(json.loads, lines) if event["event"] == "validated"]
        there = [e["elapsed_s"] for e in events if e["loss_nats"] <= WANTED_NATS]
        rows.append(
            {"seconds given": budget, "seconds of the process": whole,
             "best held-out nats": min(event["loss_nats"] for event in events),
             f"seconds until {WANTED_NATS:.2f} nats": there[0] if there else None,
             "foreign cores": foreign.cores}
        )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--wheel", type=Path, help="measure this wheel")
    parser.add_argument("--text", type=Path, help="text to train on")
    parser.add_argument("--only", default=",".join(QUESTIONS), help="of the questions, these")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    chosen = asked.only.split(",")
    lists: dict[str, list[dict[str, object]]] = {}
    sections: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = asked.wheel or build_wheel(folder)
        lists["wheel"] = contents(wheel)
        print_plain("The wheel", lists["wheel"])
        python = install(wheel, folder / "fresh")
        lists["installed"] = installed(python)
        print_plain("A fresh environment", lists["installed"])
        text = asked.text or default_text(folder)
        if "start" in chosen:
            sections |= start(python, text, asked.rounds)
            for title, rows in sections.items():
                print_table(title, rows, rows[0].name, lower_is_better=True)
        if "quality" in chosen:
            lists["quality"] = quality(python, text)
            print_plain("recurra train with no option but its time", lists["quality"])
    print(f"\nwritten: {write_json('footprint', sections, lists=lists, keep=True)}")


if __name__ == "__main__":
    main()
