"""The server process: a socket, uvicorn on it, and an end that keeps nobody waiting."""

from __future__ import annotations

import gc
import ipaddress
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from recurra.core.errors import ConfigError, ResourceError
from recurra.studio.app import create_app
from recurra.studio.deadlines import Protocol
from recurra.studio.security import Gate
from recurra.studio.settings import StudioOptions
from recurra.studio.studio import Studio

PORT = 8765
TRIES = 20
CONNECTIONS = 1024
"""More at the same time are answered 503."""


def listen(host: str, port: int | None) -> socket.socket:
    """Return a listening socket. Without a port: 8765, or the first one after it that is free.

    Raises: `ResourceError` where the address cannot be had.
    """
    wanted = [port] if port is not None else list(range(PORT, PORT + TRIES))
    reason: OSError | None = None
    for number in wanted:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, number, type=socket.SOCK_STREAM
            )[0]
            found = socket.socket(family, kind, protocol)
        except OSError as error:
            raise ResourceError(f"{host} is no address of this computer ({error}).") from error
        try:
            if os.name == "posix":  # on Windows it would let two servers share a port
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(512)
            return found
        except OSError as error:
            found.close()
            reason = error
    raise ResourceError(
        f"port {wanted[0]} of {host} cannot be had ({reason and reason.strerror}); another studio "
        "may run there. Name another one with --port."
    )


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_host(host: str, allow_remote: bool) -> None:
    """Raise `ConfigError` for an address that others reach, unless that is meant."""
    if is_loopback(host) or allow_remote:
        return
    raise ConfigError(
        f"--host {host} lets every computer that reaches this one use the studio if it has the "
        "token: read and delete what is in it, and start trainings. The connection is not "
        "encrypted, so who listens on the way has the token too. If you mean that, add "
        "--allow-remote; otherwise use an SSH tunnel (ssh -L 8765:localhost:8765).",
        "host",
    )


class Server(uvicorn.Server):
    """uvicorn that tells the streams to end before it waits for them, and says when it is up."""

    def __init__(
        self, config: uvicorn.Config, studio: Studio, ready: Callable[[], None] | None = None
    ) -> None:
        super().__init__(config)
        self.studio = studio
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self.ready is not None:
            self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.studio.closing.set()
        await super().shutdown(sockets)


def make_server(
    folder: Path,
    options: StudioOptions,
    listener: socket.socket,
    *,
    runs: tuple[Path, ...] = (),
    remote: bool = False,
    ready: Callable[[str], None] | None = None,
) -> tuple[Server, str]:
    """Return a server for a studio's folder on a socket, and the address to open, with its token.

    Args:
        runs: folders with runs made elsewhere.
        ready: called with the address once it answers.
    """
    studio = Studio.open(folder, options, runs)
    host, port = listener.getsockname()[:2]
    gate = Gate(studio.home.token(), port, remote)
    shown = host if not ipaddress.ip_address(host).is_unspecified else socket.gethostname()
    shown = f"[{shown}]" if ":" in shown else shown
    address = f"http://{shown}:{port}/?token={gate.token}"
    config = uvicorn.Config(
        create_app(studio, gate),
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        # Bugs are logged by `errors`; that a slow client was left is no news.
        log_level=logging.CRITICAL,
        # The first request's address holds the token, and logs are read by many.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
        limit_concurrency=CONNECTIONS,
        backlog=512,
    )
    tell = None if ready is None else lambda: ready(address)
    return Server(config, studio, tell), address


def serve(server: Server, listener: socket.socket) -> None:
    """Answer until a signal says to stop. Trainings go on."""
    # What is there now stays: no collection has to walk through it (30 ms) while streams wait.
    gc.collect()
    gc.freeze()
    server.run(sockets=[listener])
