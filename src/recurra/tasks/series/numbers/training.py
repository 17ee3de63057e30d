"""From families, or a file of sequences, to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.engines.base import Engine, Network
from recurra.learning import loop
from recurra.learning.events import Listener
from recurra.learning.resume import build, describe
from recurra.learning.run_folder import RunFolder
from recurra.learning.settings import sorted_in
from recurra.tasks.series.numbers.model import NumberModel
from recurra.tasks.series.numbers.task import (
    CLASSES,
    DEFAULTS,
    SequenceSettings,
    SequenceTask,
    read_sequences,
)


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is ready to run."""

    task: SequenceTask
    settings: SequenceSettings
    engine: Engine
    network: Network
    inputs: list[str]

    def describe(self) -> dict[str, Any]:
        """Return what the run folder keeps of it, for `RunFolder.create`."""
        s = self.settings
        described = describe(
            self.task, engine=self.engine, train=s.train, optimiser=s.optimiser,
            engine_options=s.engine, recorded=s.to_json(),
        )  # fmt: skip
        return {**described, "inputs": self.inputs}

    def run(
        self, folder: RunFolder | None = None, listeners: Sequence[Listener] = ()
    ) -> loop.Outcome:
        """Train to the end of the budget; see `learning.loop.train` for what is raised."""
        return loop.train(
            self.task, self.network, self.settings.train,
            engine_description=self.engine.describe(), run=folder, listeners=listeners,
            recorded=self.settings.to_json(),
        )  # fmt: skip


def prepare(file: str | None = None, values: Mapping[str, Any] | None = None) -> Training:
    """Build the network for the families, and for the sequences in a file where one is named.

    Raises:
        ConfigError: a setting cannot be. FormatError: the file is no list of sequences.
    """
    settings = gather(values or {})
    own: list[list[int]] = []
    digest, inputs = "", []
    if file is not None:
        own, digest = read_sequences(file)
        inputs = [str(Path(file).resolve())]
    task = SequenceTask(settings, own, Path(file).name if file else "", digest)
    engine, network = build(task.spec, settings.train, settings.optimiser, settings.engine)
    return Training(task, settings, engine, network, inputs)


def learn(file: str | None = None, **options: Any) -> NumberModel:
    """Learn families of sequences and return the model.

    Args:
        file: sequences of one's own, one a line.
        options: settings by name, such as seconds, families, digits.
    """
    training = prepare(file, options)
    outcome = training.run()
    if outcome.reason == "interrupted" or outcome.weights is None:
        raise KeyboardInterrupt
    return NumberModel(outcome.weights, outcome.document, engine=training.settings.engine)


def gather(values: Mapping[str, Any]) -> SequenceSettings:
    """Sort settings by name into their classes. Raises `ConfigError` for one that is none."""
    return SequenceSettings(**sorted_in(CLASSES, values, DEFAULTS, "number sequences"))
