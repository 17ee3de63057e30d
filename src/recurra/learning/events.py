"""What a training says while it runs. A listener is any function that takes an `Event`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from recurra.formats.documents import plain
from recurra.learning.task import Sample


@dataclass(frozen=True, slots=True)
class _Event:
    kind: ClassVar[str] = ""

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON data; a number that is not finite becomes null."""
        body = plain({item.name: getattr(self, item.name) for item in fields(self)})
        return {"event": self.kind, **body}


@dataclass(frozen=True, slots=True)
class Started(_Event):
    """The loop is about to take its first step of this process."""

    kind: ClassVar[str] = "started"
    step: int
    """Steps done before: 0, or where a resumed run goes on."""
    steps: int | None
    """Budget in steps; None where it is in seconds."""
    seconds: float | None
    elapsed_s: float
    """Seconds trained before, by this run's earlier processes."""
    epoch: float
    unit: str
    """What one position is: "character", "word"."""
    parameters: int
    engine: str
    outputs: int
    """How many tokens there are to choose from."""
    run: str | None
    """The run folder."""


@dataclass(frozen=True, slots=True)
class Stepped(_Event):
    """One point of the training curve: means over the steps since the point before."""

    kind: ClassVar[str] = "step"
    step: int
    epoch: float
    loss_nats: float
    accuracy: float
    mean_posterior: float
    learning_rate: float
    """Of the last of these steps."""
    gradient_norm: float
    """Before clipping."""
    tokens_per_second: float
    """Of training alone: validation, samples and saves left out."""
    elapsed_s: float
    memory_bytes: int
    """Largest resident memory of this process so far; 0 where the system does not tell."""
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Validated(_Event):
    """The mean over the whole held-out split, with the weights after `step` steps."""

    kind: ClassVar[str] = "validated"
    step: int
    epoch: float
    loss_nats: float
    accuracy: float
    mean_posterior: float
    positions: float
    best: bool
    """Whether no validation of this run was as good."""
    elapsed_s: float
    duration_s: float
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sampled(_Event):
    """What the model writes after `step` steps."""

    kind: ClassVar[str] = "sampled"
    step: int
    samples: tuple[Sample, ...]
    elapsed_s: float

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON data."""
        samples = [{"temperature": one.temperature, "text": one.text} for one in self.samples]
        return {
            "event": self.kind,
            "step": self.step,
            "samples": samples,
            "elapsed_s": self.elapsed_s,
        }


@dataclass(frozen=True, slots=True)
class Checkpointed(_Event):
    """The run can be resumed from here."""

    kind: ClassVar[str] = "checkpointed"
    step: int
    elapsed_s: float
    duration_s: float


Reason = Literal["budget", "patience", "interrupted"]


@dataclass(frozen=True, slots=True)
class Finished(_Event):
    """The loop has ended and everything is saved. `reason` "interrupted" means it can go on."""

    kind: ClassVar[str] = "finished"
    step: int
    reason: Reason
    elapsed_s: float
    best_loss_nats: float | None
    best_step: int | None


@dataclass(frozen=True, slots=True)
class Failed(_Event):
    """The loop has stopped; what was saved before stands."""

    kind: ClassVar[str] = "failed"
    step: int
    message: str
    elapsed_s: float


Event = Started | Stepped | Validated | Sampled | Checkpointed | Finished | Failed
Listener = Callable[[Event], None]
