"""Take the pictures of the studio that the manual shows, with models that are trained for them.

    python tools/shots.py [NAME ...]            # docs/images/studio-NAME.png, all without a name
    python tools/shots.py --look FOLDER [NAME ...]
    python tools/shots.py --runs runs           # with models of trainings that were made before

Starts `recurra studio` on a folder of its own (bench/out/shots), trains a model of every kind
there, each for `--seconds`, and opens the screens in Chromium. Models that are there from an
earlier time are taken again; `--fresh` removes them first. With `--look`, every screen is pictured
whole, light and dark, wide and 360 px narrow, into a folder for a person to look at, and the manual
stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
HOME = ROOT / "bench" / "out" / "shots"
TEXTS = ("tinyshakespeare", "shakespeare")
"""Names of corpora, the best one first."""
KINDS: dict[str, dict[str, Any]] = {
    "text": {"preset": "small", "options": {"sample_temperatures": [0, 0.25, 0.5, 0.75],
                                            "sample_threshold": 0}},
    "series": {"options": {"horizon": 28, "id_column": "shop", "time_column": "day",
                           "target_column": "visitors"}},
    "numbers": {"options": {}},
    "labels": {"options": {}},
    "music": {"options": {}},
}  # fmt: skip


class Studio:
    """A studio on this computer, asked over HTTP."""

    def __init__(self, address: str) -> None:
        self.origin, _, self.token = address.partition("/?token=")

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        body = None if value is None else json.dumps(value).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.origin + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def corpus(self) -> dict[str, Any]:
        """Return a text that is here."""
        ready = [one for one in self.ask("GET", "/api/corpora") if one["ready"]]
        for name in TEXTS:
            for one in ready:
                if name in one["id"]:
                    return dict(one)
        return dict(max(ready, key=lambda one: one["characters"] or 0))

    def model(self, kind: str, seconds: float) -> dict[str, Any]:
        """Return the newest model of a training of a kind; train one where there is none."""
        models = self.ask("GET", "/api/models")
        for one in sorted(models, key=lambda one: str(one["created"]), reverse=True):
            if one["kind"] == kind and one["run"]:
                return dict(one)
        request = {"kind": kind, **KINDS[kind]}
        request["options"] = {**request["options"], "seconds": seconds}
        if kind == "text":
            request["corpus"] = self.corpus()["id"]
        elif kind != "numbers":
            known = self.ask("GET", f"/api/data?kind={kind}")
            request["data"] = next(one["id"] for one in known if one["id"].startswith("example-"))
        made = self.ask("POST", "/api/runs", request)["id"]
        while (run := self.ask("GET", f"/api/runs/{made}"))["status"] == "running":
            time.sleep(1)
        if run["status"] != "finished":
            raise SystemExit(f"the training of {kind} {run['status']}: {run['message']}")
        return self.model(kind, seconds)


@contextmanager
def studio(folder: Path, runs: Path | None) -> Iterator[Studio]:
    """Serve a studio on a folder, with the runs of another one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "recurra", "studio", "--no-open", "--folder", str(folder)]
    if runs:
        command += ["--runs", str(runs)]
    told: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    unheld = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=unheld, **told)
    try:
        said = []
        for line in process.stdout or ():
            said.append(line)
            if found := re.search(r"http://\S+token=\S+", line):
                yield Studio(found[0])
                return
        raise SystemExit(f"the studio did not start:\n{''.join(said)}")
    finally:
        process.terminate()
        process.wait()


@dataclass
class Shot:
    """A screen, how it is brought to show what the manual tells, and the part that is pictured."""

    screen: str
    query: str
    """Of the address; {corpus} is a text, and the names of kinds their models."""
    sign: str
    """A selector of what is there at last."""
    size: tuple[int, int] = (1280, 860)
    act: Callable[[Any], None] | None = None
    part: str | None = None
    """A selector; all that is seen without one."""
    top: str | None = None
    """A selector of what is scrolled to."""


def press(name: str) -> Callable[[Any], None]:
    return lambda page: page.get_by_role("button", name=name, exact=True).first.click()


def write(page: Any) -> None:
    """Write, and wait for what the model expected under each character."""
    press("Write")(page)
    foot = page.locator(".pane footer")
    foot.get_by_text("a second").wait_for()
    foot.get_by_text("looking up").wait_for(state="detached")


def read(page: Any) -> None:
    """Wait until the passage that the address names is read; choose what knows capitals, if any."""
    page.locator(".chips button").first.wait_for(timeout=120_000)
    capitals = page.get_by_role("button", name=re.compile("capital"))
    if capitals.count():
        capitals.first.click()


def step(page: Any) -> None:
    """Stand in a name in capitals, where there is one, and step into one cell."""
    read(page)
    text = page.get_by_label("Text", exact=True).input_value()
    name = re.search(r"\n[A-Z]{4}", text[:600])
    page.locator(".coloured-text").focus()
    page.keyboard.press("Control+Home")
    for _ in range(name.end() - 1 if name else 40):
        page.keyboard.press("ArrowRight")
    page.get_by_role("tab", name="One cell").click()
    for _ in range(2):
        press("Step")(page)


def compose(page: Any) -> None:
    press("Compose")(page)
    page.locator(".sheet svg").first.wait_for()
    press("Look inside")(page)


SHOTS = {
    "corpus": Shot("corpus", "corpus={corpus}", "text=How it begins"),
    "train": Shot("train", "run={run}", ".status:has-text('Finished')"),
    "write": Shot("write", "model={text}&prime=ROMEO:%0A&temperature=0.6&length=300&strip=1&seed=3",
                  ".coloured-text .line", act=write),
    "inside": Shot("inside", "model={text}&length=3000&passage=11", ".reader .line", act=read,
                   top=".reader"),
    "cell": Shot("inside", "model={text}&length=3000&passage=11", "figcaption", act=step,
                 part=".panel"),
    "models": Shot("models", "", "table tbody tr"),
    "forecast": Shot("forecast", "model={series}&training=none", "canvas", (1200, 1180)),
    "sequences": Shot("sequences", "model={numbers}&training=none&numbers=3 6 9 12 15", ".bars li",
                      (1200, 820)),
    "classify": Shot("classify", "model={labels}&training=none&row=4", "svg .moment", (1200, 900)),
    "music": Shot("music", "model={music}&key=G&metre=4/4&bars=8&seed=11",
                  "[aria-roledescription='heat map']", (1280, 1780), act=compose),
}  # fmt: skip


def show(page: Any, origin: str, shot: Shot, ids: dict[str, str]) -> None:
    """Bring a page to what a picture shows."""
    page.goto("about:blank")
    page.goto(f"{origin}/#/{shot.screen}?{shot.query.format(**ids)}")
    page.get_by_role("heading", level=1).wait_for()
    if shot.act:
        shot.act(page)
    page.locator(shot.sign).first.wait_for(timeout=120_000)
    page.wait_for_function("!document.querySelector('[aria-busy=true], .toast')")
    page.evaluate("document.fonts.ready.then(() => undefined)")
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")


def main() -> None:
    """Train what is missing, and take the pictures."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SHOTS))
    parser.add_argument("--look", type=Path, metavar="FOLDER", help="light, dark, wide and narrow")
    parser.add_argument("--seconds", type=float, default=120, help="how long each model learns")
    parser.add_argument("--runs", type=Path, help="a folder of trainings to take models from, too")
    parser.add_argument("--fresh", action="store_true", help="train all models anew")
    asked = parser.parse_args()
    if wrong := set(asked.names) - set(SHOTS):
        parser.error(f"there is no picture of {', '.join(sorted(wrong))}")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("There is no Chromium; on Debian: apt-get install chromium.")
    if asked.fresh:
        shutil.rmtree(HOME, ignore_errors=True)
    with studio(HOME, asked.runs) as served, sync_playwright() as playwright:
        ids = {"corpus": str(served.corpus()["id"])}
        for kind in KINDS:
            print(f"{kind} ...", flush=True)
            model = served.model(kind, asked.seconds)
            ids[kind] = str(model["id"])
            if kind == "text":
                ids["run"] = str(model["run"])
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        looks = [("light", None), ("light", 360), ("dark", None), ("dark", 360)]
        for scheme, width in looks if asked.look else looks[:1]:
            context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
            context.add_init_script("localStorage.setItem('recurra.tour', 'done')")
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.goto(f"{served.origin}/?token={served.token}")
            page.locator("nav").wait_for()
            for name in asked.names or SHOTS:
                shot = SHOTS[name]
                page.set_viewport_size({"width": width or shot.size[0], "height": shot.size[1]})
                show(page, served.origin, shot, ids)
                if asked.look:
                    asked.look.mkdir(parents=True, exist_ok=True)
                    path = asked.look / f"{name}-{scheme}-{width or 'wide'}.png"
                    page.screenshot(path=path, full_page=True)
                else:
                    path = IMAGES / f"studio-{name}.png"
                    if shot.top:
                        page.evaluate("at => document.querySelector(at).scrollIntoView()", shot.top)
                    target = page.locator(shot.part).first if shot.part else page
                    target.screenshot(path=path)
                print(path)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
