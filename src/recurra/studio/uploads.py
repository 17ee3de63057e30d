"""Files that people bring: streamed to the disk as they come, never held in memory."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from recurra.formats.jsonl import unwritable
from recurra.studio import home
from recurra.studio.errors import Problem
from recurra.studio.studio import Studio

BLOCK = 1 << 20


async def receive(studio: Studio, request: Request, folder: Path, name: str) -> Path:
    """Write a request's body to the file `name` in a new hidden folder; return the folder.

    Size and speed are bounded by `deadlines.Bodies`. Nothing is left where the body is cut off.

    Raises: `ResourceError` where the disk is full, `Problem` where the client went or was too slow.
    """
    aside = await studio.files.run(home.make_aside, folder)
    try:
        with open(aside / name, "wb") as file:
            held = bytearray()
            async for chunk in request.stream():
                held += chunk
                if len(held) >= BLOCK:
                    await studio.files.run(file.write, bytes(held))
                    held.clear()
            await studio.files.run(file.write, bytes(held))
    except BaseException as error:
        home.discard(aside)
        if isinstance(error, OSError):
            raise unwritable(Path(name), error) from error
        if isinstance(error, ClientDisconnect):
            raise Problem(400, "The upload was cut off; send it again.") from None
        raise
    return aside
