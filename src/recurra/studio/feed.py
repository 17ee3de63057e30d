"""What is new in a run, looked for once however many watch it.

A feed is there while somebody watches: one task looks at the run's files and wakes the watchers
where something has changed. What they then pass on is read and checked once, and the same bytes go
to all of them. There is no queue: a watcher that falls behind reads on from its own place in the
files, so it costs a block, however long it takes nothing.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Self
from weakref import WeakKeyDictionary

from recurra.learning.run_folder import METRICS, SAMPLES
from recurra.studio import errors
from recurra.studio.curve import Mark, Tail, joined
from recurra.studio.errors import MissingError
from recurra.studio.schema import RunEntry
from recurra.studio.studio import Studio

LOOK_S = 0.25
"""Between two looks at the files."""
BLOCKS = 64
"""Blocks of about 32 kB that are kept for others who read the same."""

Marks = tuple[Mark, Mark]
START: Marks = (Mark(), Mark())


class Feed:
    """One run's files and standing, for all who watch it. `join` and `leave` it."""

    def __init__(self, studio: Studio, id: str) -> None:
        folder = studio.trainings.path(id)
        self.studio = studio
        self.id = id
        self.paths = (folder / METRICS, folder / SAMPLES)
        self.watchers = 0
        self.serial = 0
        """Counts what has changed; 0 before the first look."""
        self.generation = 0
        """Counts how often the files were cut back, as a resumed run's are."""
        self.status = b""
        """How the run stands, as an event."""
        self.gone = b""
        """What is told where the run is no longer there."""
        self._entry: RunEntry | None = None
        self._sizes: list[tuple[int, int]] = []
        self._blocks: dict[tuple[int, Mark], tuple[bytes, Mark]] = {}
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._watch())

    @classmethod
    def join(cls, studio: Studio, id: str) -> Self:
        """Return the feed of a run, begun where nobody watches yet. Raises `MissingError`."""
        feeds = _feeds.setdefault(studio, {})
        feed = feeds.get(id)
        if not isinstance(feed, cls) or feed._task.done():
            feed = feeds[id] = cls(studio, id)
        feed.watchers += 1
        return feed

    async def leave(self) -> None:
        """Watch no more; the last one ends the feed."""
        self.watchers -= 1
        if self.watchers:
            return
        feeds = _feeds.get(self.studio, {})
        if feeds.get(self.id) is self:
            del feeds[self.id]
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def beyond(self, serial: int, seconds: float) -> bool:
        """Wait until something has changed since `serial`; False where nothing did for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.serial <= serial:
                    if self._task.done():
                        self._task.result()  # raises what ended it
                        break
                    await self._changed.wait()
        return self.serial > serial

    def is_cut(self, marks: Marks) -> bool:
        """Whether the files are not those that were read up to these marks."""
        return any(Tail(path, mark).cut() for path, mark in zip(self.paths, marks, strict=True))

    def block(self, which: int, mark: Mark) -> tuple[bytes, Mark] | None:
        """Return what follows a mark, as the inside of a JSON array, and the mark behind it.

        None at the end, and where the file has become another one. A block is read once for all
        who come to it while it is kept.
        """
        found = self._blocks.get((which, mark))
        if found is None:
            tail = Tail(self.paths[which], mark)
            lines = tail.block() if tail.gained() else b""
            if not lines:
                return None
            found = joined(lines), tail.mark
            self._blocks[which, mark] = found
            if len(self._blocks) > BLOCKS:
                del self._blocks[next(iter(self._blocks))]
        return found

    async def _watch(self) -> None:
        try:
            while not self.studio.closing.is_set():
                try:
                    entry = await look(self.studio, self.id)
                except MissingError as error:
                    self.gone = json.dumps({"error": errors.problem_of(error)}).encode()
                    return
                if self._take(entry):
                    self._tell()
                await asyncio.sleep(LOOK_S)
        finally:
            # However it ends, nobody waits for what does not come.
            self._tell()

    def _tell(self) -> None:
        self.serial += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def _take(self, entry: RunEntry) -> bool:
        """Take note of how the run stands and of how long its files are; say what has changed."""
        sizes = [_size(path) for path in self.paths]
        changed = sizes != self._sizes
        if any(_is_other(*pair) for pair in zip(self._sizes, sizes, strict=False)):
            self.generation += 1
            self._blocks.clear()
        self._sizes = sizes
        if not _same(self._entry, entry):
            event = {"event": "status", "run": entry.model_dump(mode="json")}
            self.status = json.dumps(event, allow_nan=False).encode()
            changed = True
        self._entry = entry
        return changed


_feeds: WeakKeyDictionary[Studio, dict[str, Feed]] = WeakKeyDictionary()
_looking: WeakKeyDictionary[Studio, dict[str, asyncio.Task[RunEntry]]] = WeakKeyDictionary()


def watched(studio: Studio) -> int:
    """Return how many runs are watched."""
    return len(_feeds.get(studio, {}))


async def look(studio: Studio, id: str) -> RunEntry:
    """Return how a run stands. All who ask at the same time share one look."""
    looking = _looking.setdefault(studio, {})
    task = looking.get(id)
    if task is None:
        task = asyncio.create_task(studio.files.run(studio.trainings.get, id))
        looking[id] = task
        task.add_done_callback(lambda _: looking.pop(id, None))
    return await asyncio.shield(task)


def _size(path: Path) -> tuple[int, int]:
    """Return a file's number and length; zeros where there is none."""
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_ino, facts.st_size


def _is_other(before: tuple[int, int], now: tuple[int, int]) -> bool:
    """Whether a file that had something in it was replaced or shortened."""
    return before[1] > 0 and (before[0] != now[0] or now[1] < before[1])


def _same(before: RunEntry | None, now: RunEntry) -> bool:
    """Whether nothing has changed that the events themselves do not tell."""
    if before is None:
        return False
    names = ("status", "message", "name", "model", "steps", "seconds", "parameters")
    return all(getattr(before, name) == getattr(now, name) for name in names)
