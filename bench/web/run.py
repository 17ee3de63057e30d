"""The studio in the browser beside TensorFlow.js and jax-js: one browser session, no GPU.

    python bench/web/run.py [--rounds 3] [--quick]
    python bench/web/run.py --serve    # the page for a person: open its address, with a GPU or not

Recurra is measured through the studio's own place in the browser, checkpoints and events included,
on a page that is cross-origin isolated (threads) and on one that is not (one thread). The peers
come from npm and are bundled; no address but the page's own is asked. There is no GPU in it: what
counts are the CPU backends, of which the fastest that works is the baseline.

- The example: TensorFlow.js's text-generation example (1 x 128, windows of 40 characters, batch
  128, RMSprop 0.01) learns from one loss a window; Recurra from all 40, and, beside that, from one.
- Many to many: two layers of 128, every position has a loss, batches of 64.
- Writing: the example reads a window of 40 for each character that it writes.
- The page: from opening it to the first step; what is loaded (sizes.py); how the Train screen moves
  while a training runs (frames.py).
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import shutil
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from bench.common import Row, _busy_seconds, interleave, print_table, write_json  # noqa: E402
from bench.web import frames, sizes  # noqa: E402
from bench.web.serving import FLAGS, served  # noqa: E402

STUDIO = ROOT / "web" / "studio"
VOCABULARY = 65
EXAMPLE: dict[str, Any] = {"sizes": [128], "embedding": 0, "batch_size": 128, "window": 40}
MANY: dict[str, Any] = {"sizes": [128, 128], "embedding": 0, "batch_size": 64, "window": 64}
JAX_WINDOW = 16
"""It unrolls every step of a window, and compiling 64 of them takes minutes."""
BARS = {
    "example": {"Recurra, 1 thread": 28.0, "Recurra, threads": 45.0},
    "many": {"Recurra, 1 thread": 28.0, "Recurra, threads": 50.0},
    "jax": {"Recurra, 1 thread": 8.0, "Recurra, threads": 15.0},
    "write": {"Recurra": 500.0},
}
"""How many times the peer it is to be."""
ROWS: dict[str, list[Row]] = {}


def text() -> str:
    """Return a text of 65 different characters, the same each time."""
    rng = random.Random(1)
    letters = (string.ascii_letters + string.digits + string.punctuation)[: VOCABULARY - 2]
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(800)]
    lines = [" ".join(rng.choices(words, k=rng.randint(4, 12))) for _ in range(6000)]
    return letters + "\n" + "\n".join(lines)


def build(folder: Path) -> None:
    """Put the studio's site into a folder, and the page of the comparison into bench/ in it."""
    if not (HERE / "node_modules/@tensorflow/tfjs-backend-webgpu").exists():
        install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--quiet"]
        subprocess.run(install, cwd=HERE, check=True, stdout=subprocess.DEVNULL)
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([sys.executable, str(STUDIO / "build.py"), str(folder)], **quiet)
    vite = STUDIO / "node_modules" / "vite" / "bin" / "vite.js"
    config = HERE / "vite.config.mjs"
    environment = {**os.environ, "RECURRA_SITE": str(folder / "bench")}
    command = ["node", str(vite), "build", "--logLevel", "error", "--config", str(config)]
    subprocess.run(command, env=environment, cwd=STUDIO, **quiet)
    wasm = HERE / "node_modules/@tensorflow/tfjs-backend-wasm/dist"
    (folder / "bench" / "tfjs").mkdir()
    for module in wasm.glob("*.wasm"):
        shutil.copy(module, folder / "bench" / "tfjs")


def opened(context: Any, origin: str) -> Any:
    """Open the page of the comparison."""
    page = context.new_page()
    page.set_default_timeout(0)
    page.goto(f"{origin}/bench/index.html")
    page.wait_for_function("window.bench !== undefined")
    return page


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


def section(
    name: str,
    title: str,
    unit: str,
    rounds: int,
    contestants: list[tuple[str, Callable[[], float]]],
) -> list[Row]:
    """Measure, print a table with the best peer as the baseline, and compare with the bars."""
    watched = [(label, Watched(measure)) for label, measure in contestants]
    rows = interleave(watched, unit, rounds)
    for row, (_, one) in zip(rows, watched, strict=True):
        row.foreign = one.foreign
    ROWS[title] = rows
    best = _best(rows, "tfjs")
    if best is None:
        print(f"\n{title}: no backend of TensorFlow.js works here.")
        return rows
    print_table(f"{title} (no GPU)", rows, best.name)
    _judge(rows, best, BARS.get(name, {}))
    if jax := _best(rows, "jax"):
        _judge(rows, jax, BARS["jax"])
    return rows


def _best(rows: list[Row], peer: str) -> Row | None:
    found = [row for row in rows if row.name.startswith(peer) and row.values and not row.error]
    return max(found, key=lambda row: row.median, default=None)


def _judge(rows: list[Row], peer: Row, bars: dict[str, float]) -> None:
    for row in rows:
        bar = bars.get(row.name)
        if bar is None or row.error or not row.values:
            continue
        ratio = row.median / peer.median
        verdict = "reached" if ratio >= bar else "NOT reached"
        print(f"  {row.name}: {ratio:.1f} x {peer.name}, bar {bar:g} {verdict}")


def ours(page: Any, call: str, *given: Any) -> float:
    return float(page.evaluate("([c, g]) => window.bench.ours[c](...g)", [call, list(given)]))


def theirs(page: Any, call: str, backend: str, *given: Any) -> float:
    return float(
        page.evaluate(
            "async ([c, b, g]) => { const t = await window.bench.theirs(); "
            "await t.useBackend(b, 2); return t[c](...g); }",
            [call, backend, list(given)],
        )
    )


def jax(page: Any, compiled: dict[str, float], steps: int) -> float:
    found = page.evaluate(
        "async g => (await window.bench.jax()).train(...g)",
        [MANY["sizes"], VOCABULARY, MANY["batch_size"], JAX_WINDOW, steps],
    )
    compiled["jax-js"] = found["compile_s"]
    return float(found["rate"])


def compare(one: Any, several: Any, corpus: str, rounds: int, seconds: float) -> None:
    """Measure training and writing."""
    trained = (("Recurra, 1 thread", one), ("Recurra, threads", several))
    rmsprop = {**EXAMPLE, "optimiser": "rmsprop", "learning_rate": 0.01}
    size, window = EXAMPLE["batch_size"], EXAMPLE["window"]

    def windows(page: Any, **more: Any) -> float:
        return size * ours(page, "train", corpus, {**rmsprop, **more}, seconds)

    rows: list[tuple[str, Callable[[], float]]] = []
    rows += [(name, functools.partial(windows, page)) for name, page in trained]
    rows += [
        (f"{name}, one loss", functools.partial(windows, page, objective="last", stride=3))
        for name, page in trained
    ]
    rows += [
        (f"tfjs 4.22, {backend}",
         functools.partial(theirs, one, "trainExample", backend, 128, VOCABULARY, size, window, 1))
        for backend in ("wasm", "cpu")
    ]  # fmt: skip
    title = "The example, 1x128, windows of 40, batch 128"
    section("example", title, "windows a second", rounds, rows)

    batch, length = MANY["batch_size"], MANY["window"]
    positions = batch * length

    def many(page: Any) -> float:
        return positions * ours(page, "train", corpus, {**MANY, "learning_rate": 1e-3}, seconds)

    compiled: dict[str, float] = {}
    rows = [(name, functools.partial(many, page)) for name, page in trained]
    rows += [
        (f"tfjs 4.22, {backend}",
         functools.partial(theirs, one, "train", backend, MANY["sizes"], VOCABULARY, batch, length,
                           1))
        for backend in ("wasm", "cpu")
    ]  # fmt: skip
    rows.append(("jax-js 0.1.25, wasm", functools.partial(jax, several, compiled, 2)))
    section("many", "Many to many, 2x128, batch 64", "characters a second", rounds, rows)
    if compiled:
        print(
            f"  jax-js compiled for {compiled['jax-js']:.1f} s before that, windows of {JAX_WINDOW}"
        )

    write = functools.partial(ours, several, "generate", corpus, EXAMPLE, int(10_000 * seconds))
    rows = [("Recurra", write)]
    rows += [
        (f"tfjs 4.22, {backend}",
         functools.partial(theirs, one, "generateExample", backend, 128, VOCABULARY, window, 40))
        for backend in ("wasm", "cpu")
    ]  # fmt: skip
    section("write", "Writing, 1x128, one text", "characters a second", rounds, rows)


def page_facts(browser: Any, origin: str, corpus: str, rounds: int) -> None:
    """Measure how long the page takes to its first step."""
    seconds = []
    for _ in range(max(3, rounds)):
        fresh = browser.new_context()
        page = opened(fresh, origin)
        seconds.append(ours(page, "firstStep", corpus[:200_000], {}))
        fresh.close()
    found = sorted(seconds)
    middle, verdict = (
        found[len(found) // 2],
        "reached" if found[len(found) // 2] <= 1 else "NOT reached",
    )
    print(f"\nFrom opening the page to the first step, 'tiny' on a pasted text: {middle:.2f} s "
          f"({found[0]:.2f} to {found[-1]:.2f}), bar 1 {verdict}")  # fmt: skip


def serve() -> None:
    """Serve the page of the comparison for a person's own browser, until interrupted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "site"
        build(folder)
        with served(folder) as origin, suppress(KeyboardInterrupt):
            print(f"Open {origin}/bench/index.html and press Start; Ctrl-C ends it.", flush=True)
            threading.Event().wait()


def main() -> None:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, less of everything")
    parser.add_argument(
        "--serve", action="store_true", help="serve the page for a person to open, until Ctrl-C"
    )
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    rounds, seconds = (1, 2.0) if options.quick else (options.rounds, 4.0)
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("There is no Chromium; on Debian: apt-get install chromium.")
    corpus = text()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name) / "site"
        build(folder)
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        with served(folder, isolated=False) as plain, served(folder) as isolated:
            context = browser.new_context(service_workers="block")
            one, several = opened(context, plain), opened(context, isolated)
            print(f"Chromium {browser.version}, no GPU, {os.cpu_count()} processors")
            for page in (one, several):
                print(f"  {page.evaluate('window.bench.ours.engine()')}")
            compare(one, several, corpus, rounds, seconds)
            context.close()
            page_facts(browser, isolated, corpus, rounds)
        sizes.report(browser, folder)
        moved = frames.report(browser, folder, 10 if options.quick else 20, corpus)
        browser.close()
    print(f"\n{write_json('web', ROWS, lists=moved)}")


if __name__ == "__main__":
    main()
