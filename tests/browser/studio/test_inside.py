"""The Inside screen, as a person uses it; its numbers are those of Python."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tests.browser.studio.screens import (
    WORDS,
    Desk,
    address,
    built,
    check_access,
    desk,
    page,
)

__all__ = ["built", "desk", "page"]  # fixtures

TEXT = WORDS[4000:5200]


def read(page: Any, desk: Desk, query: str = "", text: str = TEXT) -> None:
    page.goto(desk.address("inside", query))
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Read it").click()
    page.wait_for_selector(".reader .line")


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def to(page: Any, place: int) -> None:
    """Move the cursor to a character, with the keys."""
    page.locator(".coloured-text").focus()
    page.keyboard.press("Control+Home")
    for _ in range(place):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(place) => document.querySelector('.here').textContent.includes(`character ${place}`)",
        arg=place + 1,
    )


def test_the_numbers_of_a_character_are_those_of_python(page: Any, desk: Desk) -> None:
    read(page, desk, "unit=1:5")
    trace = desk.model.trace(TEXT)
    place = 11
    to(page, place)
    here = page.locator(".here")
    surprise = trace["surprise"].values[place]
    assert f"{surprise:.2f} nats" in here.text_content()
    shown = {}
    for name in ("memory c", "hidden state h", "input gate i", "forget gate f", "output gate o"):
        row = here.locator("dt", has_text=name)
        value = row.locator("xpath=following-sibling::dd[2]").text_content()
        shown[name[-1]] = number(value)
    for name, value in shown.items():
        expected = trace[name].at(layer=1, unit=5).values[place]
        assert abs(value - expected) < 0.0051, name
    expected = np.exp(-trace["surprise"].values[place])
    bar = here.locator("li.hit .number")
    if bar.count():
        assert bar.text_content() == here.locator(".big strong").text_content()
    assert 0 <= expected <= 1


def test_units_are_listed_searched_and_picked(page: Any, desk: Desk) -> None:
    read(page, desk)
    page.wait_for_selector("tbody .unit")
    assert "64 units" in page.locator(".panel").text_content()
    page.get_by_placeholder("Search").fill("layer 1")
    assert "24 of 64 units" in page.locator(".panel").text_content()
    assert all(name.startswith("1:") for name in page.locator("tbody .unit").all_text_contents())
    page.get_by_role("button", name="Half-life").click()
    lives = [
        np.inf if "9,999" in cell or cell == "∞" else number(cell)
        for cell in page.locator("tbody td:last-child").all_text_contents()
    ]
    assert lives == sorted(lives, reverse=True)
    name = page.locator("tbody .unit").nth(2).text_content()
    page.locator("tbody .unit").nth(2).click()
    assert page.get_by_label("Unit, as layer:number").input_value() == name
    page.wait_for_function(
        "(name) => decodeURIComponent(location.hash).includes(`unit=${name}`)", arg=name
    )


def test_a_pattern_finds_its_units_and_a_bad_one_is_refused(page: Any, desk: Desk) -> None:
    page.goto(desk.address("inside"))
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.get_by_label("Pattern of yours").fill("(")
    assert "regular expression" in page.locator(".error").text_content()
    assert page.get_by_role("button", name="Read it").is_disabled()
    page.get_by_label("Pattern of yours").fill(r'"[^"]*"')
    page.get_by_role("button", name="Read it").click()
    page.wait_for_selector("tbody .unit")
    page.get_by_placeholder("Search").fill('"[^"]*"')
    features = page.locator("tbody tr td:nth-child(2)").all_text_contents()
    assert features
    assert 'pattern "[^"]*"' in features[0] or '"[^"]*"' in features[0]


def test_what_moved_a_prediction(page: Any, desk: Desk) -> None:
    read(page, desk, "colour=influence&at=20")
    page.wait_for_selector(".legend .ramp")
    about = page.locator(".reader .legend").last.text_content()
    moved = desk.model.saliency(TEXT, 20)
    share = np.exp(moved.score)
    said = re.search(r"which had\s+[<>]?\s*([\d.]+) %", page.locator(".reader").text_content())
    assert said, about
    assert abs(float(said[1]) - 100 * share) <= max(0.5, 0.06 * 100 * share)


def test_a_selected_passage_finds_its_units_and_others_like_it(page: Any, desk: Desk) -> None:
    read(page, desk)
    start = TEXT.index('said "') + 6
    to(page, start)
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_selector(".units li button")
    panel = page.locator(".panel")
    assert TEXT[start : start + 6].replace(" ", "␣") in panel.text_content()
    assert panel.locator(".units li").count() == 12
    like = panel.locator(".alike li button")
    assert like.count() == 8
    marked = [one.replace("␣", " ") for one in panel.locator("mark").all_text_contents()]
    same = sum(one == TEXT[start : start + 6] for one in marked)
    assert same >= 1
    like.first.click()
    page.wait_for_function("() => /at=\\d+/.test(location.hash)")


def test_the_stepper_shows_real_numbers_in_sentences(page: Any, desk: Desk) -> None:
    read(page, desk, "view=cell&unit=0:3")
    to(page, 30)
    trace = desk.model.trace(TEXT)
    value = {name: trace[name].at(layer=0, unit=3).values for name in "ifgoch"}
    caption = page.locator("figcaption")
    assert caption.text_content().startswith("Read.")
    page.get_by_role("button", name="Step", exact=True).click()
    kept = re.findall(r"−?\d+\.\d{3}", caption.text_content())
    expected = [value["f"][30], value["c"][29], value["f"][30] * value["c"][29]]
    assert np.allclose([number(one) for one in kept], expected, atol=6e-4)
    for _ in range(2):
        page.get_by_role("button", name="Step", exact=True).click()
    assert number(re.findall(r"−?\d+\.\d{3}", caption.text_content())[-1]) == round(
        float(value["c"][30]), 3
    )
    page.get_by_role("button", name="Next character").click()
    page.wait_for_function(
        "() => document.querySelector('.here').textContent.includes('character 32')"
    )
    assert caption.text_content().startswith("Read.")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('figcaption').textContent[0] !== 'R'")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function(
        "() => document.querySelector('.here').textContent.includes('character 1')"
    )


def test_the_raster_by_keyboard(page: Any, desk: Desk) -> None:
    read(page, desk, "view=raster&unit=0:0&at=0")
    chart = page.locator(".heat-map")
    chart.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    trace = desk.model.trace(TEXT)
    value = trace["c"].at(layer=0, unit=1).values[2]
    said = page.locator(".panel p.about").text_content()
    assert said.startswith("Unit 0:1 at character 3")
    assert abs(number(said.split()[-1]) - value) < 6e-4
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    assert page.get_by_label("Unit, as layer:number").input_value() == "0:1"


def test_a_link_shows_the_same_again(page: Any, desk: Desk) -> None:
    read(page, desk)
    page.get_by_role("radio", name="forget gate").check()
    page.get_by_label("Unit, as layer:number").fill("1:7")
    page.get_by_label("Unit, as layer:number").press("Enter")
    to(page, 9)
    tab(page, "Memory")
    page.wait_for_function("() => location.hash.includes('view=memory')")
    link = address(page)
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector(".reader .line")
    shown = page.get_by_label("Unit, as layer:number")
    for _ in range(2):
        assert page.get_by_role("radio", name="forget gate").is_checked()
        assert shown.input_value() == "1:7"
        assert "character 10" in page.locator(".here").text_content()
        # And so it stays when the unit that is explained best is known.
        page.wait_for_selector(".panel figure")
    assert page.locator(".panel figure").count() == 2


def test_an_address_is_never_behind_what_is_seen(page: Any, desk: Desk) -> None:
    read(page, desk)
    pattern = page.get_by_label("Pattern of yours")
    # Far faster than the browser takes new addresses; then the person goes to the address bar.
    left = page.evaluate(
        """async () => {
            const field = [...document.querySelectorAll("input")].find(
                (one) => one.placeholder === "#.*");
            for (const text of ["a", "ab", "abc", "abcd"]) {
                field.value = text;
                field.dispatchEvent(new InputEvent("input", { bubbles: true }));
                await new Promise((after) => setTimeout(after));
            }
            dispatchEvent(new FocusEvent("blur"));
            return location.hash;
        }"""
    )
    assert "pattern=abcd" in left
    # Nor does a link that is followed leave anything behind.
    pattern.fill("xyz")
    page.get_by_role("link", name="Corpus").click()
    page.get_by_role("heading", name="Corpus", exact=True).wait_for()
    page.go_back()
    page.wait_for_selector(".reader .line")
    assert pattern.input_value() == "xyz"


def test_a_passage_of_the_corpus_and_what_was_written(page: Any, desk: Desk) -> None:
    page.goto(desk.address("inside", "length=400"))
    page.get_by_role("button", name="Passage of the corpus").click()
    page.wait_for_selector(".reader .line")
    assert page.get_by_label("Text", exact=True).input_value() in WORDS
    page.goto(desk.address("write", "length=250&temperature=0.5"))
    page.get_by_role("button", name="Write", exact=True).click()
    page.get_by_role("button", name="Look inside").click()
    page.wait_for_selector(".reader .line")
    assert len(page.get_by_label("Text", exact=True).input_value()) >= 250


def test_too_short_a_text_says_so_and_is_still_read(page: Any, desk: Desk) -> None:
    read(page, desk, text="12 men")
    assert "too few" in page.locator(".found").text_content()
    assert page.locator(".here .glyph").count() == 1


def test_both_colours_and_a_narrow_screen(page: Any, desk: Desk) -> None:
    read(page, desk)
    page.wait_for_selector("tbody .unit")
    for name in ("Units", "All units", "Memory", "One cell"):
        tab(page, name)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            check_access(page)
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_function(
        "() => { const main = document.querySelector('main');"
        " return main.scrollWidth <= main.clientWidth }"
    )
