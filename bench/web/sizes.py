"""What a person fetches who brings a text, trains and writes: JavaScript and WebAssembly, packed.

    python bench/web/sizes.py [SITE]

Serves a built site (default: the one that the package serves) without a studio behind it, and uses
it as a first visitor does: opens the page, pastes a text, trains on it, writes with the model; then
looks inside it and opens the list of models. The server notes what is asked for in each step. What
the service worker keeps for later, unasked, is not counted. Needs Chromium, and Node for brotli.
"""

from __future__ import annotations

import functools
import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bench.common import print_plain, write_json  # noqa: E402
from bench.web.serving import FLAGS, served  # noqa: E402

SITE = ROOT / "src" / "recurra" / "studio" / "site"
BAR = 110_000
LAST = "Write: a text is written"
"""The step with which the text is brought, learned and written with."""
FILES, STEPS = "What a first training and writing fetch", "Fetched by each step of a first visit"
LINE = "the rain in spain stays mainly in the plain while every good boy deserves fruit\n"
_BROTLI = (
    "const z = require('zlib'), fs = require('fs');"
    "console.log(JSON.stringify(process.argv.slice(1).map(path => z.brotliCompressSync("
    "fs.readFileSync(path), { params: { [z.constants.BROTLI_PARAM_QUALITY]: 11,"
    " [z.constants.BROTLI_PARAM_LGWIN]: 22 } }).length)))"
)
SIZES = ("bytes", "gzip", "brotli")


def measure(browser: Any, site: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a record for each file of the first training, and one for each step of the visit."""
    steps = visit(browser, site)
    names = list(dict.fromkeys(name for found in steps.values() for name in found))
    files = dict(zip(names, _weigh([site / "assets" / name for name in names]), strict=True))

    def total(found: Any) -> dict[str, int]:
        return {size: sum(files[name][size] for name in found) for size in SIZES}

    rows, met, counted = [], [], []
    for step, found in steps.items():
        met += found
        so_far = total(met)["brotli"]
        rows.append({"step": step, "files": len(found), **total(found), "brotli so far": so_far})
        if step == LAST:
            counted = list(met)
    plain = functools.partial(re.compile(r"-[\w-]{8}(?=\.\w+$)").sub, "")
    kinds = sorted(counted, key=lambda name: -files[name]["brotli"])
    table = [{"file": plain(name), **files[name]} for name in kinds]
    return [*table, {"file": "all", **total(counted)}], rows


def _weigh(files: list[Path]) -> Iterator[dict[str, int]]:
    command = ["node", "-e", _BROTLI, *map(str, files)]
    packed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for path, brotli in zip(files, packed, strict=True):
        content = path.read_bytes()
        yield {"bytes": len(content), "gzip": len(gzip.compress(content, 9)), "brotli": brotli}


def visit(browser: Any, site: Path) -> dict[str, list[str]]:
    """Use the site as a first visitor does; return what each step asks for that none did before."""
    asked: list[str] = []
    steps: dict[str, list[str]] = {}
    context = browser.new_context(service_workers="block", viewport={"width": 1280, "height": 900})
    with served(site, asked) as origin:
        page = context.new_page()
        page.set_default_timeout(30_000)

        def done(step: str) -> None:
            page.wait_for_load_state("networkidle")
            known = {name for found in steps.values() for name in found}
            steps[step] = [name for name in dict.fromkeys(asked) if name not in known]

        bring(page, origin, LINE * 400, lambda: done("Corpus: opened"))
        done("Corpus: a text is brought")
        page.get_by_role("link", name="Train on this text").click()
        page.get_by_role("button", name="Start training").wait_for()
        done("Train: opened")
        page.get_by_role("radio", name="Tiny").check()
        page.get_by_role("tab", name="Steps", exact=True).click()
        page.get_by_role("spinbutton", name="Steps").fill("120")
        page.get_by_role("button", name="Start training").click()
        page.locator(".status", has_text="Finished").wait_for()
        page.locator(".plot canvas").wait_for()
        page.get_by_label("Sample at temperature 0", exact=True).wait_for()
        done("Train: a model is trained")
        page.get_by_role("link", name="Write with it").click()
        page.get_by_role("button", name="Write", exact=True).wait_for()
        done("Write: opened")
        page.get_by_label("Beginning").fill("the rain")
        page.get_by_role("button", name="Write", exact=True).click()
        page.get_by_text("a second").wait_for()
        done(LAST)
        page.get_by_role("button", name="Look inside").click()
        page.wait_for_selector(".reader .line")
        page.wait_for_selector("tbody .unit")
        done("Inside: a text is read")
        page.get_by_role("link", name="Models").click()
        page.get_by_role("button", name=re.compile("^Rename")).first.wait_for()
        done("Models: opened")
    context.close()
    return steps


def bring(page: Any, origin: str, text: str, opened: Callable[[], None] = lambda: None) -> None:
    """Open the site and paste a text; `opened` is called in between."""
    page.goto(f"{origin}/index.html")
    page.get_by_text("Choose a text, or bring your own").wait_for()
    opened()
    page.get_by_role("button", name="Paste text").first.click()
    page.get_by_role("textbox", name="Text").fill(text)
    page.get_by_role("button", name="Take this text").click()
    page.get_by_text("How it begins").wait_for()


def report(browser: Any, site: Path) -> dict[str, list[dict[str, Any]]]:
    """Measure, print, and say whether the bar is reached."""
    files, steps = measure(browser, site)
    print_plain(f"{FILES}, bytes", files)
    print_plain(f"{STEPS}, bytes", steps)
    for how in ("gzip", "brotli"):
        verdict = "reached" if files[-1][how] <= BAR else "NOT reached"
        print(f"  JavaScript and WebAssembly, {how}: {files[-1][how]:,}, bar {BAR:,} {verdict}")
    return {FILES: files, STEPS: steps}


def main() -> None:
    """Measure the built site."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("There is no Chromium; on Debian: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        lists = report(browser, Path(sys.argv[1]) if len(sys.argv) > 1 else SITE)
        browser.close()
    write_json("web_sizes", {}, lists=lists)


if __name__ == "__main__":
    main()
