"""How long it takes to score a text, and to trace one: what a person waits for.

    python bench/scoring.py MODEL [--text FILE] [--rounds 3]

Scores the first million characters of FILE (tinyshakespeare where nothing is said) as `recurra
score MODEL FILE` does, in one stream, with everything that it tells; and with the text read in one
go instead of in parts, to set the losses of both beside each other. Traces 10,000 characters. Times
are of whole processes by the clock, start and imports included. Writes bench/out/scoring.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.common import interleave, print_table, write_json  # noqa: E402
from bench.run import default_text  # noqa: E402

SCORED, TRACED = 1_000_000, 10_000
TRACE = """
import sys, recurra
text = open(sys.argv[2], encoding="utf-8", newline="").read()
trace = recurra.load(sys.argv[1]).trace(text)
assert len(trace) == len(text)
"""


def timed(command: list[str], notes: dict[str, dict[str, float]], name: str) -> Callable[[], float]:
    """Return the seconds of a command when called; what JSON it prints is noted."""

    def measure() -> float:
        began = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent)
        seconds = time.perf_counter() - began
        if done.stdout.startswith("{"):
            notes[name] = json.loads(done.stdout)
        return seconds

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("model")
    parser.add_argument("--text", type=Path, help="text to score")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    notes: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (asked.text or default_text(folder)).open(encoding="utf-8", newline="") as file:
            text = file.read()
        whole, part = folder / "whole.txt", folder / "part.txt"
        whole.write_text(text[:SCORED], "utf-8", newline="")
        part.write_text(text[:TRACED], "utf-8", newline="")
        score = [sys.executable, "-m", "recurra", "score", asked.model, str(whole), "--json"]
        lines = {
            "Recurra, all that score tells": score,
            "Recurra, --brief": [*score, "--brief"],
            "Recurra, --brief, read in one go": [*score, "--brief", "--streams", "1"],
        }
        contestants = [(told, timed(command, notes, told)) for told, command in lines.items()]
        scored = interleave(contestants, "seconds", asked.rounds)
        command = [sys.executable, "-c", TRACE, asked.model, str(part)]
        traced = interleave(
            [("Recurra, model.trace", timed(command, notes, ""))], "seconds", asked.rounds
        )
    titles = {f"Scoring {SCORED:,} characters": scored, f"Tracing {TRACED:,} characters": traced}
    for title, rows in titles.items():
        print_table(title, rows, rows[0].name, lower_is_better=True)
    losses = [
        {"read": told, "bits a character": facts["bits_per_char"]} for told, facts in notes.items()
    ]
    for row in losses:
        print(f"  {row['read']}: {row['bits a character']:.6f} bits a character")
    print(f"\nwritten: {write_json('scoring', titles, lists={'losses': losses})}")


if __name__ == "__main__":
    main()
