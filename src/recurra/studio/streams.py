"""Answers that go on: events as they happen, text as it is drawn, progress while one waits.

A stream ends with its client: whatever it waits for is cancelled, its generator is closed, and a
client that does not read holds no more than what the connection's buffer takes, for a while.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from recurra.studio import errors

STALLED_S = 120.0
"""A client that takes nothing for so long is given up."""
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"

Chunks = AsyncGenerator[bytes, None]


class Stream(Response):
    """A response whose body is what an asynchronous generator yields."""

    def __init__(self, chunks: Chunks, media_type: str) -> None:
        self.chunks = chunks
        self.started = False
        self.background = None
        self.status_code = 200
        self.media_type = media_type
        self.body = b""
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        # Nothing is known of the length before the end.
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await leaving
        try:
            with suppress(asyncio.CancelledError, TimeoutError):
                await sending
        except Exception as error:
            if not self.started:
                raise
            # The status is long sent: all that can be done is to break off, and to say why here.
            errors.log.error("a stream broke off", exc_info=error)

    async def _send(self, send: Send) -> None:
        async with aclosing(self.chunks) as chunks:
            self.started = True
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            async for chunk in chunks:
                await _in_time(send, chunk, more=True)
        await _in_time(send, b"", more=False)


async def _in_time(send: Send, body: bytes, *, more: bool) -> None:
    message: Message = {"type": "http.response.body", "body": body, "more_body": more}
    async with asyncio.timeout(STALLED_S):
        await send(message)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def line(value: Mapping[str, Any]) -> bytes:
    """Return one line of a stream of JSON objects."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Half a surrogate pair, which a model of bytes cannot give but a text may hold, has no UTF-8.
    return text.encode("utf-8", "replace") + b"\n"


def failure(error: BaseException) -> bytes:
    """Return the last line of a stream that something went wrong in."""
    return line({"error": errors.problem_of(error)})
