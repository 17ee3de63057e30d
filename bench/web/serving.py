"""A folder served to the browser, and the switches that the browser is started with."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@contextmanager
def served(folder: Path, asked: list[str] | None = None, *, isolated: bool = True) -> Iterator[str]:
    """Serve a folder and yield its address.

    Args:
        asked: which scripts and modules are asked for is noted here.
        isolated: let the page have threads.
    """

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            if isolated:
                self.send_header("Cross-Origin-Opener-Policy", "same-origin")
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, *args: Any) -> None:
            path = Path(self.path.partition("?")[0])
            if asked is not None and path.suffix in (".js", ".wasm"):
                asked.append(path.name)

    made = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
