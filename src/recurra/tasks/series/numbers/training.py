"""From families, or a file of sequences, to a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recurra.learning.settings import sorted_in
from recurra.learning.training import Training, best_weights
from recurra.tasks.series.numbers.model import NumberModel
from recurra.tasks.series.numbers.task import (
    CLASSES,
    DEFAULTS,
    SequenceSettings,
    SequenceTask,
    read_sequences,
)


def prepare(
    file: str | None = None, values: Mapping[str, Any] | None = None
) -> Training[SequenceTask, SequenceSettings]:
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
    return Training.of(task, settings, inputs)


def learn(file: str | None = None, **options: Any) -> NumberModel:
    """Learn families of sequences and return the model.

    Args:
        file: sequences of one's own, one a line.
        options: settings by name, such as seconds, families, digits.
    """
    training = prepare(file, options)
    outcome = training.run()
    return NumberModel(best_weights(outcome), outcome.document, engine=training.settings.engine)


def gather(values: Mapping[str, Any]) -> SequenceSettings:
    """Sort settings by name into their classes. Raises `ConfigError` for one that is none."""
    return SequenceSettings(**sorted_in(CLASSES, values, DEFAULTS, "number sequences"))
