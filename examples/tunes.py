"""Learn folk tunes from a file of ABC and compose new ones.

    python examples/tunes.py [FILE] [--seconds 120]

FILE is a collection of tunes in ABC; left out, a handful of made-up tunes is learned, which takes
seconds and shows what comes out. The tunes that are composed are printed, and the first one is
saved as a score, as MIDI and as sound.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import recurra
from recurra.core.sampling import SamplingOptions
from recurra.tasks.music.compose import Composed, ComposeOptions, compose
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.render import save
from recurra.tasks.music.training import train

BARS = ("GABc d2B2", "c2A2 B2G2", "d2ed c2BA", "GBAG E2D2", "EGAB A2G2", "B2d2 c2A2")


def made_up(count: int = 60) -> str:
    """Return a collection of tunes that obey simple rules."""
    tunes = []
    for n in range(count):
        first = [BARS[(n + step * (1 + n % 5)) % len(BARS)] for step in range(3)]
        key = ("G", "D", "C")[n % 3]
        half = " | ".join([*first, "A2F2 G4"])
        tunes.append(f"X:{n}\nT:Tune {n}\nM:4/4\nL:1/8\nK:{key}\n|: {half} :|\n")
    return "\n".join(tunes)


def learn(path: str | None, **settings: Any) -> MusicModel:
    """Return a model of the tunes in a file, or of made-up ones."""
    defaults: dict[str, Any] = {"preset": "tiny", "transpose": 2, "minimum_count": 2}
    if path is not None:
        return train(path, **(defaults | settings))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made-up.abc"
        file.write_text(made_up(), "utf-8")
        return train(file, **(defaults | settings))


def write(model: MusicModel, count: int, **wanted: Any) -> Composed:
    """Compose tunes of eight bars."""
    how = ComposeOptions(samples=count, **({"bars": 8} | wanted))
    return compose(model, how, SamplingOptions(temperature=0.8))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, compose, save."""
    parser = argparse.ArgumentParser(description="Compose folk tunes.")
    parser.add_argument("file", nargs="?", help="tunes in ABC (default: made-up ones)")
    parser.add_argument("--seconds", type=float, default=60, help="time to train (default: 60)")
    parser.add_argument("--steps", type=int, help="weight updates, instead of a time")
    parser.add_argument("--count", type=int, default=3, help="tunes to compose (default: 3)")
    parser.add_argument("--key", help="key of the tunes, such as G")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="tune", help="name of the files (default: tune)")
    asked = parser.parse_args(arguments)
    budget = {"steps": asked.steps} if asked.steps else {"seconds": asked.seconds}
    model = learn(asked.file, seed=asked.seed, **budget)
    made = write(model, asked.count, seed=asked.seed, key=asked.key)
    for one in made.pieces:
        print(one.abc)
    for suffix in (".mid", ".musicxml", ".wav"):
        save(made.pieces[0].piece, asked.output + suffix)
        print(f"written {asked.output}{suffix}")


if __name__ == "__main__":
    try:
        main()
    except recurra.RecurraError as error:
        raise SystemExit(str(error)) from None
