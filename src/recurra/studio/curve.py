"""How a run stands, read from its folder as it grows: only what is new is read each time."""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK = 1 << 15


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a growing file was read: which file it was, and how many bytes."""

    file: int = 0
    """The file's number; another one means that the run was cut back to a checkpoint."""
    position: int = 0

    def __str__(self) -> str:
        return f"{self.file:x}.{self.position:x}"

    @classmethod
    def parse(cls, text: str) -> Mark:
        """Read what `str` gave. Raises `ValueError`."""
        file, _, position = text.partition(".")
        return cls(int(file, 16), int(position, 16))


class Tail:
    """Reads the whole lines that a file gained, block by block."""

    def __init__(self, path: Path, mark: Mark | None = None) -> None:
        self.path = path
        self.mark = mark or Mark()

    def cut(self) -> bool:
        """Whether the file is not the one that was read, or is shorter than it was then."""
        if not self.mark.position:
            return False
        try:
            facts = self.path.stat()
        except OSError:
            return True
        return facts.st_ino != self.mark.file or facts.st_size < self.mark.position

    def gained(self) -> bool:
        """Whether there may be more to read, for the price of one look."""
        try:
            return self.path.stat().st_size > self.mark.position
        except OSError:
            return False

    def block(self) -> bytes:
        """Return the next whole lines, of at most a block (or one longer line); b"" at the end."""
        with suppress(OSError), open(self.path, "rb") as file:
            number = os.fstat(file.fileno()).st_ino
            if self.mark.position and number != self.mark.file:
                return b""  # replaced since `cut` was asked
            file.seek(self.mark.position)
            block = file.read(BLOCK)
            while block and b"\n" not in block and (more := file.read(BLOCK)):
                block += more
            end = block.rfind(b"\n") + 1
            if end:
                self.mark = Mark(number, self.mark.position + end)
                return block[:end]
        return b""


def records(block: bytes) -> list[tuple[bytes, dict[str, Any]]]:
    """Return the lines that hold an object, with it; a damaged line is passed over."""
    found = []
    for line in block.splitlines():
        with suppress(ValueError, RecursionError):
            record = json.loads(line)
            if isinstance(record, dict):
                found.append((line, record))
    return found


def joined(block: bytes) -> bytes:
    """Return the objects of a block's lines as the inside of a JSON array."""
    return b",".join(line for line, _ in records(block))


class Curve:
    """What the metrics of one run say of how it stands."""

    def __init__(self, path: Path) -> None:
        self._tail = Tail(path)
        self._clear()

    def _clear(self) -> None:
        self.step = 0
        self.steps: int | None = None
        self.seconds: float | None = None
        self.elapsed_s = 0.0
        self.best_loss_nats: float | None = None
        self.parameters: int | None = None

    def update(self) -> Curve:
        """Take in what is new, or all anew where the run was cut back; return itself."""
        if self._tail.cut():
            self._tail = Tail(self._tail.path)
            self._clear()
        while block := self._tail.block():
            for _, event in records(block):
                self._take(event)
        return self

    def _take(self, event: dict[str, Any]) -> None:
        self.step = int(_number(event, "step") or self.step)
        self.elapsed_s = max(self.elapsed_s, _number(event, "elapsed_s") or 0.0)
        match event.get("event"):
            case "started":
                steps, parameters = _number(event, "steps"), _number(event, "parameters")
                self.steps = None if steps is None else int(steps)
                self.seconds = _number(event, "seconds")
                self.parameters = None if parameters is None else int(parameters)
            case "validated":
                loss = _number(event, "loss_nats")
                if loss is not None:
                    self.best_loss_nats = min(loss, self.best_loss_nats or math.inf)

    def progress(self) -> float:
        """Return the share of the budget that is spent, 0 to 1."""
        if self.steps:
            return min(self.step / self.steps, 1.0)
        return min(self.elapsed_s / self.seconds, 1.0) if self.seconds else 0.0


def _number(event: dict[str, Any], name: str) -> float | None:
    value = event.get(name)
    return float(value) if isinstance(value, int | float) else None
