"""A classifier of series: which class, how sure, and which moments decided it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError
from recurra.core.parameters import Params
from recurra.core.sampling import log_softmax
from recurra.core.spec import Spec
from recurra.engines import EngineOptions, select
from recurra.engines.base import Batch, Engine, Network
from recurra.formats.labelled import Labelled
from recurra.formats.model_file import load_model, save_model
from recurra.learning import loop
from recurra.learning.events import Listener
from recurra.learning.locate import find_model
from recurra.learning.resume import build, describe
from recurra.learning.run_folder import RunFolder
from recurra.learning.settings import sorted_in
from recurra.tasks.series.labels.task import (
    CLASSES,
    DEFAULTS,
    LabelSettings,
    LabelTask,
    Reading,
    read_training_data,
    side_by_side,
)

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How a classifier did on labelled series."""

    accuracy: float
    f1: float
    """The mean of the classes' F1, each class alike (macro)."""
    confusion: NDArray[np.int64]
    """[classes, classes]: rows what it is, columns what was said."""
    classes: tuple[str, ...]
    per_class: tuple[tuple[float, float, float, int], ...]
    """Precision, recall, F1 and how many there are, of each class."""


class Classifier:
    """A trained classifier of series.

    Args:
        weights: as `core.parameters.parameter_shapes` names them.
        document: what a model file keeps. engine: who computes. path: where it came from.
    Raises: `FormatError` where the document is not one of such a model.
    """

    def __init__(
        self,
        weights: Params,
        document: Mapping[str, Any],
        *,
        engine: EngineOptions | None = None,
        path: Path | None = None,
    ) -> None:
        self.weights, self.document = weights, dict(document)
        self.engine, self.path = engine or EngineOptions(), path
        self._network: Network | None = None
        where = f"{path}: " if path else ""
        try:
            kind = document["task"]["kind"]
            if kind != "labels":
                raise FormatError(f"{where}this is a model of {kind}, not a classifier of series.")
            self.spec = Spec.parse(document["spec"])
            self.reading = Reading.parse(document["task"]["reading"])
            self.settings = LabelSettings.from_json(document["task"]["options"])
        except (KeyError, TypeError) as error:
            raise FormatError(f"{where}the model's task lacks {error}.") from None
        if self.spec.input.features != self.reading.features or self.spec.head.outputs != len(
            self.reading.classes
        ):
            raise FormatError(f"{where}the network does not fit what it says to read and tell.")

    @classmethod
    def load(cls, path: str | os.PathLike[str], **engine: Any) -> Self:
        """Read a model file, or the best model of a run folder."""
        file = find_model(path)
        weights, document = load_model(file)
        return cls(weights, document, engine=EngineOptions(**engine), path=file)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as one file, whole or not at all."""
        save_model(Path(path), self.weights, self.document)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the columns of `probabilities`."""
        return self.reading.classes

    def network(self) -> Network:
        """Return the network, built when first asked for."""
        if self._network is None:
            self._network = select(self.spec, self.engine, "train").build(self.spec, self.weights)
        return self._network

    def probabilities(self, series: Sequence[Array]) -> NDArray[np.float64]:
        """Return the probability of each class [N, classes] for series [T, channels].

        Raises: `ConfigError` where a series has another number of channels.
        """
        found = np.zeros((len(series), len(self.classes)))
        rows = [self._steps(one) for one in series]
        order = np.argsort([len(row) for row in rows], kind="stable")
        for first in range(0, len(rows), 256):
            part = order[first : first + 256]
            x, resets, _ = side_by_side([rows[n] for n in part])
            outputs, _ = self.network().forward(x, self.network().zero_state(len(part)), resets)
            found[part] = np.exp(log_softmax(outputs[-1]))
        return found

    def predict(self, series: Sequence[Array]) -> list[str]:
        """Return the likeliest class of each series."""
        return [self.classes[n] for n in self.probabilities(series).argmax(axis=1)]

    def _steps(self, series: Array) -> NDArray[np.float32]:
        series = np.asarray(series, np.float64)
        series = series[:, None] if series.ndim == 1 else series
        if series.shape[1] != self.reading.channels:
            raise ConfigError(
                f"a series has {series.shape[1]} channels, but this model reads "
                f"{self.reading.channels}."
            )
        return self.reading.steps(series)

    def score(self, data: Labelled) -> ClassScores:
        """Return how often it is right about labelled series, class by class.

        Raises: `ConfigError` for a class that it never learned.
        """
        places = {name: n for n, name in enumerate(self.classes)}
        unknown = next((label for label in data.labels if label not in places), None)
        if unknown is not None:
            raise ConfigError(
                f"{data.name} has the class '{unknown}', which this model never learned; it knows "
                f"{', '.join(self.classes)}."
            )
        wanted = np.array([places[label] for label in data.labels])
        said = self.probabilities(data.series).argmax(axis=1)
        count = len(self.classes)
        confusion = np.bincount(wanted * count + said, minlength=count**2).reshape(count, count)
        right = np.diag(confusion).astype(np.float64)
        precision = right / np.maximum(confusion.sum(axis=0), 1)
        recall = right / np.maximum(confusion.sum(axis=1), 1)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-30)
        each = tuple(
            (float(p), float(r), float(f), int(n))
            for p, r, f, n in zip(precision, recall, f1, confusion.sum(axis=1), strict=True)
        )
        return ClassScores(
            float(right.sum() / max(len(wanted), 1)),
            float(f1.mean()),
            confusion,
            self.classes,
            each,
        )

    def saliency(self, series: Array, label: str | None = None) -> NDArray[np.float64]:
        """Return how much each moment moved the score of a class [T]: gradient times input.

        Args:
            label: the class asked about; by default the likeliest.
        """
        rows = self._steps(series)
        place = (
            int(self.probabilities([series])[0].argmax())
            if label is None
            else self.classes.index(label)
        )
        length = len(rows)
        weights = np.zeros((length, 1), np.float32)
        weights[-1] = 1.0
        batch = Batch(rows[:, None], np.full((length, 1), place, np.int64), weights)
        _, gradients = self.network().gradients(batch, self.network().zero_state(1))
        if gradients.inputs is None:
            raise ConfigError("this engine gives no gradients of inputs; take another.")
        moved = np.abs(gradients.inputs[:, 0] * rows)
        per_value = moved.reshape(length * self.reading.patch, -1).sum(axis=1)
        return np.asarray(per_value[-len(series) :], np.float64)


@dataclass(frozen=True, slots=True)
class LabelTraining:
    """A training that is ready to run."""

    task: LabelTask
    settings: LabelSettings
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


def prepare(file: str, values: Mapping[str, Any] | None = None) -> LabelTraining:
    """Read labelled series and build the network. Raises `FormatError` and `ConfigError`."""
    settings = gather(values or {})
    data, digest = read_training_data(file, settings.labels)
    return _training(
        LabelTask(data, settings, [Path(file).name], digest), [str(Path(file).resolve())]
    )


def learn(data: Labelled, **options: Any) -> Classifier:
    """Learn labelled series and return the classifier; options are settings by name."""
    training = _training(LabelTask(data, gather(options), [data.name]), [])
    outcome = training.run()
    if outcome.reason == "interrupted" or outcome.weights is None:
        raise KeyboardInterrupt
    return Classifier(outcome.weights, outcome.document, engine=training.settings.engine)


def _training(task: LabelTask, inputs: list[str]) -> LabelTraining:
    s = task.settings
    engine, network = build(task.spec, s.train, s.optimiser, s.engine)
    return LabelTraining(task, s, engine, network, inputs)


def gather(values: Mapping[str, Any]) -> LabelSettings:
    """Sort settings by name into their classes. Raises `ConfigError` for one that is none."""
    return LabelSettings(**sorted_in(CLASSES, values, DEFAULTS, "a classifier"))
