"""Teach an LSTM to close what it opened: XML markup, made up here, so that it always runs.

    python examples/xml_markup.py [--seconds 60]

Each line is a small document of nested elements. To write a closing tag the network has to remember
which one is open, and the one around it, and the one around that: just what the cell state is for.
Afterwards it writes documents of its own, and a parser says how many of them are well formed.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import recurra

TAGS = ("b", "i", "p", "q", "s")
WORDS = ("sun", "sea", "air", "ice", "oak", "fog")


def element(rng: random.Random, depth: int) -> str:
    """Return an element with words or, down to `depth` levels, further elements inside."""
    tag = rng.choice(TAGS)
    if depth <= 1 or rng.random() < 0.3:
        inside = " ".join(rng.choices(WORDS, k=1))
    else:
        inside = "".join(element(rng, depth - 1) for _ in range(rng.randint(1, 2)))
    return f"<{tag}>{inside}</{tag}>"


def documents(count: int, depth: int = 3, seed: int = 0) -> str:
    """Return made-up documents, one a line."""
    rng = random.Random(seed)
    return "".join(element(rng, depth) + "\n" for _ in range(count))


def is_well_formed(markup: str) -> bool:
    """Say whether every tag is closed, in the right order."""
    try:
        ElementTree.fromstring(markup)
    except ElementTree.ParseError:
        return False
    return True


def share_well_formed(texts: Sequence[str]) -> float:
    """Return the share of documents that a parser accepts."""
    return sum(map(is_well_formed, texts)) / len(texts)


def learn(markup: str, **settings: Any) -> recurra.Model:
    """Return a network that has read the documents; each begins with an empty memory."""
    defaults: dict[str, Any] = {
        "sizes": [96], "embedding": 0, "batch_size": 32, "window": 64, "reset_at": "\n",
        "learning_rate": 1e-2, "dropout": 0.0,
    }  # fmt: skip
    text = recurra.Document.of_text(markup, "markup")
    return recurra.train(text, **(defaults | settings))


def write(model: recurra.Model, count: int, temperature: float = 0.7, seed: int = 1) -> list[str]:
    """Return documents of the model's own."""
    return model.generate(
        "<", samples=count, length=400, stop="\n", temperature=temperature, seed=seed
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write, check."""
    parser = argparse.ArgumentParser(description="Teach an LSTM XML markup.")
    parser.add_argument("--seconds", type=float, default=60, help="time to train (default: 60)")
    parser.add_argument("--steps", type=int, help="weight updates, instead of a time")
    parser.add_argument("--depth", type=int, default=3, help="levels of elements (default: 3)")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    budget = {"steps": asked.steps} if asked.steps else {"seconds": asked.seconds}
    markup = documents(4000, asked.depth, asked.seed)
    print(f"It reads   {markup.splitlines()[0]}")
    model = learn(markup, seed=asked.seed, **budget)
    texts = ["<" + text for text in write(model, 200, asked.temperature)]
    for text in texts[:8]:
        print(f"{'well formed' if is_well_formed(text) else 'broken     '}   {text}")
    print(f"{share_well_formed(texts):.1%} of {len(texts)} are well formed")


if __name__ == "__main__":
    try:
        main()
    except recurra.RecurraError as error:
        raise SystemExit(str(error)) from None
