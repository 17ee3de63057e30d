"""A studio to talk to: in this process without a socket, or served by uvicorn on one."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recurra.studio.app import create_app
from recurra.studio.security import Gate
from recurra.studio.serve import listen, make_server
from recurra.studio.settings import StudioOptions
from recurra.studio.site_files import Site
from recurra.studio.studio import Studio

TOKEN = "a-token-that-only-these-tests-know-0123456789"
HOST = "127.0.0.1:8765"

TEXT = "".join(
    f'{n} men said "go on, {word}!" to the {other} ({n * 7}).\n'
    for n, (word, other) in enumerate(zip("sun moon star wind rain snow".split() * 40,
                                          "dog cat bird fish horse".split() * 48))
)  # fmt: skip
"""Made up; some 10,000 characters."""

TINY = {
    "sizes": [8], "embedding": 4, "batch_size": 4, "window": 16, "steps": 12, "sample_every": 6,
    "sample_threshold": 0, "sample_length": 20, "validate_every": 6, "log_every": 2,
    "engine": "reference", "validation": 0.1, "test": 0.05,
}  # fmt: skip
"""Settings of a training that is over at once."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Inside:
    """A studio without a socket: requests are handed to the application as the server would."""

    studio: Studio
    app: Any
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        token: bool = True,
        query: str = "",
    ) -> Answer:
        given = {"host": HOST, **(headers or {})}
        if token:
            given["authorization"] = f"Bearer {TOKEN}"
        return self.loop.run_until_complete(self._ask(method, path, body, given, query))

    def send(self, method: str, path: str, value: Any = None, *, query: str = "") -> Answer:
        body = b"" if value is None else json.dumps(value).encode()
        return self.ask(method, path, body, {"content-type": "application/json"}, query=query)

    async def _ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], query: str
    ) -> Answer:
        raw, _, asked = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1", "method": method, "scheme": "http", "path": raw,
            "raw_path": raw.encode("utf-8", "surrogatepass"), "root_path": "",
            "query_string": (query or asked).encode(), "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8765), "state": {},
            "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in headers.items()],
        }  # fmt: skip
        sent: list[Any] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        done = asyncio.Event()

        async def receive() -> Any:
            if waiting:
                return waiting.pop()
            await done.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                done.set()

        await self.app(scope, receive, send)
        found = {n.decode(): v.decode("latin-1") for n, v in sent[0]["headers"]}
        return Answer(sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:]))

    def close(self) -> None:
        self.studio.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


def open_inside(folder: Path, *, site: Path | None = None, **options: Any) -> Inside:
    studio = Studio.open(folder, StudioOptions(**options))
    gate = Gate(TOKEN, 8765)
    return Inside(studio, create_app(studio, gate, Site(site) if site else None))


@dataclass
class Live:
    """A server on a socket, in a thread."""

    studio: Studio
    port: int
    token: str
    server: Any

    def connect(self, timeout: float = 60.0) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def send(self, method: str, path: str, value: Any = None, body: bytes | None = None) -> Answer:
        connection = self.connect()
        headers = self.auth
        if value is not None:
            body, headers = (
                json.dumps(value).encode(),
                headers | {"Content-Type": "application/json"},
            )
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers.items()), response.read())
        finally:
            connection.close()


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Live]:
    """Serve a studio's folder until the block is left."""
    listener = listen("127.0.0.1", 0)
    up = threading.Event()
    server, address = make_server(
        folder, StudioOptions(**options), listener, ready=lambda _: up.set()
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert up.wait(30)
        token = address.partition("token=")[2]
        yield Live(server.studio, listener.getsockname()[1], token, server)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()


def until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for something to become true, and return it; only a guard against waiting for ever."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)
    return found
