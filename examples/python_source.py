"""Learn Python from the standard library's own sources, and write functions.

    python examples/python_source.py [FILE_OR_FOLDER ...] [--seconds 180]

Every file is a document of its own, so the memory is empty where one begins. The functions that it
writes begin with what you say and stop before the next one; the parser of Python says which of
them are grammatical. After minutes few are: it is the indentation and the brackets to look at.
"""

from __future__ import annotations

import argparse
import ast
import textwrap
from collections.abc import Sequence
from typing import Any

import recurra

START = "\n    def "
"""Functions are written as methods, which is what most of the library's are."""


def learn(inputs: Sequence[str], **settings: Any) -> recurra.Model:
    """Return a network that has read the files."""
    return recurra.train(
        list(inputs), **{"reset_at": "document", "split_by": "document"} | settings
    )


def functions(model: recurra.Model, name: str, count: int, **how: Any) -> list[str]:
    """Return functions of the model's own, as far as the next one begins."""
    start = START + name
    written = model.generate(start, samples=count, stop=(START, "\ndef ", "\nclass "), **how)
    return [textwrap.dedent((start + text).strip("\n")) for text in written]


def is_python(source: str) -> bool:
    """Say whether the parser of Python accepts it."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write, parse."""
    parser = argparse.ArgumentParser(description="Learn Python, and write functions.")
    parser.add_argument("inputs", nargs="*", default=["python-source"], help="files or folders")
    parser.add_argument("--seconds", type=float, default=180, help="time to train (default: 180)")
    parser.add_argument("--steps", type=int, help="weight updates, instead of a time")
    parser.add_argument("--preset", default="small", help="tiny, small, medium or large")
    parser.add_argument("--name", default="__init__(self", help="how the functions begin")
    parser.add_argument("--count", type=int, default=3, help="functions to write (default: 3)")
    parser.add_argument("--length", type=int, default=500, help="most characters in one")
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    budget = {"steps": asked.steps} if asked.steps else {"seconds": asked.seconds}
    model = learn(asked.inputs, preset=asked.preset, seed=asked.seed, **budget)
    print(f"{model}, {model.provenance['scores']['held_out_bits_per_char']:.3f} bits a character")
    for source in functions(
        model, asked.name, asked.count, length=asked.length, temperature=asked.temperature,
        seed=asked.seed,
    ):  # fmt: skip
        print(f"\n# {'grammatical' if is_python(source) else 'not grammatical'}\n{source}")


if __name__ == "__main__":
    try:
        main()
    except recurra.RecurraError as error:
        raise SystemExit(str(error)) from None
