"""How the Train screen moves while a training runs at full speed in the browser.

    python bench/web/frames.py [SITE] [--seconds 20]

The built site (default: the one that the package serves) is used as by a person: a text is brought,
the preset "small" starts, with as many threads as it takes, and its screen stays open. Measured
are the times between two frames (requestAnimationFrame), tasks of the main thread over 50 ms, and
what shifts by itself (layout-shift entries without recent input), from the press of Start on for
the beginning and then for the rest, wide and narrow. There is no GPU in it. Needs Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bench.common import print_plain, write_json  # noqa: E402
from bench.web.serving import FLAGS, served  # noqa: E402
from bench.web.sizes import SITE, bring  # noqa: E402

TITLE = "The Train screen while a training runs in the browser"
WIDTHS = {"wide": (1280, 900), "narrow": (390, 844)}
BEGINNING_S = 5
PASTED = 50_000
"""Characters of the text; a driver types more of them too slowly."""
WATCH = """
const fresh = () => (window.seen = { frames: [], tasks: [], shifts: [] });
fresh();
window.afresh = () => { const found = window.seen; fresh(); return found; };
const observe = (type, hear) =>
  new PerformanceObserver((list) => list.getEntries().forEach(hear)).observe({ type });
observe("longtask", ({ duration }) => seen.tasks.push(duration));
observe("layout-shift", (one) => {
  if (!one.hadRecentInput) seen.shifts.push({
    value: one.value,
    what: one.sources.map(({ node }) => (node?.outerHTML ?? node?.data ?? "").slice(0, 120)),
  });
});
let last = 0;
requestAnimationFrame(function tick(now) {
  if (last) seen.frames.push(now - last);
  last = now;
  requestAnimationFrame(tick);
});
"""


def measure(browser: Any, site: Path, seconds: float, text: str) -> list[dict[str, Any]]:
    """Return a record for the beginning and one for the rest of a training, wide and narrow."""
    rows = []
    with served(site) as origin:
        for name, (width, height) in WIDTHS.items():
            context = browser.new_context(viewport={"width": width, "height": height})
            context.add_init_script("localStorage.setItem('recurra.tour', 'done')")
            page = context.new_page()
            page.set_default_timeout(60_000)
            bring(page, origin, text[:PASTED])
            page.get_by_role("link", name="Train on this text").click()
            start = page.get_by_role("button", name="Start training")
            start.wait_for()
            page.evaluate(WATCH)
            start.click()
            for part, span in (("beginning", BEGINNING_S), ("later", seconds)):
                page.wait_for_timeout(1000 * span)
                rows.append(_record(f"{name}, {part}", page.evaluate("afresh()")))
            status = page.locator(".status").inner_text()
            assert "Training" in status or "Running" in status, status
            page.get_by_role("button", name="Stop").click()
            context.close()
    return rows


def _record(name: str, seen: dict[str, Any]) -> dict[str, Any]:
    frames = sorted(seen["frames"])
    for shift in seen["shifts"]:
        print(f"  shifted in {name}: {shift['value']:.4f} {shift['what']}")
    return {
        "Train screen": name,
        "frames": len(frames),
        "median ms": round(statistics.median(frames), 1),
        "95 % below ms": round(frames[int(0.95 * (len(frames) - 1))], 1),
        "longest ms": round(frames[-1], 1),
        "tasks over 50 ms": len(seen["tasks"]),
        "longest task ms": round(max(seen["tasks"], default=0.0), 1),
        "layout shift": round(sum(shift["value"] for shift in seen["shifts"]), 4),
    }


def report(browser: Any, site: Path, seconds: float, text: str) -> dict[str, list[dict[str, Any]]]:
    """Measure and print."""
    rows = measure(browser, site, seconds, text)
    print_plain(TITLE, rows)
    return {TITLE: rows}


def main() -> None:
    """Measure the built site."""
    from bench.web.run import text
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("site", nargs="?", type=Path, default=SITE)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("There is no Chromium; on Debian: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        lists = report(browser, asked.site, asked.seconds, text())
        browser.close()
    write_json("web", {}, lists=lists, keep=True)


if __name__ == "__main__":
    main()
