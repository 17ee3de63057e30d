"""Builds the kernel's modules and scripts, serves them, and opens a real browser on them.

It takes Node with npm and Chromium, from the system's packages, and says so where they are missing:
on Debian, `apt-get install chromium nodejs npm`.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import golden

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web" / "kernel"
KERNEL = ROOT / "src" / "recurra" / "kernel"
GENERATED = ROOT / "web" / "studio" / "src" / "generated"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def program(*names: str) -> str:
    """Return the path of the first of these programs, or fail with what to install."""
    for name in (os.environ.get("RECURRA_CHROMIUM", "") if names == CHROMIUM else "", *names):
        if name and (found := shutil.which(name)):
            return found
    pytest.fail(
        f"the browser tests need {names[0]}, which is not installed; on Debian and Ubuntu: "
        "apt-get install chromium nodejs npm (or leave them out: pytest --ignore tests/browser).",
        pytrace=False,
    )


def run(*command: str, timeout: float = 240, cwd: Path | None = None, **variables: str) -> str:
    """Run a program and return what it printed; a failure shows all of it."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=timeout,
        env={**os.environ, **variables},
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep other processes with tests from installing or building the same in the same place."""
    with Path(__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def node() -> str:
    """Node, told to know fused multiply-add of vectors where it does not yet by itself."""
    return program("node", "nodejs")


@pytest.fixture(scope="session")
def packages(node: str) -> Path:
    """The front end's own tools, in the versions that package.json names."""
    tools = WEB / "node_modules" / ".bin"
    with one_at_a_time():
        if not all((tools / name).exists() for name in ("esbuild", "prettier", "tsc")):
            npm = program("npm")
            run(npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--quiet", cwd=WEB)
    return tools


@pytest.fixture(scope="session")
def modules() -> list[Path]:
    """The kernel's modules that the studio's site takes, compiled from the sources as they are."""
    script = KERNEL / "build_wasm.py"
    found = [GENERATED / f"recurra-{name}.wasm" for name in ("simd", "relaxed", "threads")]
    newest = max(path.stat().st_mtime for path in (script, *KERNEL.glob("**/*.[ch]")))
    with one_at_a_time():
        if not all(path.exists() and path.stat().st_mtime >= newest for path in found):
            run(sys.executable, str(script), str(GENERATED))
    return found


@pytest.fixture(scope="session")
def dist(
    tmp_path_factory: pytest.TempPathFactory, packages: Path, modules: list[Path], node: str
) -> Path:
    """The modules, the scripts as the sources are, and the golden cases."""
    folder = tmp_path_factory.mktemp("dist")
    for module in modules:
        shutil.copy(module, folder)
    run(node, str(WEB / "build.mjs"), "--no-wasm", "--tests", str(folder))
    (folder / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>Kernel</title>'
        '<script type="module" src="page.js"></script>'
    )
    assert golden.write(folder / "golden.json") > 0
    return folder


class _Handler(http.server.SimpleHTTPRequestHandler):
    isolated = True

    def end_headers(self) -> None:
        if self.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class _Plain(_Handler):
    isolated = False


@pytest.fixture(scope="session")
def serve(dist: Path) -> Iterator[Callable[[bool], str]]:
    """Return the address of the folder, on a page that is cross-origin isolated or is not."""
    servers = []

    def start(isolated: bool) -> str:
        handler = functools.partial(_Handler if isolated else _Plain, directory=str(dist))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}/index.html"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = program(*CHROMIUM)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, headless=True, args=list(ARGUMENTS)
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def page(browser: Any, serve: Callable[[bool], str]) -> Iterator[Any]:
    """A cross-origin isolated page with `window.recurra` of web/kernel/tests/page.ts."""
    opened = browser.new_page()
    opened.goto(serve(True))
    opened.wait_for_function("window.recurra !== undefined")
    yield opened
    opened.close()
