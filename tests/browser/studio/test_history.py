"""Back and Forward: a screen follows the address, whatever it was that changed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.studio.screens import WORDS, Desk, address, built, desk, page
from tests.browser.studio.test_looks import run_id
from tests.browser.studio.test_music import tunes, tunes_id
from tests.browser.studio.test_series import models

__all__ = ["built", "desk", "models", "page", "run_id", "tunes", "tunes_id"]  # fixtures

TEXT = WORDS[4000:4120].replace("\n", " ").replace('"', "").replace("&", "")


@dataclass
class Leaf:
    """One state of a screen: its address, and what is seen of it."""

    query: str
    seen: Callable[[Any], None]


def value(label: str, is_: str) -> Callable[[Any], None]:
    return lambda page: expect(page.get_by_label(label, exact=True)).to_have_value(is_)


def batch(is_: str) -> Callable[[Any], None]:
    return lambda page: expect(page.get_by_label("Batch size")).to_have_value(is_)


def shown(role: str, name: str) -> Callable[[Any], None]:
    return lambda page: expect(page.get_by_role(role, name=name, exact=True)).to_be_visible()


def absent(role: str, name: str, but: str) -> Callable[[Any], None]:
    def seen(page: Any) -> None:
        expect(page.locator(but).first).to_be_visible()
        expect(page.get_by_role(role, name=name, exact=True)).to_have_count(0)

    return seen


expect.set_options(timeout=30_000)
UNIT = "Unit, as layer:number"
LEAVES: dict[str, tuple[Leaf, Leaf]] = {
    "inside": (
        Leaf("model={text}&text=" + TEXT + "&unit=0:1", value(UNIT, "0:1")),
        Leaf("model={text}&text=" + TEXT + "&unit=1:7&view=memory", value(UNIT, "1:7")),
    ),
    "train": (
        Leaf("preset=tiny&batch_size=48", batch("48")),
        Leaf("run={run}", shown("link", "New training")),
    ),
    "models": (
        Leaf("", absent("heading", "Side by side", "table")),
        Leaf("compare=computer:{text},computer:{beside}", shown("heading", "Side by side")),
    ),
    "music": (
        Leaf("model={music}&key=G", value("Key", "G")),
        Leaf("view=learn", shown("heading", "Music to learn")),
    ),
    "forecast": (
        Leaf("model={series}&training=none&series=Harbour", value("Series", "Harbour")),
        Leaf("model={series}&training=none&series=Market", value("Series", "Market")),
    ),
}
CHANGES: dict[str, tuple[Callable[[Any], None], Callable[[Any], None]]] = {
    "inside": (lambda page: page.get_by_role("radio", name="forget gate").check(),
               lambda page: expect(page.get_by_role("radio", name="forget gate")).to_be_checked()),
    "train": (lambda page: page.get_by_label("Batch size").fill("56"), batch("56")),
    "models": (lambda page: [box.check() for box in
                             page.get_by_role("checkbox", name="Compare").all()[:2]],
               shown("heading", "Side by side")),
    "music": (lambda page: page.get_by_label("Key", exact=True).fill("Em"), value("Key", "Em")),
    "forecast": (lambda page: page.get_by_role("tab", name="What comes next").click(),
                 lambda page: expect(page.get_by_role("tab", name="What comes next"))
                 .to_have_attribute("aria-selected", "true")),
}  # fmt: skip
"""What is changed on the first of these, and what is then seen."""


@pytest.fixture
def ids(desk: Desk, run_id: str, tunes_id: str, models: dict[str, str]) -> dict[str, str]:
    data = desk.live.send("GET", f"/api/models/{desk.model_id}/file").body
    beside = desk.live.send("POST", "/api/models?name=beside", body=data).json()["id"]
    named = {"text": desk.model_id, "run": run_id, "music": tunes_id, "beside": beside}
    return {**named, **models}


@pytest.mark.parametrize("screen", LEAVES)
def test_the_screen_follows_back_and_forward(
    page: Any, desk: Desk, ids: dict[str, str], screen: str
) -> None:
    first, second = LEAVES[screen]
    page.goto(desk.address(screen, first.query.format(**ids)))
    first.seen(page)
    page.goto(desk.address(screen, second.query.format(**ids)))
    second.seen(page)
    for _ in range(2):
        page.go_back()
        first.seen(page)
        page.go_forward()
        second.seen(page)


@pytest.mark.parametrize("screen", CHANGES)
def test_what_was_changed_is_there_again(
    page: Any, desk: Desk, ids: dict[str, str], screen: str
) -> None:
    change, seen = CHANGES[screen]
    first, _ = LEAVES[screen]
    page.goto(desk.address(screen, first.query.format(**ids)))
    first.seen(page)
    change(page)
    page.get_by_role("link", name="Corpus", exact=True).click()
    page.get_by_role("heading", name="Corpus", exact=True).wait_for()
    for _ in range(2):
        page.go_back()
        seen(page)
        page.go_forward()
        page.get_by_role("heading", name="Corpus", exact=True).wait_for()
        assert "#/corpus" in address(page)
