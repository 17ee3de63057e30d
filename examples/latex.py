r"""Learn LaTeX and write lemmas that look as if they meant something.

    python examples/latex.py [FILE] [--seconds 180]

FILE is LaTeX of your own; left out, it is the public corpus "latex" (the Stacks project, 11 MB).
What it writes may not make sense, but a network that reads 64 characters at a time learns to close
`\begin{lemma}` hundreds of characters later. How often it does is counted.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

import recurra

MARK = re.compile(r"\\(begin|end)\{(\w+\*?)\}")


def closed(source: str) -> tuple[int, int]:
    r"""Return how many environments are closed by their own `\end`, and how many `\end`s there are.

    What is still open at the end of a sample that was cut off counts neither way.
    """
    waiting: list[str] = []
    right = ends = 0
    for mark in MARK.finditer(source):
        kind, name = mark.groups()
        if kind == "begin":
            waiting.append(name)
            continue
        ends += 1
        if waiting and waiting[-1] == name:
            waiting.pop()
            right += 1
    return right, ends


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write, count."""
    parser = argparse.ArgumentParser(description="Learn LaTeX and write some.")
    parser.add_argument("file", nargs="?", default="latex", help="LaTeX (default: the corpus)")
    parser.add_argument("--seconds", type=float, default=180, help="time to train (default: 180)")
    parser.add_argument("--steps", type=int, help="weight updates, instead of a time")
    parser.add_argument("--preset", default="small", help="tiny, small, medium or large")
    parser.add_argument("--prime", default="\\begin{lemma}\n", help="how the samples begin")
    parser.add_argument("--samples", type=int, default=10, help="how many to count in")
    parser.add_argument("--length", type=int, default=1500, help="characters in a sample")
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    budget = {"steps": asked.steps} if asked.steps else {"seconds": asked.seconds}
    model = recurra.train(asked.file, preset=asked.preset, seed=asked.seed, **budget)
    print(f"{model}, {model.provenance['scores']['held_out_bits_per_char']:.3f} bits a character")
    texts = model.generate(
        asked.prime, samples=asked.samples, length=asked.length, temperature=asked.temperature,
        seed=asked.seed,
    )  # fmt: skip
    print(f"\n{asked.prime}{texts[0]}\n")
    counts = [closed(asked.prime + text) for text in texts]
    right, ends = sum(r for r, _ in counts), sum(e for _, e in counts)
    print(f"{right} of {ends} environments are closed by their own \\end")


if __name__ == "__main__":
    try:
        main()
    except recurra.RecurraError as error:
        raise SystemExit(str(error)) from None
