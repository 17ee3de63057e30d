"""One training of the toy in a process of its own, that can stand still in the middle of a save."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from recurra.learning import curves, keeping
from tests.learning.toy import resume_toy, train_toy

FOR_EVER_S = 60.0
SETTINGS: dict[str, Any] = {
    "steps": 120,
    "log_every": 3,
    "validate_every": 12,
    "sample_every": 20,
    "checkpoint_seconds": 0.01,
}


class Pauses:
    """Counts the moments inside saves: before a file is flushed, before and after it takes its
    name, before its folder is flushed, half-way through a line. In the one that is wanted it says
    "in save" and waits to be killed.

    Nothing is flushed to the disk: what the system was given, a killed process cannot take back.
    """

    def __init__(self, wanted: int, tell: Connection) -> None:
        self.left = wanted
        self.tell = tell
        self.write, self.replace = os.write, os.replace
        os.write, os.fsync, os.replace = self.slow_write, self.slow_fsync, self.slow_replace

    def moment(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.tell.send("in save")
            time.sleep(FOR_EVER_S)

    def slow_fsync(self, descriptor: int) -> None:
        self.moment()

    def slow_replace(self, source: Any, target: Any) -> None:
        self.moment()
        self.replace(source, target)
        self.moment()

    def slow_write(self, descriptor: int, content: bytes) -> int:
        # In two halves, as a full pipe or a busy disk may write it.
        half = len(content) // 2
        if self.left == 1 and half:
            done = self.write(descriptor, content[:half])
            self.moment()
            return done
        self.moment()
        return self.write(descriptor, content)


def work(folder: Path, verb: str, pause: int, say: int, tell: Connection, errors: Path) -> None:
    """Train to the end, or until somebody kills this process.

    Args:
        folder: The run.
        verb: "start" or "resume".
        pause: The moment inside a save to wait in, counted from 1; 0 for none.
        say: The step from which on "at step" is said; -1 for none.
        tell: Where "in save", "at step" and, last, "done" are said.
        errors: The file that takes what goes to standard error.
    """
    with errors.open("wb") as file:
        os.dup2(file.fileno(), 2)
    curves.missing = lambda: "no pictures in this test"  # type: ignore[assignment]
    keeping.SAVE_SHARE = 1.0  # many checkpoints, so that much can go wrong
    Pauses(pause, tell)

    def listen(event: Any) -> None:
        if event.kind == "step" and event.step >= say >= 0:
            tell.send("at step")

    if verb == "resume":
        resume_toy(folder, listeners=[listen])
    else:
        train_toy(folder, listeners=[listen], **SETTINGS)
    tell.send("done")
