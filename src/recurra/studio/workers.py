"""Computing beside the event loop: a bounded number of threads, and none for who has left.

The kernel lets go of Python's lock while it computes, so threads are enough. What is quick (a few
dozen tokens) and what takes seconds (reading a whole text) have threads of their own, so that text
goes on streaming while another one is surveyed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from recurra.studio import errors, streams

T = TypeVar("T")

WAITING = 64
"""Pieces of long work that may wait for a thread; more are told to come again."""


class Left(BaseException):
    """Raised in a worker whose client has gone. Not an `Exception`: nothing should handle it."""


class Progress:
    """How far a piece of work is, as its thread says and its stream tells."""

    def __init__(self) -> None:
        self.share = 0.0
        self.left = threading.Event()

    def __call__(self, share: float) -> None:
        """Say how far it is, 0 to 1. Raises `Left` where nobody waits for it any more."""
        self.share = min(max(float(share), 0.0), 1.0)
        if self.left.is_set():
            raise Left


class Pool:
    """Some threads, and a bounded queue before them."""

    def __init__(self, name: str, threads: int, most: int = WAITING) -> None:
        self._threads = ThreadPoolExecutor(threads, f"recurra-{name}")
        self._most = most
        self._waiting = 0

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in a thread.

        Cancelled, it returns at once; a function that has begun runs to its end.
        Raises: `Problem` 503 where too much is waiting already.
        """
        if self._waiting >= self._most:
            raise errors.Problem(503, "The studio is busy with other work; try again in a moment.")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, function, *arguments)
        finally:
            self._waiting -= 1

    async def each(self, items: Iterator[T]) -> AsyncGenerator[T, None]:
        """Yield what an iterator gives, each item computed in a thread when it is asked for.

        No thread waits for a slow reader, and the iterator is closed with the generator.
        """
        nothing: Any = object()
        job: asyncio.Future[Any] | None = None
        try:
            while True:
                job = asyncio.ensure_future(self.run(next, items, nothing))
                # The item that is being computed has to be finished before the iterator is closed.
                item = await asyncio.shield(job)
                if item is nothing:
                    return
                yield item
        finally:
            if job is not None and not job.done():
                with suppress(BaseException):
                    await job
            close = getattr(items, "close", None)
            if close is not None:
                close()

    async def told(self, work: Callable[[Progress], Any]) -> AsyncGenerator[bytes, None]:
        """Run a long piece of work and yield its progress, then its result, as lines of JSON.

        `work` returns JSON data, and says how far it is by calling what it is given.
        """
        progress = Progress()

        def begin() -> Any:
            progress(0.0)  # whoever waits may have left while this waited for a thread
            return work(progress)

        job = asyncio.ensure_future(self.run(begin))
        shown = -1.0
        try:
            while not job.done():
                await asyncio.wait((job,), timeout=0.1)
                if progress.share > shown:
                    shown = progress.share
                    yield streams.line({"share": shown})
            try:
                result = job.result()
            except Exception as error:  # noqa: BLE001 - told to the client, bugs to the terminal
                yield streams.failure(error)
            else:
                yield streams.line({"result": result})
        finally:
            progress.left.set()
            if not job.done():
                job.add_done_callback(_looked_at)

    def close(self) -> None:
        """Let go of the threads; what has not begun never does."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _looked_at(job: asyncio.Future[Any]) -> None:
    """Take note of how work ended that nobody waits for."""
    if not job.cancelled():
        job.exception()
