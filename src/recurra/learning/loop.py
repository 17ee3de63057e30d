"""The training loop. It asks a task for windows, a network for steps, and says what happens.

After every step: the reports that have arrived become points of the curve; a validation, samples
and a checkpoint follow when they are due. With a budget in steps or epochs, what is recorded
depends on the step alone, so that a run that was killed and resumed is, bit for bit, the run that
was never interrupted (same engine, same machine).

Between two steps the loop looks at what is asked of it through its run folder: `requests`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from recurra.core.errors import ConfigError, NumericError, RecurraError, ResourceError
from recurra.core.parameters import Params, parameter_count
from recurra.engines.base import Network
from recurra.learning.checkpoint import Checkpoint, Progress
from recurra.learning.curves import CurvesListener
from recurra.learning.events import (
    Checkpointed,
    Event,
    Failed,
    Finished,
    Listener,
    Reason,
    Sampled,
    Started,
    Validated,
)
from recurra.learning.held_out import Carried, measure
from recurra.learning.keeping import Keeper, take_up
from recurra.learning.meters import Clock
from recurra.learning.options import TrainOptions
from recurra.learning.reports import Reports
from recurra.learning.requests import LOOK_S, Requests
from recurra.learning.rhythm import Budget, log_cadence, sample_cadence, validation_cadence
from recurra.learning.run_folder import RunFolder
from recurra.learning.schedule import learning_rate
from recurra.learning.signals import StopSignals
from recurra.learning.task import Task


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended."""

    reason: Reason
    """ "interrupted" means that it can be resumed."""
    step: int
    epoch: float
    elapsed_s: float
    best_loss_nats: float | None
    """Lowest held-out loss; None where nothing was held out or validated."""
    best_step: int | None
    weights: Params | None
    """Those of the best validation (the last ones where there was none) when there is no run
    folder; None where `best.safetensors` holds them."""
    document: dict[str, Any]
    """What a model file says of `weights`; empty where they are None."""


def train(
    task: Task,
    network: Network,
    options: TrainOptions,
    *,
    engine_description: str = "",
    run: RunFolder | None = None,
    listeners: Sequence[Listener] = (),
    checkpoint: Checkpoint | None = None,
    recorded: Mapping[str, Any] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Train a network until its budget is spent, it stops getting better, or a person stops it.

    Args:
        network: with its first weights in place; it is changed.
        engine_description: how it computes, for `Started` and the model file.
        run: where everything is kept; None keeps nothing but the best weights, in memory.
        listeners: called with every event, in order, in this thread.
        checkpoint: go on from here; `learning.resume.resume` reads it from a run folder.
        recorded: options for the model file's provenance. With a run folder those in `run.json`
            count; without one, those of training alone when left out.
        stop: asked after every step; true ends the loop as Ctrl-C does.
    Raises:
        NumericError: the loss or a gradient stopped being finite, or the loss exploded. The last
            checkpoint stands.
        ResourceError: the disk is full. The last checkpoint stands.
        KeyboardInterrupt: Ctrl-C was pressed twice; nothing was saved since the last checkpoint.
        ConfigError: no budget, or a setting that needs held-out data where there is none.
    """
    if recorded is None:
        recorded = {"train": options.model_dump(mode="json")}
    if run is not None:
        recorded = run.document.get("options", recorded)
        listeners = [*listeners, CurvesListener(run.path)]
    requests = Requests(run.path if run is not None else None)
    with StopSignals() as signals:
        training = _Training(
            task,
            network,
            options,
            checkpoint=checkpoint,
            engine=engine_description,
            run=run,
            listeners=listeners,
            recorded=recorded,
            wants_stop=lambda: (
                signals.stopped or requests.asked("stop") or (stop is not None and stop())
            ),
            requests=requests,
        )
        try:
            training.begin(resumed=checkpoint is not None)
            return training.run_to_end()
        except (NumericError, ResourceError) as error:
            told = training.explained(error)
            training.give_up("failed", str(told))
            raise told from error
        except KeyboardInterrupt:
            training.give_up("interrupted", "stopped at once")
            raise
        except Exception as error:
            sentence = str(error) if isinstance(error, RecurraError) else repr(error)
            training.give_up("failed", sentence)
            raise
        finally:
            requests.close()


class _Training:
    """One call of `train`, with what it keeps from step to step."""

    def __init__(
        self,
        task: Task,
        network: Network,
        options: TrainOptions,
        *,
        checkpoint: Checkpoint | None,
        engine: str,
        run: RunFolder | None,
        listeners: Sequence[Listener],
        recorded: Mapping[str, Any],
        wants_stop: Callable[[], bool],
        requests: Requests,
    ) -> None:
        self.task = task
        self.network = network
        self.options = options
        self.engine = engine
        self.run = run
        self.listeners = listeners
        self.wants_stop = wants_stop
        self.requests = requests
        self.budget = Budget.of(options, max(task.steps_per_epoch, 1))
        self.carried = Carried(network)
        self.now = Progress()
        if checkpoint is not None:
            self.carried = Carried(network, *take_up(network, checkpoint))
            self.now = checkpoint.progress
        if run is not None:
            run.rewind(checkpoint)
        self.clock = Clock(self.now.elapsed_s)
        self.keeper = Keeper(
            task, network, self.now, self.clock, run=run, engine=engine, recorded=recorded
        )
        if checkpoint is not None:
            self.keeper.saved_step = self.now.step
        self.reports = Reports(
            self.now,
            log_cadence(options, self.budget),
            self.clock,
            outputs=network.spec.head.outputs,
            epochs=self.keeper.epochs,
            measures=task.measures,
            emit=self.emit,
        )
        self._sample_s = self._validate_s = 0.0
        self._alone = False
        """Whether the step under way is a single one, taken in a pause."""

    # The course of a run

    def begin(self, *, resumed: bool) -> None:
        """Say that it begins, and save at once."""
        held_out = 0
        if self.options.validate_every != 0:
            held_out = sum(window.tokens for window in self.task.validation())
        if not held_out and (self.options.schedule == "plateau" or self.options.patience):
            field = "patience" if self.options.patience else "schedule"
            raise ConfigError(
                f"{field} watches the loss on held-out data, but none is held out; set a "
                "validation share.",
                field,
            )
        step_tokens = self.task.window(0).tokens * self.options.accumulate
        self.validations = validation_cadence(self.options, self.budget, step_tokens, held_out)
        self.samplings = sample_cadence(self.options, self.budget)
        for cadence in (self.validations, self.samplings, self.reports.points):
            cadence.done(self.clock.elapsed())
        if self.run is not None:
            self.run.set_status("running")
            verb = "resumed" if resumed else "started"
            self.run.log(f"{verb} at step {self.now.step:,} on {self.engine or 'an engine'}")
        self.emit(
            Started(
                step=self.now.step,
                steps=self.budget.steps,
                seconds=self.budget.seconds,
                elapsed_s=self.clock.before_s,
                epoch=self.keeper.epochs(self.now.step),
                unit=self.task.unit,
                parameters=parameter_count(self.network.spec),
                engine=self.engine,
                outputs=self.network.spec.head.outputs,
                run=str(self.run.path) if self.run else None,
            )
        )
        if not resumed:
            # At once, so that a folder that cannot be written is found out before the training.
            self.save()

    def run_to_end(self) -> Outcome:
        """Step until there is a reason to stop, then save and say so."""
        while True:
            self._obey()
            if self.wants_stop():
                return self._end("interrupted")
            if self.validations.is_due(self.now.step, self.clock.elapsed()):
                self.validate()
            if self.samplings.is_due(self.now.step, self.clock.elapsed()):
                self.sample()
            if self.wants_stop():
                return self._end("interrupted")
            if self.options.patience and self.now.since_best >= self.options.patience:
                return self._end("patience")
            if self.budget.is_spent(self.now.step, self.clock.elapsed()):
                return self._end("budget")
            self.step()
            if self._alone:
                self.reports.read_alone()
            elif self.reports.is_due():
                self.reports.read()
            if self.keeper.is_due(self.options.checkpoint_seconds):
                self.save()

    def _end(self, reason: Reason) -> Outcome:
        """Finish the curve, validate, sample and save for the last time."""
        if reason != "interrupted":
            self.reports.finish()
            if self.validations:
                self.validate()
            if self.samplings:
                self.sample()
            if self.wants_stop():
                reason = "interrupted"
            else:
                self.now.finished = reason
        if self.run is None and self.keeper.weights is None:
            self.keeper.best(None)
        self.save()
        elapsed = self.clock.elapsed()
        if self.run is not None:
            what = {
                "interrupted": "interrupted",
                "budget": "finished",
                "patience": "stopped early, for the held-out loss no longer falls,",
            }[reason]
            self.run.log(f"{what} at step {self.now.step:,} after {elapsed:.1f} s")
            self.run.set_status("interrupted" if reason == "interrupted" else "finished")
        best_loss, best_step = self.keeper.best_loss(), self.keeper.best_step()
        self.emit(Finished(self.now.step, reason, elapsed, best_loss, best_step))
        return Outcome(
            reason=reason,
            step=self.now.step,
            epoch=self.keeper.epochs(self.now.step),
            elapsed_s=elapsed,
            best_loss_nats=best_loss,
            best_step=best_step,
            weights=self.keeper.weights,
            document=self.keeper.document if self.keeper.weights is not None else {},
        )

    def _obey(self) -> None:
        """Do what was asked through the run folder, but for the end, which `wants_stop` tells."""
        if self.requests.asked("pause"):
            self._pause()
        elif self._alone:
            self._go_on()
        elif self.requests.asked("step"):
            self.requests.done("step")
        if self.requests.asked("save"):
            self.save()
            self.requests.done("save")

    def _pause(self) -> None:
        """Rest while that is asked for, or until a single step is.

        The clock stands still; what was learned is saved.
        """
        self.save()
        self.clock.pause()
        if self._alone:
            # It was a single step, and the run counts as paused all the while.
            self._alone = False
            self.requests.done("step")
        else:
            self._stand("paused")
        while self.requests.asked("pause") and not self.wants_stop():
            if self.requests.asked("save"):
                self.requests.done("save")  # nothing has changed since the save above
            if self.requests.asked("step"):
                self._alone = True
                self.clock.go_on()
                return
            time.sleep(LOOK_S)
        self._go_on()

    def _go_on(self) -> None:
        self._alone = False
        self.requests.done("step")
        self.clock.go_on()
        self._stand("running")

    def _stand(self, status: Literal["running", "paused"]) -> None:
        if self.run is not None:
            self.run.set_status(status)
            verb = "paused" if status == "paused" else "went on"
            self.run.log(f"{verb} at step {self.now.step:,}")

    def explained(self, error: NumericError | ResourceError) -> RecurraError:
        """Return the error with what to try, and with what still stands."""
        sentence = str(error)
        if isinstance(error, NumericError):
            sentence += (
                f"; try a learning rate below {self.options.learning_rate:g} (--learning-rate), or "
                "clip gradients at a lower norm (--clip-norm)."
            )
        if self.run is not None and self.keeper.saved_step is not None:
            sentence += (
                f" The checkpoint of step {self.keeper.saved_step:,} stands "
                f"(recurra resume {self.run.path})."
            )
        return type(error)(sentence)

    def give_up(self, status: Literal["interrupted", "failed"], message: str) -> None:
        """Say that the loop was left by an error, as far as the disk still lets us."""
        failed = Failed(self.now.step, message, self.clock.elapsed())
        if self.run is not None:
            # Where the disk is full, the error that brought us here says so.
            with suppress(ResourceError):
                self.run.set_status(status, message if status == "failed" else None)
                self.run.log(f"{status} at step {self.now.step:,}: {message}")
                self.run.record(failed)
        for listener in self.listeners:
            listener(failed)

    # Learning

    def step(self) -> None:
        """Learn from the windows of one step."""
        started = time.perf_counter()
        parts = self.options.accumulate
        rate = self._rate()
        for part in range(parts):
            window = self.task.window(self.now.step, part)
            pending, self.carried.state = self.network.train_step(
                window.batch,
                self.carried.before(window),
                learning_rate=rate,
                step=self.now.step,
                seed=self.options.seed,
                part=part,
                parts=parts,
            )
            last = part == parts - 1
            self.reports.add(self.now.step + 1, rate, window.tokens, last, pending)
        self.now.step += 1
        self.reports.spend(time.perf_counter() - started)

    def _rate(self) -> float:
        options = self.options
        rate = learning_rate(
            options.schedule,
            self.budget.progress(self.now.step, self.clock.elapsed()),
            peak=options.learning_rate,
            warmup=options.warmup,
            final=options.final_learning_rate,
        )
        return rate * self.now.plateau.factor if options.schedule == "plateau" else rate

    # Looking

    def validate(self) -> None:
        """Measure the held-out loss, unless that was done after this very step."""
        now = self.now
        if now.step == now.validated_step:
            return
        self.reports.read()
        started = self.clock.elapsed()
        report = measure(self.network, self.task.validation(), self.wants_stop)
        if report is None:
            return  # nothing has changed: a resumed run begins this validation again
        loss = report.loss_nats
        if not math.isfinite(loss):
            raise NumericError(f"the held-out loss became {loss} at step {now.step:,}")
        now.validated_step = now.step
        best = loss < now.best_loss
        now.since_best = 0 if best else now.since_best + 1
        now.plateau = now.plateau.after(
            loss,
            patience=self.options.plateau_patience,
            final=self.options.final_learning_rate,
        )
        self._validate_s = self.clock.elapsed() - started
        if best:
            now.best_loss, now.best_step = loss, now.step
            self.keeper.best(report)
        self.emit(
            Validated(
                step=now.step,
                epoch=self.keeper.epochs(now.step),
                loss_nats=loss,
                accuracy=report.accuracy,
                mean_posterior=report.mean_posterior,
                positions=report.positions,
                best=best,
                elapsed_s=self.clock.elapsed(),
                duration_s=self._validate_s,
                measures=self.task.measures(report),
            )
        )
        if self.run is not None:
            mark = ", the best so far" if best else ""
            self.run.log(f"step {now.step:,}: held-out loss {loss:.4f} nats{mark}")
        self.validations.done(self.clock.elapsed(), self._validate_s)
        self._keep_reserve()

    def sample(self) -> None:
        """Let the model write, unless it did after this very step or is not ready for it yet."""
        now = self.now
        if now.step == now.sampled_step:
            return
        self.reports.read()
        started = self.clock.elapsed()
        if now.posterior < self.options.sample_threshold:
            self.samplings.done(started)
            return
        samples = tuple(self.task.sample(self.network, now.step))
        now.sampled_step = now.step
        self._sample_s = self.clock.elapsed() - started
        self.emit(Sampled(now.step, samples, self.clock.elapsed()))
        self.samplings.done(self.clock.elapsed(), self._sample_s)
        self._keep_reserve()

    # Keeping

    def save(self) -> None:
        """Write a checkpoint, if there is a run folder."""
        if self.run is None:
            return
        self.reports.read()
        self.keeper.checkpoint(self.carried.state, self.budget)
        self._keep_reserve()
        self.emit(Checkpointed(self.now.step, self.clock.elapsed(), self.keeper.save_s))

    def _keep_reserve(self) -> None:
        self.budget.keep(self._validate_s + self._sample_s + self.keeper.save_s)

    def emit(self, event: Event) -> None:
        """Record an event, then tell the listeners."""
        if self.run is not None:
            self.run.record(event)
        for listener in self.listeners:
            listener(event)
