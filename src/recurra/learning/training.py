"""A training that is ready to run, of whatever kind of sequence, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from recurra.core.errors import ConfigError
from recurra.core.parameters import Params
from recurra.engines import EngineOptions
from recurra.engines.base import Engine, Network, OptimiserOptions
from recurra.learning import loop
from recurra.learning.events import Listener
from recurra.learning.options import TrainOptions
from recurra.learning.resume import build, describe
from recurra.learning.run_folder import RunFolder
from recurra.learning.task import Task


class Settings(Protocol):
    """What every task's settings hold, whatever else they do."""

    @property
    def train(self) -> TrainOptions: ...
    @property
    def optimiser(self) -> OptimiserOptions: ...
    @property
    def engine(self) -> EngineOptions: ...
    def to_json(self) -> dict[str, Any]: ...


T = TypeVar("T", bound=Task)
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Training(Generic[T, S]):
    """A training that is ready to run: the data are read, the network has its first weights."""

    task: T
    settings: S
    engine: Engine
    network: Network
    inputs: list[str]
    """Where the data are found again; empty where they came from memory."""

    @classmethod
    def of(cls, task: T, settings: S, inputs: Sequence[str] = ()) -> Training[T, S]:
        """Choose the engine and give the network its first weights; raises what `build` raises."""
        engine, network = build(task.spec, settings.train, settings.optimiser, settings.engine)
        return cls(task, settings, engine, network, list(inputs))

    def describe(self) -> dict[str, Any]:
        """Return what the run folder keeps of it, for `RunFolder.create`."""
        described = describe(
            self.task,
            engine=self.engine,
            train=self.settings.train,
            optimiser=self.settings.optimiser,
            engine_options=self.settings.engine,
            recorded=self.settings.to_json(),
        )
        return {**described, "inputs": self.inputs}

    def run(
        self, folder: RunFolder | None = None, listeners: Sequence[Listener] = ()
    ) -> loop.Outcome:
        """Train to the end of the budget; see `learning.loop.train` for what is raised."""
        return loop.train(
            self.task,
            self.network,
            self.settings.train,
            engine_description=self.engine.describe(),
            run=folder,
            listeners=listeners,
            recorded=self.settings.to_json(),
        )

    def run_in(self, run: Path | None, listeners: Sequence[Listener] = ()) -> loop.Outcome:
        """Train in a new run folder, or in memory alone where none is named.

        Raises: what `run` raises, and `ConfigError` where the folder holds a run already.
        """
        if run is None:
            return self.run(None, listeners)
        with RunFolder.create(run, self.describe()) as folder:
            return self.run(folder, listeners)


def pass_on_interrupt(outcome: loop.Outcome) -> None:
    """Raise `KeyboardInterrupt` where a person stopped the training."""
    if outcome.reason == "interrupted":
        raise KeyboardInterrupt


def best_weights(outcome: loop.Outcome) -> Params:
    """Return the best weights of a training that ran in memory.

    Raises: `KeyboardInterrupt` where a person stopped it, `ConfigError` where it never took a step.
    """
    pass_on_interrupt(outcome)
    if outcome.weights is None:
        raise ConfigError("the training ended before its first step, so there is no model.")
    return outcome.weights
