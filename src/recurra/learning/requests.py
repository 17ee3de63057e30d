"""What whoever watches a training may ask of it, through its run folder: pause, step, stop, save.

Each request is an empty file in the folder, so that it works from any process, on any system, and
outlives the one who asked:

    .pause    the loop rests between two steps while this file is there; its clock stands still
    .step     a loop that rests takes one step, rests again and then removes the file; one that
              does not rest removes it at once
    .stop     the loop ends as after Ctrl-C, with a checkpoint, and removes the file
    .save     the loop writes a checkpoint and then removes the file
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from recurra.formats.jsonl import unwritable

Request = Literal["pause", "step", "stop", "save"]

LOOK_S = 0.05
"""Between two looks at the folder: a look costs microseconds, but steps may be as short."""

_ALL: tuple[Request, ...] = ("pause", "step", "stop", "save")


def ask(run: Path, request: Request) -> None:
    """Leave a request. Raises `ResourceError` where the folder cannot be written."""
    path = _file(run, request)
    try:
        path.touch()
    except OSError as error:
        raise unwritable(path, error) from error


def withdraw(run: Path, request: Request) -> None:
    """Take a request back, whether or not it was made."""
    with suppress(OSError):
        _file(run, request).unlink(missing_ok=True)


def withdraw_all(run: Path) -> None:
    """Leave nothing that was asked of an earlier process to the next one."""
    for request in _ALL:
        withdraw(run, request)


def is_asked(run: Path, request: Request) -> bool:
    """Whether a request is there, not taken up yet or (a pause) still wanted."""
    return _file(run, request).exists()


class Requests:
    """The requests to one training, as its loop sees them. Without a folder there are none."""

    def __init__(self, run: Path | None) -> None:
        self.run = run
        self._looked = -LOOK_S
        self._there: set[Request] = set()
        self._stopped = False

    def asked(self, request: Request) -> bool:
        """Whether a request is there, as of the last look; an end asked for once stays so."""
        now = time.perf_counter()
        if self.run is not None and now - self._looked >= LOOK_S:
            self._looked = now
            self._there = {one for one in _ALL if is_asked(self.run, one)}
            self._stopped = self._stopped or "stop" in self._there
        return self._stopped if request == "stop" else request in self._there

    def done(self, request: Request) -> None:
        """Say that a request was carried out."""
        self._there.discard(request)
        if self.run is not None:
            withdraw(self.run, request)

    def close(self) -> None:
        """Leave no request to the next process that takes up the run."""
        if self.run is not None:
            withdraw_all(self.run)


def _file(run: Path, request: Request) -> Path:
    return run / f".{request}"
