"""How well a model of number sequences finds the next number, family by family.

    python bench/sequences.py [--run runs/numbers] [--beam 60]

Without a run the default model is trained first. All members were held out of the training, and
each is asked for the first term that those before it determine. `exact` takes the likeliest digit
at each place, `beam` the likeliest number among the continuations that `ask` follows; beyond the
trained range numbers have one digit more. `says` is the mean probability of the answers within the
range: a model that knows how sure it may be says what it reaches.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import OUT, machine
from recurra.core.sampling import log_softmax
from recurra.tasks.series.numbers.digits import before, encode, to_digits
from recurra.tasks.series.numbers.families import FAMILIES, draw_members
from recurra.tasks.series.numbers.model import NumberModel
from recurra.tasks.series.numbers.training import learn

MEMBERS = 2000
"""Of each family."""


def ask_all(model: NumberModel, name: str) -> tuple[np.ndarray, ...]:
    """Return questions [MEMBERS] as lists, answers, which are right, and how sure they are."""
    o, needed = model.options, FAMILIES[name].needed
    rng = np.random.default_rng(11)
    numbers, inside, _ = draw_members(rng, [name], MEMBERS, o.terms, o.most, held_out=True)
    at = np.full(MEMBERS, needed)
    last, present = before(numbers, inside, at, o.seen)
    answers = numbers[needed]
    network = model.network()
    x = encode(last, present, o.width, answers)
    logits, _ = network.forward(x, network.zero_state(MEMBERS))
    log_probs = log_softmax(logits[o.width :])
    right = (log_probs.argmax(axis=-1) == to_digits(answers, o.width).T).all(axis=0)
    return numbers[:needed].T, answers, right, np.exp(log_probs.max(axis=-1).sum(axis=0))


def calibration(sure: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """Return what is reached where the model is so sure."""
    edges = [0.0, 0.5, 0.8, 0.95, 0.99, 1.0]
    found = []
    for low, high in itertools.pairwise(edges):
        mine = (sure > low) & (sure <= high)
        if mine.any():
            found.append({
                "says, %": f"{100 * low:g} to {100 * high:g}", "answers": int(mine.sum()),
                "mean, %": 100 * float(sure[mine].mean()),
                "right, %": 100 * float(right[mine].mean()),
            })  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", help="a run folder or model, in place of a training")
    parser.add_argument("--settings", default="{}", help="settings of the training, as JSON")
    parser.add_argument("--beam", type=int, default=60, help="members of each family for the beam")
    given = parser.parse_args()
    before_cpu = time.process_time()
    model = NumberModel.load(given.run) if given.run else learn(**json.loads(given.settings))
    cpu = None if given.run else time.process_time() - before_cpu
    outside = model.measure(outside=True)
    rows, every = [], []
    for name in model.options.families:
        questions, answers, right, sure = ask_all(model, name)
        asked = range(min(given.beam, MEMBERS))
        beam = [model.ask(questions[n].tolist(), count=1).answers[0].number for n in asked]
        share, count = outside[name]
        rows.append({
            "family": name, "exact, %": 100 * float(right.mean()),
            "says, %": 100 * float(sure.mean()),
            "beam, %": 100 * float(np.mean(np.array(beam) == answers[: len(beam)])),
            "exact beyond, %": 100 * share if count else None,
        })  # fmt: skip
        every.append((right, sure))
    right, sure = (np.concatenate(part) for part in zip(*every, strict=True))
    share, _ = outside["all"]
    rows.append({
        "family": "all", "exact, %": 100 * float(right.mean()),
        "says, %": 100 * float(sure.mean()),
        "beam, %": float(np.mean([row["beam, %"] for row in rows])),
        "exact beyond, %": 100 * share,
    })  # fmt: skip
    for row in rows:
        print("  ".join(f"{k} {v:.1f}" if isinstance(v, float) else str(v) for k, v in row.items()))
    bins = calibration(sure, right)
    for row in bins:
        print(row)
    questions_told = {
        " ".join(map(str, q)): [[a.number, a.probability] for a in model.ask(q, count=3).answers]
        for q in ([6, 7, 8], [2, 4, 8], [1, 1, 2, 3, 5], [1, 4, 9, 16])
    }
    print(json.dumps(questions_told))
    facts = {
        "machine": machine(), "families": rows, "calibration": bins, "questions": questions_told,
        "provenance": model.document.get("provenance"), "train_cpu_seconds": cpu,
    }  # fmt: skip
    OUT.mkdir(exist_ok=True)
    (OUT / "sequences.json").write_text(json.dumps(facts, indent=2, default=str))


if __name__ == "__main__":
    main()
