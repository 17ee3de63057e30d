"""The text screens in the browser alone: a text becomes a model, and the model writes."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.studio.screens import Desk, built, check_access, desk, page
from tests.browser.studio.test_train import TINY, figure, setup, status
from tests.browser.studio.test_write import PRIME, settle, text, write
from tests.studio.serving import TEXT

__all__ = ["built", "desk", "page"]  # fixtures

ALONE = "place=browser"


def test_a_text_is_pasted_learned_and_written_and_comes_back(page: Any, desk: Desk) -> None:
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/api/" in one.url else None)
    modules: set[str] = set()

    def note(one: Any) -> None:
        # The service worker keeps them all.
        if one.url.endswith(".wasm") and not one.service_worker:
            modules.add(one.url)

    page.context.on("request", note)
    page.goto(desk.address("corpus", ALONE))
    page.reload()
    page.get_by_role("button", name="Paste text").first.click()
    page.get_by_role("textbox", name="Text").fill(TEXT)
    page.get_by_role("textbox", name="Name").fill("men")
    page.get_by_role("button", name="Take this text").click()
    page.get_by_text("How it begins").wait_for()
    check_access(page)
    page.get_by_role("link", name="Train on this text").click()
    page.get_by_role("button", name="Start training").wait_for()
    corpus = re.search(r"corpus=([^&]+)", page.url)
    assert corpus
    setup(page, desk, TINY, corpus=corpus[1], place="browser")
    check_access(page)
    page.get_by_role("button", name="Start training").click()
    status(page, "Finished")
    assert figure(page, "Validation loss") < 2.2, "the text is easier than that"
    check_access(page)
    page.reload()
    status(page, "Finished")
    model = page.get_by_role("link", name="Write with it").get_attribute("href")
    found = re.search(r"model=([^&]+)", model or "")
    assert found, model

    page.goto(desk.address("write", f"{ALONE}&model={found[1]}&length=80&seed=5"))
    page.get_by_label("Beginning").fill(PRIME)
    written = write(page)
    assert written.startswith(PRIME)
    assert len(written) == len(PRIME) + 80
    check_access(page)
    page.wait_for_function("() => location.hash.includes('path=80')")
    page.reload()
    page.wait_for_selector(".coloured-text .line")
    settle(page)
    assert text(page) == written

    page.goto(desk.address("inside", f"{ALONE}&model={found[1]}"))
    page.reload()
    page.get_by_label("Text", exact=True).fill(TEXT[1000:1600])
    page.get_by_role("button", name="Read it").click()
    page.wait_for_selector(".reader .line")
    page.wait_for_selector("tbody .unit", timeout=60_000)
    check_access(page)
    page.goto(desk.address("models", ALONE))
    page.reload()
    page.get_by_role("button", name="Rename men").first.wait_for()
    check_access(page)
    # Training, writing and looking inside run in Workers of their own, on one kernel.
    assert len(modules) == 1, modules
    # What was there is asked of the computer, as it is there; nothing is left to it.
    assert {re.sub(r"\?.*", "", url).split("/api/")[1] for url in asked} <= {"health", "models"}


def test_the_texts_of_an_export_are_ready(page: Any, desk: Desk) -> None:
    page.goto(desk.address("corpus", ALONE))
    page.reload()
    ready = page.locator("section", has=page.get_by_role("heading", name="Ready to use"))
    ready.get_by_role("button", name=re.compile("Python")).click()
    page.get_by_text("How it begins").wait_for(timeout=60_000)
    characters = page.locator("dl > div", has_text="Characters").first.locator("dd").inner_text()
    assert int(re.sub(r"\D", "", characters)) > 100_000
    check_access(page)
