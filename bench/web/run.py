"""The kernel in the browser beside TensorFlow.js: training and generation, one browser session.

    python bench/web/run.py [--rounds 3] [--quick]

Both compute the same many-to-many network (two layers of 128, one-hot input of 65 characters,
softmax over them, Adam) on batches of 64 sequences of 64 characters, in one page of one Chromium,
in turns. TensorFlow.js comes from npm and is bundled; no address but the page's own is asked. There
is no GPU in it: what counts are the CPU backends, of which the fastest is the baseline.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from bench.common import _busy_seconds, interleave, print_table, write_json  # noqa: E402

KERNEL = HERE.parents[1] / "web" / "kernel"
NETWORK = {"sizes": [128, 128], "batch": 64, "window": 64, "vocabulary": 65}
CONTESTANTS = (("simd", 1), ("relaxed", 1), ("threads", 2))
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
BARS = {"relaxed, 1 thread": 28.0, "threads, 2 threads": 50.0}
"""How many times the baseline training is to be."""


def build(folder: Path) -> None:
    """Bundle everything into a folder."""
    for place in (KERNEL, HERE):
        if not (place / "node_modules").exists():
            install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--quiet"]
            subprocess.run(install, cwd=place, check=True, stdout=subprocess.DEVNULL)
    python = {**os.environ, "RECURRA_PYTHON": sys.executable}
    subprocess.run(["node", str(KERNEL / "build.mjs"), str(folder)], check=True, env=python,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    bundle = [str(HERE / "node_modules/.bin/esbuild"), str(HERE / "page.ts"),
              str(HERE / "ours.worker.ts"), "--bundle", "--format=esm", "--minify",
              "--target=es2022", "--log-level=error", f"--outdir={folder}"]  # fmt: skip
    subprocess.run(bundle, check=True)
    (folder / "tfjs").mkdir()
    wasm = HERE / "node_modules/@tensorflow/tfjs-backend-wasm/dist"
    for module in wasm.glob("*.wasm"):
        shutil.copy(module, folder / "tfjs")
    page = '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>'
    (folder / "index.html").write_text(page)


class _Isolated(http.server.SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def opened(folder: Path) -> Iterator[Any]:
    """Serve the folder and open its page in Chromium."""
    from playwright.sync_api import sync_playwright

    handler = functools.partial(_Isolated, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("There is no Chromium; on Debian: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        print(f"Chromium {browser.version}, no GPU", file=sys.stderr)
        page = browser.new_page()
        page.set_default_timeout(0)
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html")
        page.wait_for_function("window.bench !== undefined")
        yield page
        browser.close()
    server.shutdown()


def tree_seconds() -> float:
    """Return the CPU seconds of this process and of all that it started, the browser's included."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        number = int(stat.parent.name)
        parents[number] = int(fields[1])
        seconds[number] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    own, grown = {os.getpid()}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in own} - own
        own, grown = own | more, bool(more)
    return sum(seconds.get(number, 0.0) for number in own)


class Watched:
    """A measurement that also notes the cores that processes other than the browser kept busy."""

    def __init__(self, measure: Callable[[], float]) -> None:
        self.measure = measure
        self.foreign: list[float] = []

    def __call__(self) -> float:
        busy, own, clock = _busy_seconds(), tree_seconds(), time.perf_counter()
        rate = self.measure()
        used = tree_seconds() - own
        elapsed = time.perf_counter() - clock
        self.foreign.append(max(0.0, _busy_seconds() - busy - used) / elapsed)
        return rate


def ours(page: Any, module: str, threads: int, what: str, seconds: float, **change: Any) -> float:
    ask = {**NETWORK, "module": module, "threads": threads, "what": what, "seconds": seconds}
    return float(page.evaluate("ask => window.bench.ours(ask)", {**ask, **change}))


def theirs(page: Any, what: str, backend: str, amount: int, threads: int = 2) -> float:
    sizes, vocabulary = NETWORK["sizes"], NETWORK["vocabulary"]
    page.evaluate("([b, t]) => window.bench.theirs.useBackend(b, t)", [backend, threads])
    given = [sizes, vocabulary, amount]
    if what == "train":
        given = [sizes, vocabulary, NETWORK["batch"], NETWORK["window"], amount]
    return float(page.evaluate("([w, g]) => window.bench.theirs[w](...g)", [what, given]))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, less of everything")
    options = parser.parse_args()
    rounds, seconds = (1, 2.0) if options.quick else (options.rounds, 4.0)
    with tempfile.TemporaryDirectory() as name:
        build(Path(name))
        with opened(Path(name)) as page:
            sections = {}
            for what, amount in (("train", 1), ("generate", 60)):
                contestants = [
                    (f"{module}, {threads} thread{'s' * (threads > 1)}",
                     functools.partial(ours, page, module, threads, what, seconds))
                    for module, threads in CONTESTANTS
                ]  # fmt: skip
                contestants += [
                    (f"tfjs 4.22, {backend}",
                     functools.partial(theirs, page, what, backend, amount))
                    for backend in ("wasm", "cpu")
                ]  # fmt: skip
                watched = [(name, Watched(measure)) for name, measure in contestants]
                rows = interleave(watched, "characters a second", rounds)
                for row, (_, one) in zip(rows, watched, strict=True):
                    row.foreign = one.foreign
                best = max((row for row in rows if row.name.startswith("tfjs") and row.values),
                           key=lambda row: row.median)  # fmt: skip
                title = {"train": "Training, 2x128, batch 64, window 64",
                         "generate": "Generation, 2x128, one sequence"}[what]  # fmt: skip
                print_table(title, rows, best.name)
                sections[title] = rows
                if what == "train":
                    for row in rows:
                        if bar := BARS.get(row.name):
                            ratio = row.median / best.median
                            verdict = "reached" if ratio >= bar else "NOT reached"
                            print(f"  {row.name}: {ratio:.1f} x {best.name}, bar {bar:g} {verdict}")
            print(f"\n{write_json('web', sections)}")


if __name__ == "__main__":
    main()
