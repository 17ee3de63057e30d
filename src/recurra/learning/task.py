"""What the training loop asks of a kind of sequence. The loop knows nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from recurra.core.spec import Spec
from recurra.engines.base import Batch, Network, Report


@dataclass(frozen=True, slots=True)
class Window:
    """One batch of windows, and how it follows the one before."""

    batch: Batch
    carries: bool
    """Whether the state after the previous window goes on here; else it starts at zero.

    The previous window is the one read just before: the part before it, or the last part of the
    step before.
    """
    tokens: int
    """Positions read, for the speed that is shown (at least the sum of the batch's weights)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Something the model made, to be shown and kept."""

    temperature: float
    text: str
    """As a person would read it; other kinds of sequence give a text rendering."""


class Task(Protocol):
    """One training job: data cut into windows, and the words in which its results are told.

    Every method is a pure function of the task's own data and its arguments: the window of a step
    does not depend on which windows were asked for before, so a resumed run sees the same ones.
    """

    kind: str
    """Name in the registry of tasks, such as "text"."""
    spec: Spec
    steps_per_epoch: int
    """Steps in one pass over the training split; with gradient accumulation, of several windows."""
    unit: str
    """What one position is, in the singular: "character", "byte", "word", "step"."""

    def window(self, step: int, part: int = 0) -> Window:
        """Return the window of a step (counted from 0).

        With gradient accumulation a step has several parts; the task was told how many.
        """
        ...

    def validation(self) -> Iterator[Window]:
        """Yield the windows of the validation split, in order."""
        ...

    def measures(self, report: Report) -> dict[str, float]:
        """Return scores in the field's own words ("bits_per_char"), from the mean loss in nats."""
        ...

    def sample(self, network: Network, step: int) -> list[Sample]:
        """Return samples at the temperatures that the task was told, drawn for this step."""
        ...

    def document(self) -> dict[str, Any]:
        """Return what the model file keeps of the task: kind, options, vocabulary, as JSON data."""
        ...

    def provenance(self) -> dict[str, Any]:
        """Return where the data came from: name, sha256, size, licence, as JSON data."""
        ...
