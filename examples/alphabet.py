"""Teach an LSTM the alphabet: the first thing to try, done in seconds on any computer.

    python examples/alphabet.py

The text is made up here: each line begins at some letter and goes on to z. The network reads one
letter at a time and learns to say which one follows. Then it is asked two things: what follows each
letter, and how does the alphabet go on from "a"?
"""

from __future__ import annotations

import argparse
import random
import string
from collections.abc import Sequence

import recurra

ALPHABET = string.ascii_lowercase


def lines(count: int, seed: int = 0) -> str:
    """Return so many lines, each from some letter to z."""
    rng = random.Random(seed)
    return "".join(ALPHABET[rng.randrange(26) :] + "\n" for _ in range(count))


def learn(steps: int = 200, units: int = 32, seed: int = 0) -> recurra.Model:
    """Return a network of one layer that has learned such lines.

    It reads letters as they are (`embedding=0`: one-hot) and forgets everything at a line end.
    """
    text = recurra.Document.of_text(lines(400), "alphabet")
    return recurra.train(
        text, sizes=[units], embedding=0, batch_size=8, window=40, reset_at="\n", steps=steps,
        learning_rate=2e-2, dropout=0.0, engine="reference", seed=seed,
    )  # fmt: skip


def following(model: recurra.Model, letter: str) -> tuple[str, float]:
    """Return what the model expects after a letter, and how probable it thinks that is."""
    expected = model.distributions(letter)[-1]
    best = int(expected.argmax())
    return model.vocabulary.token_text(best), float(expected[best])


def recite(model: recurra.Model, start: str = "a") -> str:
    """Return the alphabet as the model says it, always taking the likeliest letter."""
    return start + model.generate(start, length=40, temperature=0, stop="\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, ask, recite."""
    parser = argparse.ArgumentParser(description="Teach an LSTM the alphabet.")
    parser.add_argument("--steps", type=int, default=200, help="weight updates (default: 200)")
    parser.add_argument("--units", type=int, default=32, help="size of the layer (default: 32)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another network")
    asked = parser.parse_args(arguments)
    model = learn(asked.steps, asked.units, asked.seed)
    print(f"{model.parameters:,} numbers, {asked.steps} steps\n")
    print("after   it expects")
    for letter in ALPHABET:
        answer, probability = following(model, letter)
        print(f"  {letter}     {answer!r}   {probability:.1%}")
    print(f"\nIt recites: {recite(model)}")


if __name__ == "__main__":
    try:
        main()
    except recurra.RecurraError as error:
        raise SystemExit(str(error)) from None
