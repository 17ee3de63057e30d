"""Corpus, Train and Models, as a person uses them: bring a text, train, watch, come back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.studio.screens import Desk, address, built, desk, page
from tests.studio.serving import TEXT, until

__all__ = ["built", "desk", "page"]  # fixtures

TINY = {
    "sizes": "24", "embedding": "8", "batch_size": "8", "window": "32", "steps": "150",
    "learning_rate": "0.02", "sample_every": "30", "sample_length": "40", "validate_every": "50",
    "log_every": "5", "advanced": "true",
}  # fmt: skip
"""Settings of a training that is over in seconds and yet learns, as the address holds them."""
LONG = {
    **TINY,
    "steps": "1000000",
    "log_every": "50",
    "sample_every": "200000",
    "validate_every": "0",
}


def setup(page: Any, desk: Desk, settings: dict[str, str], **more: str) -> None:
    query = "&".join(f"{name}={value}" for name, value in {**settings, **more}.items())
    page.goto(desk.address("train", query))
    # Another document, and not only another address of the same one.
    page.reload()
    page.get_by_role("button", name="Start training").wait_for()


def corpus_id(desk: Desk) -> str:
    return str(desk.live.send("GET", "/api/corpora").json()[0]["id"])


def status(page: Any, word: str) -> None:
    page.locator(".status", has_text=word).first.wait_for(timeout=60_000)


def figure(page: Any, label: str) -> float:
    """Return the number under a label of the run's figures, once there is one."""
    shown = page.locator("dl > div", has_text=label).first.locator("dd")
    expect(shown).to_have_text(re.compile(r"^\d"))
    found = re.match(r"[\d.]+", shown.inner_text().replace(",", ""))
    assert found
    return float(found[0])


def run_of(page: Any) -> str:
    found = re.search(r"[?&]run=([^&]+)", address(page))
    assert found
    return found[1]


def test_bring_train_watch_and_come_back(page: Any, desk: Desk) -> None:
    page.goto(desk.address("corpus"))
    page.get_by_role("button", name="Paste text").first.click()
    page.get_by_role("textbox", name="Text").fill(TEXT)
    page.get_by_role("textbox", name="Name").fill("<b>My</b> text")
    page.get_by_role("button", name="Take this text").click()
    # What it is called is text, never markup.
    page.get_by_role("heading", name="<b>My</b> text").wait_for()
    page.get_by_text("How it begins").wait_for()
    assert TEXT[:60].split("\n")[0] in page.get_by_role("region", name="Beginning").inner_text()
    assert page.locator("dl > div", has_text="Distinct").inner_text().split()[-1] == str(
        len(set(TEXT))
    )

    page.get_by_role("link", name="Train on this text").click()
    page.get_by_role("button", name="Start training").wait_for()
    corpus = re.search(r"corpus=([^&]+)", address(page))
    assert corpus
    setup(page, desk, TINY, corpus=corpus[1])
    page.get_by_role("button", name="Start training").click()
    page.locator(".plot canvas").wait_for()
    status(page, "Finished")
    loss = figure(page, "Validation loss")
    assert loss < 2.2, "the text is easier than that"
    scrub = page.get_by_role("slider", name="Samples over time")
    assert int(scrub.get_attribute("max")) >= 3
    newest = page.get_by_label("Sample at temperature 0", exact=True).inner_text()
    scrub.press("Home")
    assert page.get_by_label("Sample at temperature 0", exact=True).inner_text() != newest
    for temperature in ("0.25", "0.5", "0.75"):
        assert page.get_by_label(f"Sample at temperature {temperature}").inner_text()

    page.reload()
    status(page, "Finished")
    # What is known of the run comes before its events.
    newest_loss = page.locator("dl > div", has_text="Validation loss").first.locator("dd")
    expect(newest_loss).to_have_text(re.compile(rf"^{loss:.3g}"))
    page.get_by_role("link", name="New training").click()
    page.locator(".runs a", has_text="<b>My</b> text").wait_for()
    page.get_by_role("link", name="Models").click()
    page.get_by_role("button", name="<b>My</b> text").first.wait_for()


def test_pause_resume_keep_stop(page: Any, desk: Desk) -> None:
    setup(page, desk, LONG, corpus=corpus_id(desk), name="long one")
    page.get_by_role("button", name="Start training").click()
    steps = page.locator("dl > div", has_text="Steps").locator("dd")
    expect(steps).not_to_have_text("0", timeout=60_000)
    page.get_by_role("button", name="Pause").click()
    status(page, "Paused")
    # Closing the page changes nothing: it is found again.
    page.goto(desk.address("train"))
    page.reload()
    page.locator(".runs a", has_text="long one").click()
    status(page, "Paused")
    expect(steps).not_to_have_text("0")
    done = figure(page, "Steps")
    page.get_by_role("button", name="Resume").click()
    status(page, "Training")
    page.get_by_role("button", name="Keep this checkpoint").click()
    page.get_by_text("was kept").wait_for(timeout=60_000)
    page.get_by_role("button", name="Stop").click()
    status(page, "Interrupted")
    assert figure(page, "Steps") >= done
    kept = [one["name"] for one in desk.live.send("GET", "/api/models").json()]
    assert any(name.startswith("long one, step") for name in kept)


KEPT_STEP = """async (id) => {
  const db = await new Promise((done, fail) => {
    const opening = indexedDB.open("recurra");
    [opening.onsuccess, opening.onerror] = [() => done(opening.result), fail];
  });
  const found = db.transaction("checkpoints").objectStore("checkpoints").get(id);
  await new Promise((done) => (found.onsuccess = done));
  db.close();
  return found.result.progress.step;
}"""
"""The step of a run's checkpoint in the browser's own storage."""


def take_single_steps(page: Any, where: Callable[[str], int]) -> int:
    """Pause a run and step it by mouse and by keyboard; return the step that it rests at.

    Args:
        where: tells the step of a run by its id.
    """
    steps = page.locator("dl > div", has_text="Steps").locator("dd")
    expect(steps).not_to_have_text("0", timeout=60_000)
    single = page.get_by_role("button", name="Step", exact=True)
    assert single.count() == 0
    page.get_by_role("button", name="Pause").click()
    status(page, "Paused")
    # The checkpoint of the pause, and with it its step, is told a moment later.
    run = run_of(page)
    done = where(run)
    expect(steps).to_have_text(f"{done:,}")
    for press in (single.click, lambda: single.press("Enter"), lambda: single.press(" ")):
        done += 1
        press()
        expect(steps).to_have_text(f"{done:,}")
        expect(page.get_by_text(f"Paused. Step {done:,}.")).to_be_attached()
    # It can be pressed again and again: nothing takes the focus away.
    expect(single).to_be_focused()
    return done


def test_a_run_that_is_paused_takes_single_steps(page: Any, desk: Desk) -> None:
    setup(page, desk, LONG, corpus=corpus_id(desk), name="by hand")
    page.get_by_role("button", name="Start training").click()
    done = take_single_steps(
        page,
        lambda id: until(
            lambda: (
                (run := desk.live.send("GET", f"/api/runs/{id}").json())["status"] == "paused"
                and int(run["step"])
            )
        ),
    )
    run = desk.live.send("GET", f"/api/runs/{run_of(page)}").json()
    assert (run["status"], run["step"]) == ("paused", done)
    page.get_by_role("button", name="Resume").click()
    status(page, "Training")
    page.get_by_role("button", name="Stop").click()
    status(page, "Interrupted")


def test_in_the_browser_alone_a_run_takes_single_steps(page: Any, desk: Desk) -> None:
    page.goto(desk.address("corpus", "place=browser"))
    page.reload()
    page.get_by_role("button", name="Paste text").first.click()
    page.get_by_role("textbox", name="Text").fill(TEXT)
    page.get_by_role("button", name="Take this text").click()
    page.get_by_role("link", name="Train on this text").click()
    page.get_by_role("button", name="Start training").wait_for()
    corpus = re.search(r"corpus=([^&]+)", page.url)
    assert corpus
    setup(page, desk, LONG, corpus=corpus[1], place="browser")
    page.get_by_role("button", name="Start training").click()
    take_single_steps(page, lambda id: int(page.evaluate(KEPT_STEP, id)))
    page.get_by_role("button", name="Resume").click()
    status(page, "Training")
    page.get_by_role("button", name="Stop").click()
    status(page, "Interrupted")


def test_the_address_keeps_up_with_quick_hands(page: Any, desk: Desk) -> None:
    setup(page, desk, {"preset": "tiny", "advanced": "true"})
    fields = [page.get_by_label(name).element_handle() for name in ("Batch size", "Window")]
    address = page.evaluate(
        """async (fields) => {
            for (const [field, value] of [[fields[0], "40"], [fields[1], "36"]]) {
                field.value = value;
                field.dispatchEvent(new Event("input", { bubbles: true }));
                field.dispatchEvent(new Event("change", { bubbles: true }));
                await new Promise((next) => setTimeout(next, 20));
            }
            return location.hash;
        }""",
        fields,
    )
    assert "batch_size=40" in address
    assert "window=36" in address


def test_settings_live_in_the_address(page: Any, desk: Desk) -> None:
    setup(page, desk, {"preset": "tiny", "sizes": "100,50", "peephole": "true", "advanced": "true"})
    assert page.get_by_role("radio", name=re.compile("Tiny")).is_checked()
    assert page.get_by_role("textbox", name="Sizes").input_value() == "100, 50"
    assert page.get_by_role("switch", name="Peephole").is_checked()
    page.get_by_label("Batch size").fill("48")
    page.wait_for_url(re.compile("batch_size=48"))
    # What a setting already is needs no word in the address.
    page.get_by_label("Batch size").fill("32")
    page.wait_for_url(lambda url: "batch_size" not in url)
    page.get_by_role("button", name="Reset").click()
    page.wait_for_url(lambda url: "sizes" not in url)


def test_the_classic_demos_way_to_count(page: Any, desk: Desk) -> None:
    setup(page, desk, {"preset": "tiny", "batch_size": "128"})
    page.get_by_role("tab", name="Epochs of examples").click()
    page.get_by_label("Number of epochs").fill("5")
    page.get_by_label("Examples per epoch").fill("2048")
    page.wait_for_url(re.compile(r"steps=80\b"))
    assert "80 steps in all" in page.locator(".pair").inner_text()
    page.get_by_label("Batch size").fill("256")
    page.wait_for_url(re.compile(r"steps=40\b"))


def test_a_wrong_setting_is_said_beside_it(page: Any, desk: Desk) -> None:
    setup(page, desk, {"preset": "tiny"})
    sizes = page.get_by_role("textbox", name="Sizes")
    sizes.fill("0")
    sizes.blur()
    assert sizes.get_attribute("aria-invalid") == "true"
    page.get_by_text("At least 1.", exact=True).wait_for()
    assert page.get_by_role("button", name="Start training").is_disabled()
    sizes.fill("12")
    sizes.blur()
    assert page.get_by_role("button", name="Start training").is_enabled()


def test_a_refusal_is_said_beside_its_field(page: Any, desk: Desk) -> None:
    setup(page, desk, {**TINY, "reset_at": "("}, corpus=corpus_id(desk))
    wrong: list[str] = []
    page.on("response", lambda answer: answer.status >= 400 and wrong.append(answer.url))
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("alert").wait_for()
    field = page.get_by_label("Reset at")
    assert field.get_attribute("aria-invalid") == "true"
    assert len(wrong) == 1


@pytest.mark.parametrize("name", ["Tiny", "Small"])
def test_by_keyboard_alone(page: Any, desk: Desk, name: str) -> None:
    page.goto(desk.address("corpus"))
    page.get_by_role("heading", name="Corpus").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.screen") == "train":
            break
    page.keyboard.press("Enter")
    page.get_by_role("radio", name=re.compile("Small")).wait_for()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "radio":
            break
    if name == "Tiny":
        page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.value") == name.lower()
    # Each thing that has the focus can be seen to have it.
    style = page.evaluate("getComputedStyle(document.activeElement.closest('label')).outlineStyle")
    assert style != "none"


def test_the_tour_has_five_steps_and_does_not_come_back(browser: Any, desk: Desk) -> None:
    context = browser.new_context(reduced_motion="reduce")
    opened = context.new_page()
    opened.goto(f"{desk.origin}/?token={desk.live.token}")
    tour = opened.get_by_role("dialog")
    for step in range(1, 6):
        tour.get_by_text(f"{step} of 5").wait_for()
        tour.get_by_role("button", name="Begin" if step == 5 else "Next").click()
    tour.wait_for(state="hidden")
    opened.reload()
    opened.get_by_role("heading", name="Corpus").wait_for()
    assert tour.count() == 0
    opened.get_by_role("button", name="Show me around").click()
    tour.get_by_text("1 of 5").wait_for()
    opened.keyboard.press("Escape")
    tour.wait_for(state="hidden")
    context.close()


def test_models_are_renamed_moved_compared_and_removed(page: Any, desk: Desk) -> None:
    data = desk.live.send("GET", f"/api/models/{desk.model_id}/file").body
    desk.live.send("POST", "/api/models?name=second", body=data)
    page.goto(desk.address("models"))
    page.get_by_role("button", name="Rename second").click()
    page.get_by_role("textbox", name="Name").fill("third")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_role("button", name="Rename third").wait_for()

    page.get_by_role("button", name="Copy third to this browser").click()
    page.get_by_role("button", name="Copy third to this computer").wait_for(timeout=30_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export third as a file").last.click()
    assert download.value.suggested_filename == "third.safetensors"
    assert download.value.path().read_bytes() == data

    for box in page.get_by_role("checkbox", name="Compare third").all():
        box.check()
    page.get_by_role("heading", name="Side by side").wait_for()
    page.get_by_role("button", name="third", exact=True).first.click()
    page.get_by_role("heading", name="Where it comes from").wait_for()
    page.keyboard.press("Escape")

    for _ in range(2):
        page.get_by_role("button", name="Remove third").first.click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").wait_for(state="hidden")
    expect(page.locator("table")).not_to_contain_text("third")
