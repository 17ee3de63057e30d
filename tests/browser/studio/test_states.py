"""Every screen in each of its states, light and dark: empty, busy, failed, refused, finished.

A state is a line of a table: where one goes, what the studio answers there instead of the truth
(nothing, no answer yet, a refusal), what is pressed, and the sign that the state is reached.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.browser.studio.screens import Desk, built, check_both, desk, page
from tests.browser.studio.test_looks import run_id
from tests.browser.studio.test_music import tunes, tunes_id
from tests.browser.studio.test_series import models

__all__ = ["built", "desk", "models", "page", "run_id", "tunes", "tunes_id"]  # fixtures

NONE, WAIT, REFUSE = "none", "wait", "refuse"
SENTENCE = "The disk is full; make room and try again."


@dataclass
class State:
    """How a screen is brought into one of its states."""

    name: str
    sign: str
    """A selector of what is there then."""
    query: str = ""
    """Of the address; {corpus}, {text}, {run}, {music}, {series}, {numbers}, {labels} are ids."""
    answers: dict[str, str] = field(default_factory=dict)
    """By the end of an API path: no entries, no answer yet, a refusal, or the run's status."""
    press: tuple[str, ...] = ()
    """Names of buttons, in turn."""


def listing(empty: str, busy: str, failed: str, *paths: str, query: str = "") -> list[State]:
    """Return the states of a screen that begins with a list: empty, not here yet, refused."""
    return [
        State("empty", empty, query, dict.fromkeys(paths[:1], NONE)),
        State("busy", busy, query, dict.fromkeys(paths, WAIT)),
        State("failed", f"[role=alert]:has-text('{failed}')", query, dict.fromkeys(paths, REFUSE)),
    ]


def asking(query: str, path: str, busy: str, *press: str) -> list[State]:
    """Return the states of a screen that is asked something: the answer is awaited, or refused."""
    return [
        State("asking", busy, query, {path: WAIT}, press),
        State("refused", f"[role=alert]:has-text('{SENTENCE}')", query, {path: REFUSE}, press),
    ]


def training(query: str, words: dict[str, str]) -> list[State]:
    """Return the states of a training: as it stands, by its word on the screen."""
    return [
        State(status, f"main :text-is('{word}')", query, {"/events": status})
        for status, word in words.items()
    ]


ENDS = {"running": "Training", "paused": "Paused", "interrupted": "Interrupted",
        "failed": "The training failed.", "finished": "Finished"}  # fmt: skip
SOME = {status: ENDS[status] for status in ("running", "failed")}
"""Of screens whose trainings are shown as that of a text is, in all but the words."""
BENCH = ("text=Loading …", "The screen could not be filled.", "/api/models", "/api/data")
PASSAGE = "Passage of the corpus"

STATES: dict[str, list[State]] = {
    "corpus": [
        *listing("text=Choose a text, or bring", "[aria-busy=true] .ghost",
                 "The texts could not be listed.", "/api/corpora"),
        *asking("corpus={corpus}", "/survey", ".survey [role=progressbar]"),
        State("pasting", "dialog[open] textarea", press=("Paste text",)),
        State("finished", "text=How it begins", "corpus={corpus}"),
    ],
    "train": [
        *listing("button:has-text('Start training')", "[aria-busy=true].ghost",
                 "The settings could not be loaded.", "/api/corpora", "/api/options"),
        State("advanced", "fieldset", "advanced=true"),
        State("refused", "[role=alert]:has-text('not started')", "corpus={corpus}",
              {"/api/runs": REFUSE}, ("Start training",)),
        *training("run={run}", ENDS),
        State("curves", ".plot canvas", "run={run}"),
    ],
    "write": [
        *listing("text=No model yet", "text=Looking for models", "The models could not be listed.",
                 "/api/models"),
        State("nothing", "text=Nothing written yet", "model={text}"),
        *asking("model={text}&prime=men", "/generate", ".pane[aria-busy=true]", "Write"),
        State("finished", "text=a second", "model={text}&length=60", press=("Write",)),
        State("beside", ".pane + .pane", "model={text}&beside=1&strip=1"),
    ],
    "inside": [
        *listing("text=No model yet", "text=Looking for models", "The models could not be listed.",
                 "/api/models"),
        State("nothing", "text=Nothing read yet", "model={text}"),
        *asking("model={text}&length=300", "/trace", "button[aria-busy=true]", PASSAGE),
        State("units", "text=Asking what each unit", "model={text}&length=300", {"/inside": WAIT},
              (PASSAGE,)),
        State("no units", f"[role=alert]:has-text('{SENTENCE}')", "model={text}&length=300",
              {"/inside": REFUSE}, (PASSAGE,)),
        State("finished", "tbody .unit", "model={text}&length=600", press=(PASSAGE,)),
    ],
    "models": [
        *listing("text=No models yet", "[aria-busy=true].ghost", "The models could not be listed.",
                 "/api/models"),
        State("details", "text=Where it comes from", press=("men",)),
        State("finished", "table tbody tr"),
    ],
    "music": [
        *listing("text=No model of music yet", "text=Looking for models",
                 "The models could not be listed.", "/api/models"),
        State("nothing", "text=Nothing composed yet", "model={music}"),
        *asking("model={music}&bars=4", "/compose", "text=Composing", "Compose"),
        State("finished", ".sheet svg", "model={music}&key=G&metre=4/4&bars=4&seed=11",
              press=("Compose",)),
        *listing("text=Music to learn", "text=Music to learn", "The music could not be listed.",
                 "/api/data", query="view=learn"),
        State("learn", "text=Well-known melodies", "view=learn"),
        *training("view=learn&run={run}", SOME | {"running": "Running"}),
    ],
    "forecast": [
        *listing("text=No forecasting model yet", *BENCH),
        *asking("model={series}&training=none", "/forecast", "text=Forecasting …"),
        *training("training={run}", SOME),
        State("finished", "canvas", "model={series}&training=none"),
    ],
    "sequences": [
        *listing("text=No model of sequences yet", *BENCH),
        *asking("model={numbers}&training=none", "/ask", "button[aria-busy=true]"),
        *training("training={run}", {"failed": "The training failed."}),
        State("finished", ".bars li", "model={numbers}&training=none"),
    ],
    "classify": [
        *listing("text=No classifier yet", *BENCH),
        *asking("model={labels}&training=none", "/classify", "text=Classifying …"),
        *training("training={run}", {"failed": "The training failed."}),
        State("finished", "svg .moment", "model={labels}&training=none"),
    ],
}  # fmt: skip


@pytest.fixture
def ids(desk: Desk, run_id: str, tunes_id: str, models: dict[str, str]) -> dict[str, str]:
    corpus = desk.live.send("GET", "/api/corpora").json()[0]["id"]
    return {"corpus": corpus, "text": desk.model_id, "run": run_id, "music": tunes_id, **models}


def answer(page: Any, path: str, how: str, run: dict[str, Any]) -> None:
    """Let requests whose path ends so be answered in another way than the studio would."""

    def instead(route: Any) -> None:
        if how == WAIT:
            return  # for ever
        if how == NONE:
            route.fulfill(json=[])
        elif how == REFUSE:
            problem = json.dumps({"title": "Refused", "status": 422, "detail": SENTENCE})
            route.fulfill(status=422, content_type="application/problem+json", body=problem)
        else:
            said = {"event": "status", "run": run | {"status": how, "message": SENTENCE}}
            body = f"data: {json.dumps([said])}\n\nretry: 1000000\n\n"
            route.fulfill(content_type="text/event-stream", body=body)

    page.route(re.compile(rf"/api/[^?]*(?<={re.escape(path)})(\?.*)?$"), instead)


@pytest.mark.slow
@pytest.mark.parametrize("screen", STATES)
def test_every_state_is_accessible_in_both_colours(
    page: Any, desk: Desk, ids: dict[str, str], screen: str
) -> None:
    run = desk.live.send("GET", f"/api/runs/{ids['run']}").json()
    for state in STATES[screen]:
        for path, how in state.answers.items():
            answer(page, path, how, run)
        page.goto("about:blank")
        page.goto(desk.address(screen, state.query.format(**ids)))
        for name in state.press:
            page.get_by_role("button", name=name, exact=True).first.click()
        page.locator(state.sign).first.wait_for()
        for _ in check_both(page, f"{screen}, {state.name}"):
            pass
        page.unroute_all()


def test_no_screen_is_left_out() -> None:
    source = Path(__file__).parents[3] / "web" / "studio" / "src" / "app" / "screens.ts"
    named = re.findall(r"^  (\w+): \{$", source.read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(STATES)
