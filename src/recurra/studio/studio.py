"""Everything that the routes work with, made once."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path

from recurra.datasets.series import Shelf, file_here
from recurra.learning.run_folder import read_document
from recurra.studio.cache import Cache
from recurra.studio.corpora import Corpora
from recurra.studio.data import DataFiles
from recurra.studio.errors import ConflictError, MissingError
from recurra.studio.home import Home
from recurra.studio.models import Models
from recurra.studio.settings import StudioOptions
from recurra.studio.trainings import Trainings
from recurra.studio.workers import Pool

SHORT = 1024
"""Pieces of short work that may wait for a thread: one a connection."""
TURN = 2
"""Streams that begin, or pass something on, in one turn of the event loop."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Studio:
    """The folder, what is in it, and the threads that work on it."""

    home: Home
    options: StudioOptions
    corpora: Corpora
    data: DataFiles
    trainings: Trainings
    models: Models
    files: Pool
    """For looking at folders: short, but it may wait for a disk."""
    quick: Pool
    """For a few dozen tokens."""
    slow: Pool
    """For whole texts."""
    closing: threading.Event
    """Set when the server is about to end, so that streams end before it."""
    turn: asyncio.Semaphore
    """Held for a turn of the event loop by a stream that is about to do something."""

    @classmethod
    def open(
        cls, folder: Path, options: StudioOptions | None = None, others: tuple[Path, ...] = ()
    ) -> Studio:
        """Open a studio's folder, made where it is not there.

        Args:
            others: folders with runs made elsewhere, which are shown too.
        Raises: `ResourceError` where the folder cannot be written.
        """
        options = options or StudioOptions()
        place = Home(folder)
        cache = Cache(options.memory)
        corpora = Corpora(place, cache)
        data = DataFiles(place, cache)
        trainings = Trainings(place, corpora, data, others=others, most=options.trainings)
        models = Models(place, corpora, trainings, cache)
        return cls(
            place, options, corpora, data, trainings, models,
            Pool("files", 4, SHORT), Pool("quick", options.workers, SHORT),
            Pool("slow", options.workers), threading.Event(), asyncio.Semaphore(TURN),
        )  # fmt: skip

    def learned_from(self, model: str, kind: str, data: str | None) -> Path:
        """Return the file of some data, or of those that a model learned from.

        Raises: `MissingError` where it is not here; `ConflictError` for data of another kind.
        """
        entry = self.models.get(model)
        id = data or entry.corpus.id
        if id is not None:
            if self.data.get(id).kind != kind:
                raise ConflictError("These data are of another kind than the model.")
            paths = self.data.source(id).paths
            if not paths:
                raise MissingError("These data are not on this computer yet; fetch them first.")
            return paths[0]
        inputs: list[str] = []
        if entry.run is not None:
            inputs = read_document(self.trainings.path(entry.run)).get("inputs") or []
        shelf: Shelf = "labels" if kind == "labels" else "series"
        file = file_here(inputs[0], shelf) if inputs else None
        if file is None:
            raise MissingError("What this model learned from is not here; choose other data.")
        return file

    async def wait_turn(self) -> None:
        """Wait until few enough streams do something in one turn, so that others are answered."""
        async with self.turn:
            await asyncio.sleep(0)

    def close(self) -> None:
        """Let go of the threads. Trainings go on: they are processes of their own."""
        self.closing.set()
        for pool in (self.files, self.quick, self.slow):
            pool.close()
        self.trainings.reap()
