"""The Write screen, as a person uses it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import run
from tests.browser.studio.screens import (
    MARKUP,
    STUDIO,
    WORDS,
    Desk,
    built,
    check_access,
    desk,
    page,
)

__all__ = ["built", "desk", "page"]  # fixtures

PRIME = '7 men said "'


def test_what_needs_no_browser(node: str, packages: Path, tmp_path: Path) -> None:
    script = tmp_path / "screens.test.mjs"
    source = STUDIO / "tests" / "screens.test.ts"
    bundle = ["--bundle", "--platform=node", "--format=esm", f"--outfile={script}"]
    run(str(packages / "esbuild"), str(source), *bundle, "--log-level=warning")
    said = run(node, "--test", "--test-reporter=tap", str(script))
    passed = re.search(r"^# pass (\d+)$", said, re.MULTILINE)
    assert passed, said
    assert int(passed[1]) > 20


def begin(page: Any, desk: Desk, query: str = "", prime: str = PRIME) -> None:
    page.goto(desk.address("write", query))
    page.get_by_label("Beginning").fill(prime)


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def settle(page: Any) -> None:
    page.wait_for_function("() => !document.querySelector('.pane[aria-busy=true]')")


def write(page: Any, name: str = "Write") -> str:
    """Press a button that writes, and return the whole text of the first pane."""
    before = take(page)
    length = shown_length(page)
    press(page, name)
    page.wait_for_function(
        "([take, length]) => { const p = document.querySelector('.pane');"
        " return p.ariaBusy === 'false' && (p.querySelector('.history span').textContent !== take"
        " || !p.querySelector('footer').textContent.includes(length)) }",
        arg=[before, length],
    )
    return text(page)


def take(page: Any) -> str:
    return str(page.locator(".history span").first.text_content())


def shown_length(page: Any) -> str:
    found = re.search(r"[\d,]+ characters?", page.locator(".pane footer").first.text_content())
    return found[0] if found else "nothing yet"


def text(page: Any, pane: int = 0) -> str:
    """The text of a pane, as it is downloaded."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the text").nth(pane).click()
    return Path(waiting.value.path()).read_bytes().decode()


def first_line(page: Any) -> Any:
    return page.locator(".coloured-text .line").first


def test_one_seed_writes_one_text_and_the_address_brings_it_back(page: Any, desk: Desk) -> None:
    begin(page, desk, "length=80&seed=5")
    written = write(page)
    assert written.startswith(PRIME)
    assert len(written) == len(PRIME) + 80
    sampled = desk.model.generate(prime=PRIME, length=80, seed=5, temperature=0.8)
    assert written == PRIME + str(sampled)
    page.wait_for_function("() => location.hash.includes('path=80')")
    page.reload()
    page.wait_for_selector(".coloured-text .line")
    settle(page)
    assert text(page) == written


def test_continuing_keeps_what_is_there_and_resampling_begins_anew(page: Any, desk: Desk) -> None:
    begin(page, desk, "length=60")
    first = write(page)
    longer = write(page, "Continue")
    assert longer.startswith(first)
    assert len(longer) == len(first) + 60
    other = write(page, "Resample")
    assert len(other) == len(first)
    assert other != first
    press(page, "Take before")
    page.wait_for_function(
        "() => document.querySelector('.history').textContent.includes('Take 1 of 2')"
    )
    assert text(page) == longer


def test_back_is_what_it_was_and_the_screens_link_is_as_it_was_left(page: Any, desk: Desk) -> None:
    page.goto("about:blank")
    bare = desk.address("write")
    page.goto(bare)
    temperature = page.get_by_role("spinbutton", name="Temperature")
    prime = page.get_by_label("Beginning")
    expect(temperature).to_have_value("0.8")
    page.goto(desk.address("write", "temperature=1.3&prime=7"))
    expect(temperature).to_have_value("1.3")
    prime.fill("7 men")
    page.wait_for_function("() => location.hash.includes('prime=7+men')")
    page.go_back()
    expect(temperature).to_have_value("0.8")
    expect(prime).to_have_value("")
    page.go_forward()
    expect(temperature).to_have_value("1.3")
    expect(prime).to_have_value("7 men")
    page.get_by_role("link", name="Corpus", exact=True).click()
    page.get_by_role("heading", name="Corpus", exact=True).wait_for()
    page.get_by_role("link", name="Write", exact=True).click()
    expect(temperature).to_have_value("1.3")
    expect(prime).to_have_value("7 men")
    # Whoever says nothing gets what holds where nothing is said.
    page.goto(bare)
    expect(temperature).to_have_value("0.8")


def test_stop_ends_a_text_without_end(page: Any, desk: Desk) -> None:
    begin(page, desk, "length=0")
    press(page, "Write")
    page.wait_for_function("() => document.querySelectorAll('.coloured-text .line').length > 2")
    press(page, "Stop")
    settle(page)
    written = text(page)
    assert len(written) > len(PRIME) + 100
    page.wait_for_timeout(200)
    assert text(page) == written
    # The address holds how long it became.
    page.wait_for_function(f"() => location.hash.includes('path={len(written) - len(PRIME)}')")


def test_a_branch_from_another_character_and_the_way_back(page: Any, desk: Desk) -> None:
    begin(page, desk, "length=40&temperature=0.5")
    first = write(page)
    box = first_line(page).bounding_box()
    cell = page.evaluate("document.querySelector('.ruler').getBoundingClientRect().width / 100")
    place = len(PRIME) + 3
    page.mouse.click(box["x"] + cell * (place + 0.5), box["y"] + 8)
    choices = page.locator("[popover] li button")
    choices.first.wait_for()
    labels = [str(one.get_attribute("aria-label")) for one in choices.all()]
    assert sum("stands there now" in label for label in labels) == 1
    expected = desk.model.trace(first[:place])["logits"].values[-1]
    best = desk.model.vocabulary.token_text(int(expected.argmax()))
    spoken = {" ": "space", "\n": "line end"}.get(best, best)
    assert labels[0].startswith((spoken, f"capital {spoken}"))
    other = next(n for n, label in enumerate(labels) if "stands there now" not in label)
    chosen = str(choices.nth(other).locator(".glyph").text_content())
    choices.nth(other).click()
    page.wait_for_function(
        "() => document.querySelector('.history').textContent.includes('Take 2 of 2')"
    )
    settle(page)
    branched = text(page)
    assert branched[:place] == first[:place]
    assert branched[place] == {"␣": " ", "⏎": "\n"}.get(chosen, chosen)
    assert len(branched) == place + 1 + 40
    address = page.wait_for_function(
        "() => location.hash.includes('%7E') && location.href"
    ).json_value()
    press(page, "Take before")
    page.wait_for_function(
        "() => document.querySelector('.history').textContent.includes('Take 1 of 2')"
    )
    assert text(page) == first
    # The address of the branch writes the branch.
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(".coloured-text .line")
    length = f"{len(branched) - len(PRIME)} characters"
    page.wait_for_function(
        "(length) => document.querySelector('.pane footer').textContent.includes(length)",
        arg=length,
    )
    settle(page)
    assert text(page) == branched


def test_the_keyboard_alone(page: Any, desk: Desk) -> None:
    begin(page, desk, "length=40")
    page.get_by_label("Beginning").press("Control+Enter")
    page.wait_for_function(
        "(n) => document.querySelector('.pane footer').textContent.includes(`${n} characters`)",
        arg=40,
    )
    settle(page)
    page.locator(".coloured-text").focus()
    for key in ("ArrowRight", "Home", "End", "ArrowLeft"):
        page.keyboard.press(key)
    assert re.search(r"had .*%.* nats", page.locator(".pane p.about").text_content())
    page.keyboard.press("Enter")
    page.locator("[popover] li button").first.wait_for()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('[popover]') !== null")
    page.keyboard.press("Escape")
    page.wait_for_selector("[popover]:popover-open", state="detached")
    assert take(page) == "Take 1 of 1"


def test_what_the_model_copies_is_marked_with_its_source(page: Any, desk: Desk) -> None:
    line = WORDS.splitlines()[3]
    begin(page, desk, "length=200&temperature=0", prime=line[:10])
    written = write(page)
    foot = page.locator(".pane footer")
    page.wait_for_function(
        "() => /word for word/.test(document.querySelector('.pane footer').textContent)"
    )
    long_enough = any(written[n : n + 20] in WORDS for n in range(10, len(written) - 20))
    assert long_enough, written
    assert "underlined" in foot.text_content()
    box = first_line(page).bounding_box()
    for x in range(110, int(box["width"] or 600), 40):
        page.mouse.move(box["x"] + x, box["y"] + 8)
        if page.locator(".source").count():
            break
    source = page.locator(".source")
    assert "men.txt" in source.text_content()
    assert source.locator(".context").text_content() in WORDS


def test_model_text_is_never_markup(page: Any, desk: Desk) -> None:
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    begin(page, desk, "length=100&temperature=0&strip=1", prime=MARKUP[:20])
    written = write(page)
    assert ">" in written[20:]
    assert page.locator(".pane img, .pane b").count() == 0
    assert "<b>" in page.locator(".coloured-text").text_content()


def test_a_character_that_the_model_never_met_is_refused_in_a_sentence(
    page: Any, desk: Desk
) -> None:
    begin(page, desk, prime="Ω")
    press(page, "Write")
    banner = page.get_by_role("alert")
    assert "Ω" in banner.text_content()
    page.get_by_text("More rules, and the seed").click()
    page.get_by_label("Seed").fill("1.5")
    assert "whole number" in page.locator(".error").text_content()
    assert page.get_by_role("button", name="Write", exact=True).is_disabled()


def test_two_side_by_side_in_both_colours(page: Any, desk: Desk) -> None:
    begin(page, desk, "length=50&beside=1&temperature=0&temperature_2=2")
    write(page)
    settle(page)
    assert page.locator(".pane").count() == 2
    assert text(page, 0) != text(page, 1)
    page.get_by_label("Five likeliest under each character").check()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        check_access(page)
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_function(
        "() => { const main = document.querySelector('main');"
        " return main.scrollWidth <= main.clientWidth }"
    )
