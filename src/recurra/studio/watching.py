"""The events of a run as server-sent events: the past at once, then each as it happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from weakref import WeakKeyDictionary

from recurra.learning.run_folder import METRICS, SAMPLES
from recurra.studio import errors
from recurra.studio.curve import Mark, Tail, joined
from recurra.studio.errors import MissingError
from recurra.studio.schema import RunEntry
from recurra.studio.studio import Studio

LOOK_S = 0.25
"""Between two looks at the files."""
ALIVE_S = 15.0
"""Between two signs of life where nothing happens."""

Marks = tuple[Mark, Mark]


def parse_marks(text: str | None) -> Marks | None:
    """Return what a `Last-Event-ID` says was read already; None for one that says nothing."""
    if not text:
        return None
    try:
        metrics, samples = text.split("-")
        return Mark.parse(metrics), Mark.parse(samples)
    except ValueError:
        return None


async def watch(studio: Studio, id: str, since: Marks | None) -> AsyncGenerator[bytes, None]:
    """Yield the events of a run until the client leaves.

    Past events are passed on line by line as they are in the files, a block at a time: a client
    that does not read costs a block, however long the run is.
    """
    path = studio.trainings.path(id)
    tails = _tails(path, since)
    entry: RunEntry | None = None
    quiet = 0.0
    first = True
    while not studio.closing.is_set():
        cut = any(tail.cut() for tail in tails)
        if cut:
            tails = _tails(path, None)
        if cut or (first and since is None):
            yield b"event: reset\n"
        try:
            now = await look(studio, id)
        except MissingError as error:
            yield _message([json.dumps({"error": errors.problem_of(error)}).encode()], tails)
            return
        told = [] if _same(entry, now) else [_status(now)]
        entry = now
        began = False
        for tail in tails:
            while block := await _next_block(studio, tail):
                if inside := joined(block):
                    # One piece a turn: what a piece costs is mostly the sending, not its length.
                    yield (b"," if began else b"data: [") + inside
                    began = True
        if told:
            yield (b"," if began else b"data: [") + b",".join(told)
            began = True
        if began or first or cut:
            yield (b"" if began else b"data: [") + b"]\nid: " + _id(tails) + b"\n\n"
            quiet = 0.0
        elif quiet >= ALIVE_S:
            yield b": still here\n\n"
            quiet = 0.0
        first = False
        await asyncio.sleep(LOOK_S)
        quiet += LOOK_S


_looking: WeakKeyDictionary[Studio, dict[str, asyncio.Task[RunEntry]]] = WeakKeyDictionary()


async def look(studio: Studio, id: str) -> RunEntry:
    """Return how a run stands. All who ask at the same time share one look."""
    looking = _looking.setdefault(studio, {})
    task = looking.get(id)
    if task is None:
        task = asyncio.create_task(studio.files.run(studio.trainings.get, id))
        looking[id] = task
        task.add_done_callback(lambda _: looking.pop(id, None))
    return await asyncio.shield(task)


async def _next_block(studio: Studio, tail: Tail) -> bytes:
    """Read on, when it is this stream's turn; the files may be long, and the streams many."""
    if not tail.gained():
        return b""
    async with studio.turn:
        block = tail.block()
        if block:
            await asyncio.sleep(0)
        return block


def _tails(path: Path, since: Marks | None) -> tuple[Tail, Tail]:
    metrics, samples = since or (None, None)
    return Tail(path / METRICS, metrics), Tail(path / SAMPLES, samples)


def _id(tails: tuple[Tail, Tail]) -> bytes:
    return f"{tails[0].mark}-{tails[1].mark}".encode()


def _message(items: list[bytes], tails: tuple[Tail, Tail]) -> bytes:
    return b"data: [" + b",".join(items) + b"]\nid: " + _id(tails) + b"\n\n"


def _same(before: RunEntry | None, now: RunEntry) -> bool:
    """Whether nothing has changed that the events themselves do not tell."""
    if before is None:
        return False
    names = ("status", "message", "name", "model", "steps", "seconds", "parameters")
    return all(getattr(before, name) == getattr(now, name) for name in names)


def _status(run: RunEntry) -> bytes:
    text = json.dumps({"event": "status", "run": run.model_dump(mode="json")}, allow_nan=False)
    return text.encode()
