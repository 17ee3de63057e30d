"""What a person can set about training: the windows, the budget, the learning rate, the rhythm."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from recurra.core.options import Options, knob
from recurra.learning.schedule import Schedule


class WindowOptions(Options):
    """How the training text is cut into batches."""

    batch_size: int = knob(
        32, "sequences read side by side in one step", low=1, high=65536, unit="sequences"
    )
    window: int = knob(
        64, "how far back one step learns (truncated backpropagation through time)",
        low=1, high=65536, unit="tokens",
    )  # fmt: skip
    objective: Literal["every", "last"] = knob(
        "every", "learn from every position, or only from the last of overlapping windows",
        advanced=True,
    )  # fmt: skip
    stride: int = knob(
        3, "with objective=last: distance between the starts of two windows",
        low=1, high=65536, unit="tokens", advanced=True,
    )  # fmt: skip


class TrainOptions(Options):
    """How long a model is trained, how fast it learns, and how often it reports."""

    steps: int | None = knob(
        None, "how long to train, in weight updates", low=1, high=10**12, unit="steps"
    )
    epochs: float | None = knob(
        None, "how long to train, in passes over the training text", above=0, high=1e6,
        unit="epochs",
    )  # fmt: skip
    seconds: float | None = knob(
        None, "how long to train, in seconds, validation and samples included", above=0, high=1e9,
        unit="seconds",
    )  # fmt: skip
    learning_rate: float = knob(2e-3, "largest step size of the optimiser", above=0, high=1000)
    schedule: Schedule = knob(
        "cosine", "how the learning rate changes over the budget; plateau halves it when the "
        "held-out loss stops falling",
    )  # fmt: skip
    warmup: float = knob(
        0.02, "share of the budget over which the learning rate rises to its peak",
        low=0, below=1, advanced=True,
    )  # fmt: skip
    final_learning_rate: float = knob(
        0.01, "learning rate at the end, as a share of the peak (the floor of plateau)",
        low=0, high=1, advanced=True,
    )  # fmt: skip
    plateau_patience: int = knob(
        2, "schedule=plateau: validations without a gain before the rate is halved",
        low=1, high=1000, unit="validations", advanced=True,
    )  # fmt: skip
    accumulate: int = knob(
        1, "batches whose gradients are averaged into one step, to train with larger batches "
        "than memory holds", low=1, high=65536, unit="batches", advanced=True,
    )  # fmt: skip
    validate_every: int | None = knob(
        None, "steps between two looks at the held-out text; automatic: about 20 a run and at "
        "most a twentieth of the time; 0 never looks", low=0, unit="steps", advanced=True,
    )  # fmt: skip
    sample_every: int | None = knob(
        None, "steps between two samples; automatic: about 10 a run; 0 never samples",
        low=0, unit="steps",
    )  # fmt: skip
    sample_threshold: float = knob(
        0.35, "show samples only once the mean probability of the right token has passed this; "
        "0 shows them from the start", low=0, high=1, advanced=True,
    )  # fmt: skip
    checkpoint_seconds: float = knob(
        30.0, "time between two saves from which the run can be resumed", low=0, high=1e6,
        unit="seconds", advanced=True,
    )  # fmt: skip
    log_every: int | None = knob(
        None, "steps that one point of the loss curve is the mean of; automatic: about 1,000 "
        "points a run", low=1, unit="steps", advanced=True,
    )  # fmt: skip
    patience: int = knob(
        0, "stop early after this many validations without a gain; 0 never does",
        low=0, high=10**6, unit="validations",
    )  # fmt: skip
    seed: int = knob(0, "start of every random stream; the same seed gives the same run", low=0,
                     high=2**63 - 1)  # fmt: skip

    @model_validator(mode="after")
    def _one_budget(self) -> TrainOptions:
        given = [name for name in ("steps", "epochs", "seconds") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(
                f"a run has one budget, but {' and '.join(given)} are given; drop one."
            )
        if self.patience and self.validate_every == 0:
            raise ValueError(
                "patience counts validations, but validate_every is 0; drop one of the two."
            )
        if self.schedule == "plateau" and self.validate_every == 0:
            raise ValueError(
                "the plateau schedule watches validations, but validate_every is 0; drop one."
            )
        return self

    @property
    def budget(self) -> tuple[Literal["steps", "epochs", "seconds"], float] | None:
        """The budget that was given and its amount, or None."""
        if self.steps is not None:
            return "steps", self.steps
        if self.epochs is not None:
            return "epochs", self.epochs
        if self.seconds is not None:
            return "seconds", self.seconds
        return None

    def with_budget(
        self, kind: Literal["steps", "epochs", "seconds"], amount: float
    ) -> TrainOptions:
        """Return a copy with this budget in place of the one it has."""
        budget: dict[str, float | None] = {"steps": None, "epochs": None, "seconds": None}
        budget[kind] = int(amount) if kind == "steps" else amount
        return self.replace(**budget)
