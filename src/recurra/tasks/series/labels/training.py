"""From labelled series to a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recurra.datasets.shelves import found_again
from recurra.formats.labelled import Labelled
from recurra.learning.settings import sorted_in
from recurra.learning.training import Training, best_weights
from recurra.tasks.series.labels.model import Classifier
from recurra.tasks.series.labels.task import (
    CLASSES,
    DEFAULTS,
    LabelSettings,
    LabelTask,
    read_training_data,
)


def prepare(
    file: str, values: Mapping[str, Any] | None = None
) -> Training[LabelTask, LabelSettings]:
    """Read labelled series, from a file or a public set by its name, and build the network.

    Raises: `FormatError`, `ConfigError`, and `ResourceError` where a set cannot be brought here.
    """
    settings = gather(values or {})
    data, digest = read_training_data(file, settings.labels)
    task = LabelTask(data, settings, [Path(file).name], digest)
    return Training.of(task, settings, [found_again(file, "labels")])


def learn(data: Labelled, **options: Any) -> Classifier:
    """Learn labelled series and return the classifier; options are settings by name."""
    settings = gather(options)
    outcome = Training.of(LabelTask(data, settings, [data.name]), settings).run()
    return Classifier(best_weights(outcome), outcome.document, engine=settings.engine)


def gather(values: Mapping[str, Any]) -> LabelSettings:
    """Sort settings by name into their classes. Raises `ConfigError` for one that is none."""
    return LabelSettings(**sorted_in(CLASSES, values, DEFAULTS, "a classifier"))
