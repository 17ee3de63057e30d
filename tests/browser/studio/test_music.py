"""The screen of music in a real Chromium, on this computer and in the browser alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import expect

from recurra.formats.abc import read_collection
from recurra.formats.midi import read_midi
from recurra.formats.musicxml import read_musicxml
from recurra.tasks.music.compose import ComposeOptions, Composition, compose
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.vocabulary import AbcVocabulary
from recurra.tasks.music.wishes import USUAL
from tests.browser.studio.screens import Desk, address, built, check_access, desk, page
from tests.studio.serving import until
from tests.tasks.music.toy import collection, model_of

__all__ = ["built", "desk", "page"]  # fixtures

SETTINGS = "key=G&metre=4/4&bars=4&seed=11"


@pytest.fixture(scope="module")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of tunes that has learned nothing: the rules make music of it all the same."""
    words = AbcVocabulary.learn([tune.tokens for tune in read_collection(collection(8))[0]], 1)
    path = tmp_path_factory.mktemp("tunes") / "tunes.safetensors"
    model_of(words, sizes=(12, 8)).save(path)
    return path


@pytest.fixture(scope="module")
def tunes_id(desk: Desk, tunes: Path) -> str:
    made = desk.live.send("POST", "/api/models?name=tunes", body=tunes.read_bytes()).json()
    return str(made["id"])


def wanted(tunes: Path) -> Composition:
    how = ComposeOptions(key="G", metre="4/4", bars=4, seed=11)
    model = MusicModel.load(tunes, engine="reference", precision="float32")
    return compose(model, how, USUAL).pieces[0]


def composed(page: Any) -> list[int]:
    """Press Compose and return the tokens of the piece that comes."""
    page.get_by_role("button", name="Compose", exact=True).click()
    page.locator(".sheet svg").first.wait_for()
    text = page.locator("[data-tokens]").get_attribute("data-tokens")
    return [int(token) for token in text.split(" ")]


def saved(page: Any, label: str) -> bytes:
    with page.expect_download() as coming:
        page.get_by_role("button", name=label, exact=True).click()
    return Path(coming.value.path()).read_bytes()


@pytest.fixture
def screen(page: Any, desk: Desk, tunes_id: str) -> Any:
    page.goto(desk.address("music", f"model={tunes_id}&{SETTINGS}"))
    return page


def test_it_composes_plays_and_marks_what_sounds(screen: Any, tunes: Path) -> None:
    assert composed(screen) == wanted(tunes).tokens.tolist()
    clock = screen.locator("[data-clock]")
    screen.get_by_role("button", name="Play", exact=True).click()
    # Time goes on in the audio clock and in the piece.
    screen.wait_for_function(
        "() => Number(document.querySelector('[data-clock]').dataset.clock) > 0.3"
    )
    place = screen.get_by_role("slider", name="Place in the piece")
    screen.wait_for_function(
        "() => Number(document.querySelector('[aria-label=\"Place in the piece\"]').value) > 0.2"
    )
    assert screen.locator(".sheet .sounding").count() > 0
    screen.get_by_role("button", name="Pause").click()
    assert float(place.input_value()) > 0.2
    assert float(clock.get_attribute("data-clock")) > 0.3
    screen.get_by_role("button", name="Stop", exact=True).click()
    assert float(place.input_value()) == 0


def test_the_roll_is_used_by_keyboard(screen: Any) -> None:
    composed(screen)
    roll = screen.locator(".piano-roll")
    roll.focus()
    screen.keyboard.press("ArrowRight")
    screen.keyboard.press("ArrowRight")
    assert float(roll.get_attribute("aria-valuenow")) > 0
    screen.keyboard.press("End")
    assert roll.get_attribute("aria-valuenow") == roll.get_attribute("aria-valuemax")
    screen.keyboard.press("Home")
    assert float(roll.get_attribute("aria-valuenow")) == 0


def test_what_is_saved_is_the_piece(screen: Any, tunes: Path) -> None:
    composed(screen)
    want = wanted(tunes)
    heard = sorted((n.start, n.pitch) for n in want.piece.cleaned().notes)
    midi = read_midi(saved(screen, "MIDI"))
    assert sorted((n.start, n.pitch) for n in midi.notes) == heard
    assert saved(screen, "ABC").decode() == want.abc
    score = read_musicxml(saved(screen, "MusicXML"))
    assert len(score.notes) > 0
    assert saved(screen, "Sound (.wav)")[:4] == b"RIFF"
    assert saved(screen, "Roll (.png)")[:4] == b"\x89PNG"
    drawn = ElementTree.fromstring(saved(screen, "Score (.svg)"))
    assert drawn.tag.endswith("svg")


def test_the_cells_are_shown_beside_the_roll(screen: Any) -> None:
    composed(screen)
    screen.get_by_role("button", name="Look inside").click()
    screen.locator("[aria-roledescription='heat map']").wait_for()
    screen.get_by_label("Unit", exact=True).select_option("3")
    screen.get_by_label("Show", exact=True).select_option("c")
    assert "Unit 0:3" in screen.locator(".about", has_text="Unit 0").inner_text()
    check_access(screen)


def test_a_wrong_key_is_told_beside_its_field(screen: Any) -> None:
    screen.get_by_label("Key", exact=True).fill("H")
    screen.get_by_role("button", name="Compose", exact=True).click()
    screen.get_by_text("key is 'H'").wait_for()
    assert screen.get_by_label("Key", exact=True).get_attribute("aria-invalid") == "true"


def test_the_browser_alone_composes_the_same_piece(
    page: Any, desk: Desk, tunes: Path, tunes_id: str
) -> None:
    page.goto(desk.address("models", "place=browser"))
    chooser = page.locator("input[type=file]").first
    chooser.set_input_files(str(tunes))
    page.get_by_text("tunes is here.").wait_for()
    page.goto(desk.address("music", f"place=browser&{SETTINGS}"))
    want = wanted(tunes)
    assert composed(page) == want.tokens.tolist()
    assert saved(page, "ABC").decode() == want.abc
    heard = sorted((n.start, n.pitch) for n in want.piece.cleaned().notes)
    assert sorted((n.start, n.pitch) for n in read_midi(saved(page, "MIDI")).notes) == heard
    wav = saved(page, "Sound (.wav)")
    assert wav[:4] == b"RIFF"
    # Not silence: there is sound in the first second.
    assert max(wav[44 : 44 + 100_000]) > 0
    page.get_by_role("button", name="Look inside").click()
    page.locator("[aria-roledescription='heat map']").wait_for()


def test_files_are_brought_and_learned(page: Any, desk: Desk, tmp_path: Path) -> None:
    page.goto(desk.address("music", "view=learn"))
    good, bad = tmp_path / "own.abc", tmp_path / "bad.mid"
    good.write_text(collection(6))
    bad.write_bytes(b"no music")
    page.locator("input[type=file]").set_input_files([str(good), str(bad)])
    page.get_by_text("Left out", exact=True).wait_for()
    page.get_by_text("bad.mid").first.wait_for()
    page.locator("button[aria-pressed=true]", has_text="own.abc").wait_for()
    check_access(page)
    page.get_by_label("Size").select_option("tiny")
    page.get_by_label("Time", exact=False).first.fill("3")
    page.get_by_role("button", name="Start learning").click()
    page.get_by_text("Finished", exact=True).wait_for(timeout=90_000)
    page.get_by_role("link", name="Compose with it").click()
    assert len(composed(page)) > 2


def test_a_public_set_is_learned_and_the_training_stepped(
    page: Any, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("music21", reason="it brings the set")
    monkeypatch.delenv("RECURRA_DATA", raising=False)
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path))
    page.goto(desk.address("music", "view=learn"))
    sets = page.get_by_role("list", name="Public sets")
    missing = sets.get_by_role("button", name="The Nottingham tunes")
    expect(missing.first).to_contain_text("Not on this computer")
    expect(missing.first).to_contain_text("Licence: GPL-3.0")
    here = sets.get_by_role("button", name="Aird's airs")
    expect(here).to_contain_text("On this computer")
    here.click()
    expect(here).to_have_attribute("aria-pressed", "true")
    check_access(page)
    page.get_by_label("Size").select_option("tiny")
    page.get_by_label("Time", exact=False).first.fill("600")
    page.get_by_role("button", name="Start learning").click()
    steps = page.locator("dl > div", has_text="Steps").locator("dd")
    expect(steps).not_to_have_text("0", timeout=120_000)
    single = page.get_by_role("button", name="Step", exact=True)
    assert single.count() == 0
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused", exact=True).wait_for()
    run = address(page).split("run=")[1].split("&")[0]
    # The checkpoint of the pause, and with it its step, is told a moment later.
    done = until(lambda: rested(desk, run))
    expect(steps).to_have_text(f"{done:,}")
    for press in (single.click, lambda: single.press("Enter")):
        done += 1
        press()
        expect(steps).to_have_text(f"{done:,}")
    expect(single).to_be_focused()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Interrupted", exact=True).wait_for()
    page.get_by_role("link", name="Compose with it").click()
    assert len(composed(page)) > 2


def rested(desk: Desk, run: str) -> int:
    """Return the step of a run's last checkpoint, once it rests there."""
    entry = desk.live.send("GET", f"/api/runs/{run}").json()
    return int(entry["step"]) if entry["status"] == "paused" else 0
