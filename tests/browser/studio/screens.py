"""What the tests of the Write and Inside screens share: a served studio with a small model in it.

The screens are used as a person uses them, in a real Chromium, on the site as it is built.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import os
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from playwright.sync_api import expect

import recurra
from recurra.studio import serve
from recurra.studio.app import create_app
from recurra.tasks.text.training import train
from tests.browser.conftest import one_at_a_time
from tests.studio.serving import TEXT, Live, serving

ROOT = Path(__file__).parents[3]
STUDIO = ROOT / "web" / "studio"
PATIENCE_MS = 60_000
"""Only a guard against waiting for ever, on a machine that is busy with something else."""

expect.set_options(timeout=PATIENCE_MS)

MARKUP = '<b>"sun"</b><img src=x onerror=alert(1)>'
WORDS = "".join(line + (f"{MARKUP}\n" if n % 10 == 0 else "")
                for n, line in enumerate(TEXT.splitlines(keepends=True)))  # fmt: skip
"""Made up; some 12,000 characters, with markup that the model learns to write."""


@dataclass
class Desk:
    """A studio on a socket with one corpus and one model of it."""

    live: Live
    model: Any
    """The same model in Python."""
    model_id: str

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.live.port}"

    def address(self, screen: str, query: str = "") -> str:
        return f"{self.origin}/#/{screen}{query and '?' + query}"


@pytest.fixture(scope="session")
def built() -> None:
    """The front end, built from its sources as they are."""
    spec = importlib.util.spec_from_file_location("studio_build", STUDIO / "build.py")
    assert spec is not None
    assert spec.loader is not None
    tools = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tools)
    with one_at_a_time():
        if not tools.is_current():
            tools.build()


@functools.cache
def learned() -> bytes:
    """The model of `WORDS`, as a file holds it."""
    with tempfile.TemporaryDirectory() as folder:
        text, file = Path(folder, "men.txt"), Path(folder, "men.safetensors")
        text.write_text(WORDS)
        model = train(
            str(text), sizes=(40, 24), embedding=8, batch_size=8, window=64, steps=600,
            learning_rate=0.01, dropout=0.0, sample_every=0, precision="float32", seed=1,
        )  # fmt: skip
        model.save(file)
        return file.read_bytes()


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Desk]:
    """A studio of its own for each file of tests that asks for it."""
    folder = tmp_path_factory.mktemp("desk")
    data = learned()
    (folder / "men.safetensors").write_bytes(data)
    with patch.object(serve, "create_app", late), serving(folder / "home") as live:
        live.send("POST", "/api/corpora?name=men.txt", body=WORDS.encode())
        made = live.send("POST", "/api/models?name=men", body=data).json()
        yield Desk(live, recurra.load(folder / "men.safetensors"), made["id"])


SLOWER = float(os.environ.get("RECURRA_SLOWER", "1"))
"""How many times slower pages are made, to find tests that wait for the wrong thing."""


LATE_S = float(os.environ.get("RECURRA_LATE", "0"))
"""Up to how late the server answers, at random, to find pages that lose what comes meanwhile."""


def late(*args: Any) -> Any:
    """Make the studio's application, as late as RECURRA_LATE says."""
    app = create_app(*args)
    if not LATE_S:
        return app
    chance = random.Random(LATE_S)

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(chance.uniform(0, LATE_S))
        await app(scope, receive, send)

    return wait


def slow_down(page: Any) -> None:
    """Make a page as slow as RECURRA_SLOWER says."""
    if SLOWER > 1:
        devtools = page.context.new_cdp_session(page)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})


def address(page: Any) -> str:
    """Return the address as the page has it now; the driver hears of a change a moment later."""
    return str(page.evaluate("location.href"))


@pytest.fixture
def page(browser: Any, desk: Desk) -> Iterator[Any]:
    """A page that fails the test for any error in its console."""
    # Every test is a first visit, at which a service worker would fetch the whole site.
    opened = browser.new_page(
        viewport={"width": 1280, "height": 900}, reduced_motion="reduce", service_workers="block"
    )
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    # What the server refuses, the page says in a banner; the browser notes it here as well.
    opened.on(
        "console",
        lambda m: m.type == "error" and "status of 4" not in m.text and wrong.append(m.text),
    )
    # A first visitor's tour would lie over the page.
    opened.add_init_script("try { localStorage.setItem('recurra.tour', 'done') } catch {}")
    opened.set_default_timeout(PATIENCE_MS)
    slow_down(opened)
    # The first visit leaves the token's cookie.
    opened.goto(f"{desk.origin}/?token={desk.live.token}")
    # It leads on to the app by itself.
    opened.locator("nav").wait_for()
    opened.wait_for_url(lambda url: "token" not in url)
    opened.wait_for_selector("nav")
    yield opened
    opened.close()
    assert not wrong, wrong


AXE = (STUDIO / "node_modules" / "axe-core" / "axe.min.js").read_text
EVERY_RULE = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
COLOUR_RULES = ("color-contrast", "link-in-text-block")
"""What can change between the themes, whose elements are the same."""


def check_access(page: Any, where: str = "", rules: tuple[str, ...] = EVERY_RULE) -> None:
    """Hold the page to WCAG 2.2 AA, as far as axe can tell, or to some of its rules."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE())
    # Colours on their way from one to another are neither.
    page.evaluate(
        """() => document.getAnimations().forEach((one) => {
            if (Number.isFinite(one.effect.getComputedTiming().endTime)) one.finish();
        })"""
    )
    found = page.evaluate(
        # Only of what is wrong the selectors are worked out, which takes longest.
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})",
        list(rules),
    )
    wrong = [
        (
            one["id"],
            one["help"],
            [(node["html"][:160], node.get("failureSummary")) for node in one["nodes"][:3]],
        )
        for one in found["violations"]
    ]
    assert not wrong, (where, wrong)


def check_both(page: Any, where: str, first: str = "light") -> Iterator[str]:
    """Hold the page to every rule in one theme and to those of colours in the other.

    Yields the name of each theme once the page has passed in it.
    """
    for scheme in sorted(("dark", "light"), key=lambda scheme: scheme != first):
        page.emulate_media(color_scheme=scheme)
        # The page hears of it in its own time, which must not be in the middle of the check.
        page.wait_for_function(
            "scheme => document.documentElement.dataset.theme === scheme", arg=scheme
        )
        rules = EVERY_RULE if scheme == first else COLOUR_RULES
        check_access(page, f"{where}, {scheme}", rules)
        yield scheme


def settle(page: Any) -> None:
    """Wait until nothing in the page has changed for a moment."""
    page.evaluate(
        """() => new Promise((done) => {
            const MOMENT_MS = 100;
            const end = () => { seen.disconnect(); done(); };
            const seen = new MutationObserver(() => {
                clearTimeout(timer);
                timer = setTimeout(end, MOMENT_MS);
            });
            let timer = setTimeout(end, MOMENT_MS);
            const all = { subtree: true, childList: true, attributes: true, characterData: true };
            seen.observe(document, all);
        })"""
    )
