"""Invent first names, letter by letter, from a list of real ones.

    python examples/names.py [FILE] [--seconds 60]

FILE has one name a line; left out, it is the public list "names" (32,033 first names). Every name
begins with an empty memory (`reset_at`), and generation stops at the line end.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import recurra
from recurra.datasets.registry import open_dataset

LONGEST = 24
"""Letters after which a name is given up."""


def read_names(path: str | None) -> list[str]:
    """Return the names in a file, or those of the public list, which is downloaded if need be."""
    if path is not None:
        try:
            text = Path(path).read_text("utf-8")
        except OSError as error:
            raise recurra.FormatError(f"{path} cannot be read: {error.strerror}.") from None
    else:
        (document,) = open_dataset("names")
        text = b"".join(block for block, _ in document.blocks()).decode()
    return [line.strip() for line in text.splitlines() if line.strip()]


def learn(names: Sequence[str], **settings: Any) -> recurra.Model:
    """Return a network that has learned the names, in an order that says nothing."""
    shuffled = random.Random(0).sample(names, len(names))
    text = recurra.Document.of_text("".join(f"{name}\n" for name in shuffled), "names")
    defaults: dict[str, Any] = {"preset": "tiny", "reset_at": "\n"}
    return recurra.train(text, **(defaults | settings))


def invent(model: recurra.Model, count: int, start: str = "", **how: Any) -> list[str]:
    """Return names of the model's own, each of them once."""
    endings = model.generate(start, samples=count, length=LONGEST, stop="\n", **how)
    return list(dict.fromkeys(start + ending for ending in endings))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, invent, and say which names are new."""
    parser = argparse.ArgumentParser(description="Invent first names.")
    parser.add_argument("file", nargs="?", help="names, one a line (default: the public list)")
    parser.add_argument("--seconds", type=float, default=60, help="time to train (default: 60)")
    parser.add_argument("--steps", type=int, help="weight updates, instead of a time")
    parser.add_argument("--count", type=int, default=20, help="names to invent (default: 20)")
    parser.add_argument("--start", default="", help="letters that every name begins with")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    budget = {"steps": asked.steps} if asked.steps else {"seconds": asked.seconds}
    names = read_names(asked.file)
    model = learn(names, seed=asked.seed, **budget)
    known = set(names)
    invented = invent(
        model, asked.count, asked.start, temperature=asked.temperature, seed=asked.seed
    )
    for name in invented:
        print(f"{name:<{LONGEST}} {'in the list' if name in known else 'new'}")
    new = sum(name not in known for name in invented)
    print(f"{new} of {len(invented)} are new; a letter costs {held_out_bits(model):.2f} bits")


def held_out_bits(model: recurra.Model) -> float:
    """Return what a letter of names that it never saw costs."""
    return float(model.provenance["scores"]["held_out_bits_per_char"])


if __name__ == "__main__":
    try:
        main()
    except recurra.RecurraError as error:
        raise SystemExit(str(error)) from None
