from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from recurra.cli import console, progress
from recurra.cli import runs as verbs
from recurra.cli.main import app
from recurra.core.errors import FormatError
from recurra.learning import curves, registry
from recurra.learning.loop import Outcome
from tests.learning.toy import Stopper, train_toy


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(curves, "missing", lambda: "no pictures in this test")
    monkeypatch.setitem(registry.TASKS, "toy", "tests.learning.toy:restore")
    # Consoles hold on to the stream of their first line; each test has streams of its own.
    forget = console.out.cache_clear, console.err.cache_clear
    for clear in forget:
        clear()
    yield
    for clear in forget:
        clear()


def recurra(*words):
    return CliRunner().invoke(app, list(words))


def test_runs_lists_how_each_stands():
    train_toy(Path("runs/done"), steps=30)
    train_toy(Path("runs/stopped"), steps=500, stop=Stopper(at_step=9).stop)
    shown = recurra("runs")
    assert shown.exit_code == 0, shown.output
    done, stopped = shown.stdout.splitlines()[1:]
    assert "finished" in done
    assert "30/30" in done
    assert "█" in done
    assert "interrupted" in stopped
    assert "/500" in stopped
    facts = json.loads(recurra("runs", "runs", "--json").stdout)
    assert [one["status"] for one in facts] == ["finished", "interrupted"]


def test_runs_says_where_there_is_none():
    shown = recurra("runs")
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert "no runs in runs" in shown.stderr


def test_resume_goes_on_and_says_what_to_type_next():
    train_toy(Path("runs/one"), steps=40, stop=Stopper(at_step=9).stop)
    done = recurra("resume", "one")
    assert done.exit_code == 0, done.output
    assert "40/40" in done.stderr
    assert "recurra generate runs/one" in done.stderr
    again = recurra("resume", "runs/one")
    assert again.exit_code == 2
    assert "has finished (40 steps" in again.stderr
    more = recurra("resume", "runs/one/run.json", "--steps", "50", "--clip-norm", "0.5")
    assert more.exit_code == 0, more.output
    options = json.loads(Path("runs/one/run.json").read_text())["options"]
    assert (options["train"]["steps"], options["optimiser"]["clip_norm"]) == (50, 0.5)


def test_resume_of_nothing_names_the_newest_runs():
    train_toy(Path("runs/one"), steps=4)
    with pytest.raises(FormatError, match="the newest are runs/one"):
        verbs.find_run(Path("two"))


def outcome(reason):
    return Outcome(reason, 7, 0.5, 3.0, 1.5, 5, None, {})


def test_an_interrupted_training_exits_130_with_what_to_type():
    import click

    @click.command()
    def verb():
        progress.conclude(outcome("interrupted"), Path("runs/x"))

    done = CliRunner().invoke(verb)
    assert done.exit_code == 130
    assert "recurra resume runs/x" in done.stderr


def shown_on(terminal, width, monkeypatch, **options):
    """Return what a training writes on a terminal or a pipe of that width."""
    from rich.console import Console

    screen = io.StringIO()
    made = Console(
        file=screen, force_terminal=terminal, width=width, markup=False, highlight=False,
        soft_wrap=True, color_system=None, legacy_windows=False,
    )  # fmt: skip
    monkeypatch.setattr(console, "err", lambda: made)
    with progress.ProgressListener() as listener:
        train_toy(None, listeners=[listener], **options)
    return screen.getvalue()


def test_a_pipe_gets_plain_lines_at_a_sane_rate(monkeypatch):
    text = shown_on(False, 80, monkeypatch, steps=200, validate_every=100)
    assert "\x1b" not in text
    points = [line for line in text.splitlines() if "tokens/s" in line]
    assert len(points) == 2  # the first and the last
    assert text.count("held-out") >= 2
    assert "written after 200" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_terminal_gets_a_bar_that_fits(monkeypatch, width):
    text = shown_on(True, width, monkeypatch, seconds=0.5)
    bars = [part for part in text.replace("\r", "\n").split("\n") if "━" in part]
    assert bars
    plain = [part.replace("\x1b[2K", "").replace("\x1b[?25l", "") for part in bars]
    assert max(map(len, plain)) <= width
    assert any("train " in part for part in plain)


def test_a_sample_cannot_move_the_cursor():
    assert progress.printable("a\x1b[2Jb\r\x9bc\n\tэ") == "a\\x1b[2Jb\\x0d\\x9bc\n\tэ"
