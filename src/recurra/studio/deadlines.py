"""What a client has to keep up with: headers and bodies that come in time and in bounds.

uvicorn waits for ever for the rest of a request's header and for the next byte of its body. Here a
connection that has not sent a whole header in `HEADER_S` seconds is closed, and a body has to come
at `SLOWEST` bytes a second or faster.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from recurra.studio import errors
from recurra.studio.errors import Problem

HEADER_S = 10.0
"""From a connection's first byte (or its opening) to the end of a request's header."""
GRACE_S = 20.0
"""How long a body may take in any case, and how long nothing of it may come."""
SLOWEST = 16_384
"""Bytes a second that a body has to come at, after the grace."""
SMALL_BODY = 8 << 20
"""Largest body of a request that is no upload."""
UPLOADS = ("/api/corpora", "/api/models")


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1 with a deadline for headers."""

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_header()

    def data_received(self, data: bytes) -> None:
        between = self._is_between()
        super().data_received(data)
        if not self._is_between():
            self._header_came()
        elif between and self._header_timer is None and not self.transport.is_closing():
            self._await_header()  # the first bytes of the connection's next request

    def connection_lost(self, exc: Exception | None) -> None:
        self._header_came()
        super().connection_lost(exc)

    def _await_header(self) -> None:
        self._header_timer = self.loop.call_later(HEADER_S, self._too_slow)

    def _header_came(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _too_slow(self) -> None:
        self._header_timer = None
        if self._is_between() and not self.transport.is_closing():
            self.transport.abort()

    def _is_between(self) -> bool:
        """Whether no request is being answered."""
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's types say
        return cycle is None or bool(cycle.response_complete)


class Bodies:
    """ASGI middleware: bounds a request's body in size and in time."""

    def __init__(self, app: ASGIApp, upload_limit: int) -> None:
        self.app = app
        self.upload_limit = upload_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        upload = scope["method"] == "POST" and scope["path"] in UPLOADS
        limit = self.upload_limit if upload else SMALL_BODY
        claimed = Headers(scope=scope).get("content-length", "0")
        if claimed.isdecimal() and int(claimed) > limit:
            refusal = too_large(limit)
            details = errors.problem(refusal.status_code, refusal.detail)
            await errors.answer(details, {"connection": "close"})(scope, receive, send)
            return
        await self.app(scope, _Bounded(receive, limit), send)


class _Bounded:
    """`receive` that counts and hurries."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.receive = receive
        self.limit = limit
        self.came = 0
        self.whole = False
        self.began: float | None = None

    async def __call__(self) -> Message:
        if self.whole:
            return await self.receive()  # waits for the client to go, which may take long
        now = asyncio.get_running_loop().time()
        self.began = now if self.began is None else self.began
        left = self.began + GRACE_S + self.came / SLOWEST - now
        try:
            async with asyncio.timeout(min(GRACE_S, left)):
                message = await self.receive()
        except TimeoutError:
            raise Problem(
                408, "The request came too slowly and was given up; send it again.", close=True
            ) from None
        if message["type"] == "http.request":
            self.came += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            if self.came > self.limit:
                raise too_large(self.limit)
        return message


def too_large(limit: int) -> Problem:
    """Return the refusal of a body beyond `limit` bytes."""
    shown = f"{limit / 1e9:.3g} GB" if limit >= 1e9 else f"{limit / 1e6:.3g} MB"
    return Problem(
        413,
        f"This is larger than the {shown} that are taken here; bring a smaller one.",
        close=True,
    )
