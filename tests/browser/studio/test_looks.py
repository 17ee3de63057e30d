"""Every screen, light and dark, wide and narrow: accessible, and never wider than the window.

With RECURRA_SHOTS set to a folder, a picture of each is left there for a person to look at.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.studio.screens import Desk, built, check_both, desk, settle

__all__ = ["built", "desk"]  # fixtures

WIDTHS = {"wide": (1440, 900), "narrow": (360, 740)}
SHOTS = os.environ.get("RECURRA_SHOTS")


@pytest.fixture(scope="module")
def run_id(desk: Desk) -> str:
    """A training that has ended, with curves and samples."""
    corpus = desk.live.send("GET", "/api/corpora").json()[0]["id"]
    options = {
        "sizes": [24], "batch_size": 8, "window": 32, "steps": 120, "learning_rate": 0.02,
        "sample_every": 40, "sample_threshold": 0, "sample_length": 120, "log_every": 4,
        "sample_temperatures": [0, 0.25, 0.5, 0.75], "validate_every": 40,
    }  # fmt: skip
    made = desk.live.send("POST", "/api/runs", {"corpus": corpus, "options": options}).json()
    return str(made["id"])


@pytest.mark.parametrize("width", WIDTHS)
def test_every_screen(browser: Any, desk: Desk, run_id: str, width: str) -> None:
    size = {"width": WIDTHS[width][0], "height": WIDTHS[width][1]}
    # Each theme is held to every rule in one of the widths.
    first = "light" if width == "wide" else "dark"
    context = browser.new_context(
        viewport=size, color_scheme=first, reduced_motion="reduce", service_workers="block"
    )
    context.add_init_script("localStorage.setItem('recurra.tour', 'done')")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{desk.origin}/?token={desk.live.token}")
    page.locator("nav").wait_for()
    corpus = desk.live.send("GET", "/api/corpora").json()[0]["id"]
    screens = {
        "corpus": ("corpus", f"corpus={corpus}", "text=How it begins"),
        "corpus-empty": ("corpus", "", "text=Choose a text"),
        "train": ("train", "advanced=true", "text=Start training"),
        "run": ("train", f"run={run_id}", "text=Finished"),
        "models": ("models", "", "table"),
        "write": ("write", f"model={desk.model_id}", "main h1"),
        "inside": ("inside", f"model={desk.model_id}", "main h1"),
        "music": ("music", "", "text=No model of music yet"),
        "music-learn": ("music", "view=learn", "text=Well-known melodies"),
    }
    for name, (screen, query, sign) in screens.items():
        page.goto(desk.address(screen, query))
        page.reload()
        page.locator(sign).first.wait_for(timeout=60_000)
        settle(page)
        for scheme in check_both(page, name, first):
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
            if SHOTS:
                Path(SHOTS).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=Path(SHOTS, f"{name}-{scheme}-{width}.png"), full_page=True)
    context.close()
    assert wrong == []
