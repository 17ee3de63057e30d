"""A task small enough to train in a blink: a made-up sequence over seven tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recurra.core.spec import Cell, Embedding, Softmax, Spec, Stack
from recurra.engines import EngineOptions
from recurra.engines.base import Batch, Network, OptimiserOptions, Report
from recurra.learning.events import Event
from recurra.learning.loop import Outcome, train
from recurra.learning.options import TrainOptions
from recurra.learning.resume import build, describe
from recurra.learning.resume import resume as go_on
from recurra.learning.run_folder import RunFolder
from recurra.learning.task import Sample, Window

VOCABULARY = 7
BATCH, WINDOW, HELD_OUT = 3, 5, 40


class Toy:
    """A noisy cycle of tokens, three streams side by side, state carried within an epoch."""

    kind = "toy"
    unit = "token"

    def __init__(
        self,
        *,
        length: int = 300,
        parts: int = 1,
        held_out: bool = True,
        dropout: float = 0.2,
        sizes: tuple[int, ...] = (6, 5),
    ) -> None:
        rng = np.random.default_rng(5)
        cycle = np.arange(length + HELD_OUT) * 2 % VOCABULARY
        noise = rng.integers(0, VOCABULARY, len(cycle))
        tokens = np.where(rng.random(len(cycle)) < 0.15, noise, cycle)
        self.tokens, self.rest = tokens[:length], tokens[length:]
        self.parts = parts
        self.held_out = held_out
        self.arguments = {
            "length": length, "parts": parts, "held_out": held_out, "dropout": dropout,
            "sizes": list(sizes),
        }  # fmt: skip
        self.spec = Spec(
            input=Embedding(vocabulary_size=VOCABULARY, size=4),
            stack=Stack(sizes=sizes, cell=Cell(), dropout=dropout),
            head=Softmax(vocabulary_size=VOCABULARY),
        )
        self.stream = (length - 1) // BATCH
        self.windows = self.stream // WINDOW
        self.steps_per_epoch = math.ceil(self.windows / parts)

    def window(self, step: int, part: int = 0) -> Window:
        place = (step * self.parts + part) % self.windows
        starts = np.arange(BATCH) * self.stream + place * WINDOW
        read = self.tokens[starts + np.arange(WINDOW + 1)[:, None]]
        return Window(Batch(read[:-1], read[1:]), carries=place > 0, tokens=BATCH * WINDOW)

    def validation(self) -> Iterator[Window]:
        if self.held_out:
            for start in range(0, HELD_OUT - 1, 13):
                read = self.rest[start : start + 14, None]
                yield Window(Batch(read[:-1], read[1:]), carries=start > 0, tokens=len(read) - 1)

    def measures(self, report: Report) -> dict[str, float]:
        return {"bits_per_char": report.loss_nats / math.log(2)}

    def sample(self, network: Network, step: int) -> list[Sample]:
        return [Sample(1.0, f"written after {step}")]

    def document(self) -> dict[str, Any]:
        return {"kind": self.kind, "arguments": self.arguments}

    def provenance(self) -> dict[str, Any]:
        return {"data": ["toy"]}


def restore(run: Mapping[str, Any]) -> Toy:
    """Return the toy task of a run folder."""
    arguments = dict(run["task"]["arguments"])
    return Toy(**{**arguments, "sizes": tuple(arguments["sizes"])})


ENGINE = EngineOptions(engine="reference", precision="float32")


def train_toy(
    path: Path | None,
    *,
    task: Toy | None = None,
    optimiser: OptimiserOptions | None = None,
    listeners: Any = (),
    stop: Any = None,
    **options: Any,
) -> Outcome:
    """Train a toy from the start, in a run folder if `path` is given."""
    task = task or Toy(parts=options.get("accumulate", 1))
    settings = {"learning_rate": 0.02, "sample_threshold": 0.0, **options}
    train_options = TrainOptions(**settings)
    optimiser = optimiser or OptimiserOptions()
    engine, network = build(task.spec, train_options, optimiser, ENGINE)
    if path is None:
        return train(task, network, train_options, listeners=listeners, stop=stop)
    document = describe(
        task,
        engine=engine,
        train=train_options,
        optimiser=optimiser,
        engine_options=ENGINE,
        recorded={"toy": {"said": "so"}},
    )
    with RunFolder.create(path, document) as run:
        return train(
            task, network, train_options, run=run, listeners=listeners, stop=stop,
            engine_description=engine.describe(),
        )  # fmt: skip


def resume_toy(path: Path, **arguments: Any) -> Outcome:
    """Go on with a toy's run."""
    return go_on(path, restore=restore, **arguments)


class Stopper:
    """Asks for a stop once a step is reached; also a listener that keeps the events."""

    def __init__(self, at_step: int = 10**9) -> None:
        self.at_step = at_step
        self.calls = 0
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def stop(self) -> bool:
        self.calls += 1
        return self.calls > self.at_step


CLOCKS = ("elapsed_s", "duration_s", "tokens_per_second", "memory_bytes")


def curve(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the points and validations of a curve without what the clock says."""
    return [
        {name: value for name, value in event.items() if name not in CLOCKS}
        for event in events
        if event["event"] in ("step", "validated", "sampled")
    ]
