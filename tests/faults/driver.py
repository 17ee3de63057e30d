"""One training of the toy, in a process of its own, that can be made slow in the middle of a save.

    python -m tests.faults.driver FOLDER [start|resume]

`RECURRA_TEST_PAUSE` is "COUNT:SECONDS": the COUNTth moment inside a save (before a file is
flushed, before and after it takes its name, before its folder is flushed, half-way through a line)
prints "in save" and lasts so long. `RECURRA_TEST_SAY` is a step after which "at step" is printed.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from recurra.learning import curves, keeping
from tests.learning.toy import resume_toy, train_toy

SETTINGS: dict[str, Any] = {
    "steps": 120,
    "log_every": 3,
    "validate_every": 12,
    "sample_every": 20,
    "checkpoint_seconds": 0.01,
}


class Pauses:
    """Counts the moments inside saves and sleeps in one of them."""

    def __init__(self, wanted: int, seconds: float) -> None:
        self.left = wanted
        self.seconds = seconds
        self.write, self.fsync, self.replace = os.write, os.fsync, os.replace
        os.write, os.fsync, os.replace = self.slow_write, self.slow_fsync, self.slow_replace

    def moment(self) -> None:
        self.left -= 1
        if self.left == 0:
            print("in save", flush=True)
            time.sleep(self.seconds)

    def slow_fsync(self, descriptor: int) -> None:
        self.moment()
        self.fsync(descriptor)

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


def main(folder: Path, verb: str) -> None:
    """Train to the end, or until somebody kills this process."""
    curves.missing = lambda: "no pictures in this test"  # type: ignore[assignment]
    keeping.SAVE_SHARE = 1.0  # many checkpoints, so that much can go wrong
    count, _, seconds = os.environ.get("RECURRA_TEST_PAUSE", "").partition(":")
    if count:
        Pauses(int(count), float(seconds))
    say = int(os.environ.get("RECURRA_TEST_SAY", "-1"))

    def listen(event: Any) -> None:
        if event.kind == "step" and event.step >= say >= 0:
            print("at step", flush=True)

    if verb == "resume":
        resume_toy(folder, listeners=[listen])
    else:
        train_toy(folder, listeners=[listen], **SETTINGS)
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
