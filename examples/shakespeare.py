"""Learn Shakespeare and write some: the way of `make demo`, in Python.

    python examples/shakespeare.py [--seconds 180] [--run runs/shakespeare]

Trains the default network on 42 plays and poems, shows how it gets on, scores it on the part that
it never saw, and writes at three temperatures: low ones are careful, high ones adventurous.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import recurra
from recurra.learning.events import Event, Sampled, Validated

TEMPERATURES = (0.3, 0.7, 1.0)


def show(event: Event) -> None:
    """Print each look at the held-out text, and the samples on the way."""
    if isinstance(event, Validated):
        bits = event.measures["bits_per_char"]
        print(f"step {event.step:>6,}   {event.loss_nats:.3f} nats, {bits:.3f} bits a character")
    elif isinstance(event, Sampled):
        print(f"\n{event.samples[0].text[:200]}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, score, write."""
    parser = argparse.ArgumentParser(description="Learn Shakespeare and write some.")
    parser.add_argument("--text", default="shakespeare", help="a file or another corpus instead")
    parser.add_argument("--seconds", type=float, default=180, help="time to train (default: 180)")
    parser.add_argument("--steps", type=int, help="weight updates, instead of a time")
    parser.add_argument("--preset", default="small", help="tiny, small, medium or large")
    parser.add_argument("--engine", default="auto", help="auto, reference or torch")
    parser.add_argument("--run", help="folder to keep everything in; none keeps nothing")
    parser.add_argument("--prime", default="ROMEO. ", help="how the written text begins")
    parser.add_argument("--length", type=int, default=400, help="characters to write")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    budget = {"steps": asked.steps} if asked.steps else {"seconds": asked.seconds}
    model = recurra.train(
        asked.text, run=asked.run, preset=asked.preset, engine=asked.engine, seed=asked.seed,
        listeners=[show], **budget,
    )  # fmt: skip
    print(model)
    score = model.score(model.passage())
    print(f"model    {score.bits_per_char:.3f} bits a character on the part that it never saw")
    print(f"xz -9e   {score.xz_bits_per_char:.3f}")
    for temperature in TEMPERATURES:
        text = model.generate(
            asked.prime, length=asked.length, temperature=temperature, seed=asked.seed
        )
        print(f"\n--- temperature {temperature} ---\n{asked.prime}{text}")


if __name__ == "__main__":
    try:
        main()
    except recurra.RecurraError as error:
        raise SystemExit(str(error)) from None
