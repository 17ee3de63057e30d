"""The events of a run as server-sent events: the past at once, then each as it happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from recurra.studio.curve import Mark
from recurra.studio.feed import START, Feed, Marks
from recurra.studio.studio import Studio

ALIVE_S = 15.0
"""Between two signs of life where nothing happens."""


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
    feed = Feed.join(studio, id)
    try:
        marks = list(since or START)
        anew, status, serial = since is None, b"", 0
        generation: int | None = None
        while not studio.closing.is_set():
            if not await feed.beyond(serial, ALIVE_S):
                yield b": still here\n\n"
                continue
            await studio.wait_turn()
            serial, first = feed.serial, generation is None
            if feed.gone:
                yield b"data: [" + feed.gone + b"]\n" + _id(marks)
                return
            # The files of the first round are looked at themselves: the marks may be old.
            cut = feed.is_cut((marks[0], marks[1])) if first else feed.generation != generation
            anew = anew or cut
            generation, now = feed.generation, feed.status
            if anew:
                marks = list(START)
            # One piece is held back, so that what ends the message goes with the last one.
            held, began = (b"event: reset\n" if anew else b"") + b"data: [", False
            for which in range(2):
                while found := feed.block(which, marks[which]):
                    inside, marks[which] = found
                    if began and inside:
                        yield held
                        held = b","
                        # What a piece costs is mostly the sending: others come in between.
                        await studio.wait_turn()
                    held += inside
                    began = began or bool(inside)
            if status != now:
                held += (b"," if began else b"") + now
                status, began = now, True
            if began or anew or first:
                yield held + b"]\n" + _id(marks)
            anew = False
    finally:
        await feed.leave()


def _id(marks: list[Mark]) -> bytes:
    return f"id: {marks[0]}-{marks[1]}\n\n".encode()
