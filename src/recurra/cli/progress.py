"""How a training looks on a terminal: a bar that moves, and samples that scroll by above it."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.cli import console
from recurra.cli.errors import EXIT_INTERRUPTED
from recurra.learning.curves import missing
from recurra.learning.events import (
    Event,
    Failed,
    Finished,
    Sampled,
    Started,
    Stepped,
    Validated,
)

if TYPE_CHECKING:
    from recurra.learning.loop import Outcome

BAR = 16
"""Columns of the bar."""
PLAIN_S = 10.0
"""Seconds between two lines where standard error is no terminal."""


class ProgressListener:
    """Shows a training on standard error; use it in `with`, so that the bar is taken down."""

    def __init__(self, *, show_samples: bool = True) -> None:
        self._show_samples = show_samples
        self._console = console.err()
        self._live = self._console.is_terminal
        self._bar: Any = None
        self._task: Any = None
        self._started: Started | None = None
        self._held_out: Validated | None = None
        self._last: Stepped | None = None
        self._next_line = 0.0

    def __enter__(self) -> ProgressListener:
        return self

    def __exit__(self, *_: object) -> None:
        self._take_down()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Started):
            self._begin(event)
        elif isinstance(event, Stepped):
            self._step(event)
        elif isinstance(event, Validated):
            self._held_out = event
            if not self._live:
                self._line(f"{self._where(event.step, event.elapsed_s)}  {validated_line(event)}")
        elif isinstance(event, Sampled):
            self._sample(event)
        elif isinstance(event, Finished | Failed):
            self._end(event)

    def _begin(self, event: Started) -> None:
        self._started = event
        if not self._live:
            return
        from rich import progress as parts

        self._bar = parts.Progress(
            parts.TextColumn("{task.fields[count]}", markup=False),
            parts.BarColumn(bar_width=BAR),
            parts.TextColumn("{task.fields[left]}", markup=False),
            parts.TextColumn("{task.fields[facts]}", markup=False),
            console=self._console,
            transient=True,
            refresh_per_second=5,
        )
        total = event.seconds if event.steps is None else event.steps
        self._task = self._bar.add_task(
            "training", total=total, count="starting", left="", facts=""
        )
        self._bar.start()

    def _step(self, event: Stepped) -> None:
        self._last = event
        if self._live:
            started = self._started
            spent = event.elapsed_s if started and started.steps is None else event.step
            where, left = self._where(event.step, event.elapsed_s), self._left(event)
            room = self._console.width - len(where) - len(left) - BAR - 4
            facts = self._facts(event, room)
            self._bar.update(self._task, completed=spent, count=where, left=left, facts=facts)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_S
            where = self._where(event.step, event.elapsed_s)
            self._line(f"{where}  {self._facts(event)}  {self._left(event)}")

    def _where(self, step: int, elapsed_s: float) -> str:
        """Return how far it is: steps of steps, or seconds of seconds."""
        started = self._started
        if started is None or started.steps is not None:
            total = f"/{started.steps:,}" if started else ""
            return f"{step:,}{total}"
        return f"{min(elapsed_s, started.seconds or 0):.0f}/{started.seconds:.0f} s"

    def _left(self, event: Stepped) -> str:
        started = self._started
        if started is None:
            return ""
        if started.steps is None:
            return f"{console.duration(max(0.0, (started.seconds or 0) - event.elapsed_s))} left"
        done, spent = event.step - started.step, event.elapsed_s - started.elapsed_s
        if done <= 0:
            return ""
        return f"{console.duration(spent / done * (started.steps - event.step))} left"

    def _facts(self, event: Stepped, room: int = 1000) -> str:
        """Return losses, bits, accuracy, mean posterior, speed, memory: what of them has room."""
        unit = self._started.unit if self._started else "step"
        losses = f"train {event.loss_nats:.3f}"
        if self._held_out is not None:
            losses += f"  held-out {self._held_out.loss_nats:.3f}"
        facts = [
            f"{losses} {_loss_unit(event, unit)}",
            *_of_tokens(event, unit),
            f"{_thousands(event.tokens_per_second)} {unit}s/s",
        ]
        if event.memory_bytes:
            facts.append(console.size(event.memory_bytes))
        while len(facts) > 1 and len("  ".join(facts)) > room:
            facts.pop()
        return "  ".join(facts)[: max(room, 0)]

    def _sample(self, event: Sampled) -> None:
        if not self._show_samples:
            return
        shown = []
        for sample in event.samples:
            shown.append(f"\nstep {event.step:,}, temperature {sample.temperature:g}:")
            shown += [f"  {line}" for line in sample.text.splitlines()]
        self._line("\n".join([*shown, ""]))

    def _end(self, event: Finished | Failed) -> None:
        last, self._last = self._last, None
        self._take_down()
        if isinstance(event, Finished) and last is not None:
            where = self._where(event.step, event.elapsed_s)
            self._line(f"  {where}   {self._facts(last)}   {console.duration(event.elapsed_s)}")

    def _take_down(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._live = False

    def _line(self, text: str) -> None:
        self._console.print(printable(text))


def validated_line(event: Validated) -> str:
    """Return a validation in a few words."""
    bits = event.measures.get("bits_per_char")
    more = f", {bits:.3f} bits/char" if bits is not None else ""
    mark = ", best so far" if event.best else ""
    # Predicted numbers are not right or wrong.
    right = "" if math.isnan(event.accuracy) else f", right {event.accuracy:.0%}"
    nats = "pinball" if "pinball" in event.measures else "nats"
    return f"held-out {event.loss_nats:.3f} {nats}{more}{right}{mark}"


def printable(text: str) -> str:
    """Return text that cannot move a terminal's cursor: control characters as `\\x1b`."""
    return "".join(
        c if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f") else f"\\x{ord(c):02x}"
        for c in text
    )


def conclude(outcome: Outcome, folder: Path, next_words: str = "") -> None:
    """Say on standard error how a training ended and what to type next.

    Args:
        next_words: the command; left out, the one that generates.
    Raises: `click.exceptions.Exit` with code 130 when it was interrupted.
    """
    say = console.err().print
    if outcome.reason == "interrupted":
        say(f"stopped at step {outcome.step:,}; everything is saved (recurra resume {folder})")
        raise click.exceptions.Exit(EXIT_INTERRUPTED)
    if outcome.reason == "patience":
        say(f"stopped early: the held-out loss was best at step {outcome.best_step:,}")
    say(f"saved       {folder}   ({next_words or f'recurra generate {folder}'})")
    if sentence := missing():
        say(sentence)


def _loss_unit(event: Stepped, unit: str) -> str:
    return f"pinball/{unit}" if "pinball" in event.measures else f"nats/{unit}"


def _of_tokens(event: Stepped, unit: str) -> list[str]:
    """Return what is said of predicted tokens only: numbers are not right or wrong."""
    if math.isnan(event.accuracy):
        return []
    return [
        _bits(event, unit),
        f"right {event.accuracy:.0%}",
        f"posterior {event.mean_posterior:.2f}",
    ]


def _bits(event: Stepped, unit: str) -> str:
    bits = event.measures.get("bits_per_char")
    if bits is not None:
        return f"{bits:.2f} bits/char"
    return f"{event.loss_nats / math.log(2):.2f} bits/{unit}"


def _thousands(number: float) -> str:
    return f"{number:,.0f}" if number < 10_000 else f"{number / 1000:,.0f}k"
