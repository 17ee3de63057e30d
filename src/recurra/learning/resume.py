"""From a run folder back to a training: what `run.json` has to say, and how it is taken up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from recurra.core.errors import ConfigError, FormatError, RecurraError
from recurra.core.options import Options
from recurra.core.parameters import initialise
from recurra.core.spec import Spec
from recurra.engines import EngineOptions, select
from recurra.engines.base import Engine, Network, OptimiserOptions
from recurra.formats.model_file import read_document as read_model_document
from recurra.learning import registry
from recurra.learning.checkpoint import Checkpoint, load_checkpoint
from recurra.learning.events import Listener
from recurra.learning.loop import Outcome, train
from recurra.learning.options import TrainOptions
from recurra.learning.requests import withdraw_all
from recurra.learning.run_folder import BEST, CHECKPOINT, RUN, RunFolder, read_document
from recurra.learning.settings import BUDGETS
from recurra.learning.task import Task

AnyOptions = TypeVar("AnyOptions", bound=Options)


def build(
    spec: Spec, train: TrainOptions, optimiser: OptimiserOptions, engine: EngineOptions
) -> tuple[Engine, Network]:
    """Return the engine that trains `spec` here, and the network with its first weights.

    Raises: what `engines.select` raises; `ConfigError` for a precision that does not learn.
    """
    if engine.precision == "int8":
        raise ConfigError(
            "int8 is for writing with a trained model and for scoring it; train with precision "
            "'auto', 'float32' or 'bfloat16'.",
            "precision",
        )
    chosen = select(spec, engine, "train")
    return chosen, chosen.build(spec, initialise(spec, train.seed), optimiser)


def describe(
    task: Task,
    *,
    engine: Engine,
    train: TrainOptions,
    optimiser: OptimiserOptions,
    engine_options: EngineOptions,
    recorded: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what `run.json` needs for `resume`, for `RunFolder.create`.

    Args:
        engine: the one that `build` chose; a resumed run takes the same, "auto" or not.
        recorded: the task's own options, by class; they go into the model file's provenance.
    """
    return {
        "task": task.document(),
        "provenance": task.provenance(),
        "spec": task.spec.model_dump(mode="json"),
        "seed": train.seed,
        "engine": engine.describe(),
        "options": {
            **(recorded or {}),
            "train": train.model_dump(mode="json"),
            "optimiser": optimiser.model_dump(mode="json"),
            "engine": engine_options.replace(engine=engine.name).model_dump(mode="json"),
        },
    }


def resume(
    path: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    listeners: Sequence[Listener] = (),
    stop: Callable[[], bool] | None = None,
    restore: Callable[[Mapping[str, Any]], Task] = registry.restore,
) -> Outcome:
    """Go on with a run from its last checkpoint.

    Without changes it becomes, bit for bit, the run that was never interrupted.

    Args:
        path: the run folder.
        changes: settings of `TrainOptions`, `OptimiserOptions` and `EngineOptions` to change, by
            name. A new "steps", "epochs" or "seconds" replaces the budget and counts from the
            run's start.
        restore: makes the task from what `run.json` holds.
    Raises:
        FormatError: the folder is no run, or one of its files is damaged.
        ConfigError: the run has finished and no larger budget is given, or a change is no setting.
        ResourceError: another process trains in the folder.
    """
    with RunFolder.open(path) as run:
        # A pause that was asked for outlives a process that is killed in it.
        withdraw_all(run.path)
        train_options, optimiser, engine_options = _options(
            run.path, run.document, dict(changes or {})
        )
        checkpoint = run.load_checkpoint()
        _check_budget(run.path, run.document, train_options, checkpoint, changed=bool(changes))
        spec = _parsed(run.path, Spec, run.document.get("spec"))
        task = restore(run.document)
        if task.spec != spec:
            raise FormatError(
                f"{run.path}: the task asks for another network than {RUN} describes; has its "
                "data changed?"
            )
        engine, network = build(spec, train_options, optimiser, engine_options)
        if checkpoint is not None:
            if changes:
                # Patience counts anew: whoever gives more time wants it used.
                checkpoint.progress.since_best = 0
                checkpoint.progress.finished = ""
            if train_options.seconds is not None:
                _take_better_model(run, checkpoint)
        options = {
            **run.document["options"],
            "train": train_options.model_dump(mode="json"),
            "optimiser": optimiser.model_dump(mode="json"),
            "engine": engine_options.model_dump(mode="json"),
        }
        run.update(options=options)
        return train(
            task,
            network,
            train_options,
            engine_description=engine.describe(),
            run=run,
            listeners=listeners,
            checkpoint=checkpoint,
            stop=stop,
        )


def check_changes(path: str | Path, changes: Mapping[str, Any]) -> None:
    """Raise what `resume` would of these changes, without touching the run.

    Raises:
        FormatError: the folder is no run, or one of its files is damaged.
        ConfigError: the run has finished and no larger budget is given, or a change is no setting.
    """
    path = Path(path)
    document = read_document(path)
    train_options, _, _ = _options(path, document, dict(changes))
    file = path / CHECKPOINT
    checkpoint = load_checkpoint(file) if file.exists() else None
    _check_budget(path, document, train_options, checkpoint, changed=bool(changes))


def _options(
    path: Path, document: Mapping[str, Any], changes: dict[str, Any]
) -> tuple[TrainOptions, OptimiserOptions, EngineOptions]:
    """Return the run's options with the changes made."""
    recorded = document.get("options")
    if not isinstance(recorded, Mapping):
        raise FormatError(f"{path / RUN} lacks the object 'options'.")
    trained = _parsed(path, TrainOptions, recorded.get("train"))
    optimiser = _parsed(path, OptimiserOptions, recorded.get("optimiser"))
    engine = _parsed(path, EngineOptions, recorded.get("engine"))
    if any(changes.get(name) is not None for name in BUDGETS):
        changes = {**dict.fromkeys(BUDGETS), **changes}
    made: list[Any] = []
    for options in (trained, optimiser, engine):
        mine = {
            name: changes.pop(name) for name in list(changes) if name in type(options).model_fields
        }
        made.append(options.replace(**mine))
    if changes:
        name = next(iter(changes))
        raise ConfigError(f"'{name}' cannot be changed when a run is resumed.", name)
    return made[0], made[1], made[2]


def _parsed(path: Path, cls: type[AnyOptions], data: Any) -> AnyOptions:
    try:
        return cls.parse(data)
    except RecurraError as error:
        raise FormatError(f"{path / RUN}: {error}") from None


def _check_budget(
    path: Path,
    document: Mapping[str, Any],
    options: TrainOptions,
    checkpoint: Checkpoint | None,
    *,
    changed: bool,
) -> None:
    """Raise `ConfigError` where nothing is left to do."""
    progress = checkpoint.progress if checkpoint else None
    if progress is None:
        return
    if progress.finished and not changed:
        if document.get("status") != "finished":
            return  # killed after its last save: what is missing is written now
        raise ConfigError(
            f"{path} has finished ({progress.step:,} steps, {progress.elapsed_s:.0f} s); to "
            f"train on, give a larger budget, such as --steps {2 * progress.step}.",
            "steps",
        )
    for name, done in (("steps", progress.step), ("seconds", progress.elapsed_s)):
        wanted = getattr(options, name)
        if changed and wanted is not None and wanted <= done:
            raise ConfigError(
                f"{name} is {wanted:,g}, but this run has done {round(done, 2):,} already; the "
                "budget counts from its start, so give a larger one.",
                name,
            )


def _take_better_model(run: RunFolder, checkpoint: Checkpoint) -> None:
    """Keep a model that is newer and better than the checkpoint knows.

    Steps by the clock do not come back the same, so a model that was saved after the checkpoint
    would be lost to a worse one. (With a budget in steps it is simply made again.)
    """
    if not (run.path / BEST).exists():
        return
    provenance = read_model_document(run.path / BEST)["provenance"]
    scores = provenance.get("scores") or {}
    loss, step = scores.get("held_out_loss_nats"), provenance.get("steps")
    if not (isinstance(loss, float) and isinstance(step, int)):
        return
    if math.isfinite(loss) and loss < checkpoint.progress.best_loss:
        checkpoint.progress.best_loss, checkpoint.progress.best_step = loss, step
