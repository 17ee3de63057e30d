"""A classifier of series: which class, how sure, and which moments decided it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.core.sampling import log_softmax
from recurra.engines.base import Batch
from recurra.formats.labelled import Labelled
from recurra.learning.trained import TrainedModel
from recurra.tasks.series.labels.task import (
    LabelSettings,
    Reading,
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


class Classifier(TrainedModel):
    """A trained classifier of series, built and loaded as every `TrainedModel` is."""

    KIND = "labels"
    CALLED = "a classifier of series"
    PURPOSE = "train"

    def _open(self, task: Mapping[str, Any]) -> None:
        self.reading = Reading.parse(task["reading"])
        self.settings = LabelSettings.from_json(task["options"])
        if self.spec.input.features != self.reading.features or self.spec.head.outputs != len(
            self.reading.classes
        ):
            raise self._refusal("the network does not fit what it says to read and tell.")

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the columns of `probabilities`."""
        return self.reading.classes

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
