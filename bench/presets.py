"""The presets on texts of three lengths: parameters, speed, time, held-out loss, a sample.

    python bench/presets.py [--only tiny,small] [--longest 200]

Trains every preset whose budget is at most `--longest` seconds with no other option, and measures
the speed alone of the others, from which the time of their budget on this machine follows. Writes
bench/out/presets.json, of which `tools/tables.py` makes the table of the documentation; what was
measured on this machine before and is not measured again stays there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.common import OUT, ForeignTime, machine  # noqa: E402
from recurra.core.errors import RecurraError  # noqa: E402
from recurra.datasets.registry import open_dataset  # noqa: E402
from recurra.formats.text import Reading, read_text  # noqa: E402
from recurra.tasks.text.presets import PRESETS  # noqa: E402

TEXTS = (
    ("tinyshakespeare", "100 kB", 100_000),
    ("tinyshakespeare", "1 MB", 1_200_000),
    ("dickens", "10 MB", 10_000_000),
)
PROBE_S = 20
"""Seconds of training after which the speed of a long preset is read off."""


def texts(folder: Path) -> dict[str, Path]:
    """Write 100 kB and all of tinyshakespeare, and 10 MB of dickens, where they can be had."""
    found = {}
    for name, label, length in TEXTS:
        try:
            documents = open_dataset(name)
        except RecurraError as error:
            print(f"{label}: {error}", file=sys.stderr)
            continue
        parts = [part for document in documents for part, _ in read_text(document, Reading())]
        path = folder / f"{label.replace(' ', '')}.txt"
        path.write_text("".join(parts)[:length], "utf-8", newline="")
        found[label] = path
    return found


def trained(path: Path, preset: str, seconds: float, *, whole: bool) -> dict[str, Any]:
    """Train with a preset's own settings, score it if it was `whole`, return what was recorded."""
    with tempfile.TemporaryDirectory() as folder, ForeignTime() as foreign:
        run = Path(folder) / "run"
        command = [
            sys.executable, "-m", "recurra", "train", str(path), "--preset", preset,
            "--seconds", str(seconds), "--run", str(run),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
        events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        test = None
        if whole:
            scored = subprocess.run(
                [sys.executable, "-m", "recurra", "score", str(run), "--json"],
                check=True, capture_output=True, text=True, cwd=HERE.parent,
            )  # fmt: skip
            test = json.loads(scored.stdout)
        facts = json.loads((run / "run.json").read_text())
    steps = [event for event in events if event["event"] == "step"]
    speeds = sorted(event["tokens_per_second"] for event in steps)
    return {
        "preset": preset,
        "seconds": seconds,
        "characters_per_second": speeds[len(speeds) // 2],
        "steps": steps[-1]["step"],
        "epochs": steps[-1]["epoch"],
        "dropout": facts["task"]["options"]["stack"]["dropout"],
        "validation_nats": min(e["loss_nats"] for e in events if e["event"] == "validated"),
        "test": test,
        "foreign_cores": foreign.cores if hasattr(foreign, "cores") else None,
    }


def joined(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return new rows and those of a file that they do not replace, texts and presets in order."""
    earlier = json.loads(path.read_text()) if path.exists() else None
    if earlier and earlier["machine"]["processor"] == machine()["processor"]:
        measured = {(row["text"], row["preset"]) for row in rows}
        rows = rows + [r for r in earlier["rows"] if (r["text"], r["preset"]) not in measured]
    presets, labels = list(PRESETS), [label for _, label, _ in TEXTS]
    return sorted(rows, key=lambda r: (labels.index(r["text"]), presets.index(r["preset"])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default=",".join(PRESETS))
    parser.add_argument("--texts", default="100 kB,1 MB,10 MB", help="of the texts, these")
    parser.add_argument("--longest", type=float, default=200.0)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for label, path in texts(Path(folder)).items():
            if label not in options.texts.split(","):
                continue
            for name in options.only.split(","):
                budget = float(PRESETS[name].values["seconds"])
                whole = budget <= options.longest
                if not whole and label != "1 MB":
                    continue
                row = trained(path, name, budget if whole else PROBE_S, whole=whole)
                row |= {
                    "text": label,
                    "whole": whole,
                    "budget_s": budget,
                    "parameters": PRESETS[name].parameters(),
                }
                rows.append(row)
                loss = f"{row['validation_nats']:.3f} nats" if whole else "(speed alone)"
                print(
                    f"{label:>7}  {name:<7} {row['parameters']:>11,} parameters  "
                    f"{row['characters_per_second']:>10,.0f} characters/s  {loss}",
                    flush=True,
                )
    OUT.mkdir(exist_ok=True)
    path = OUT / "presets.json"
    rows = joined(path, rows)
    path.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
