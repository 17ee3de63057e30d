"""What is asked of a training through its run folder."""

from __future__ import annotations

import threading
import time

import pytest

from recurra.formats.jsonl import read_lines
from recurra.learning import loop, requests
from recurra.learning.checkpoint import load_checkpoint
from recurra.learning.events import Checkpointed, Stepped
from recurra.learning.meters import Clock
from recurra.learning.run_folder import CHECKPOINT, METRICS, read_document
from recurra.learning.snapshot import snapshot
from recurra.learning.survey import summarise
from tests.learning.toy import Stopper, curve, resume_toy, train_toy


@pytest.fixture(autouse=True)
def _always_look(monkeypatch):
    monkeypatch.setattr(requests, "LOOK_S", 0.0)


class At(Stopper):
    """Does something once when a step is reached."""

    def __init__(self, step, what):
        super().__init__()
        self.step, self.what = step, what

    def __call__(self, event):
        super().__call__(event)
        if isinstance(event, Stepped) and event.step >= self.step and self.what:
            what, self.what = self.what, None
            what()


def test_a_stop_ends_the_run_with_a_checkpoint(tmp_path):
    asks = At(6, lambda: requests.ask(tmp_path / "run", "stop"))
    outcome = train_toy(tmp_path / "run", steps=40, log_every=2, listeners=[asks])
    # A point of the curve comes a step or two after the last of its steps.
    assert outcome.reason == "interrupted"
    assert 6 <= outcome.step <= 8
    assert load_checkpoint(tmp_path / "run" / CHECKPOINT).progress.step == outcome.step
    assert not requests.is_asked(tmp_path / "run", "stop")
    assert resume_toy(tmp_path / "run").step == 40


def test_a_save_is_written_at_once_and_acknowledged(tmp_path):
    asks = At(6, lambda: requests.ask(tmp_path / "run", "save"))
    train_toy(tmp_path / "run", steps=10, log_every=2, checkpoint_seconds=1e6, listeners=[asks])
    saved = [event.step for event in asks.events if isinstance(event, Checkpointed)]
    assert len(saved) == 3
    assert 6 <= saved[1] <= 8
    assert not requests.is_asked(tmp_path / "run", "save")


def test_a_pause_stops_the_clock_and_changes_nothing_else(tmp_path):
    run, rest = tmp_path / "paused", 0.5
    stood = []

    def pause():
        requests.ask(run, "pause")
        threading.Thread(target=watch).start()

    def watch():
        while read_document(run)["status"] != "paused":
            time.sleep(0.01)
        stood.append(summarise(run).status)
        time.sleep(rest)
        requests.withdraw(run, "pause")

    began = time.perf_counter()
    train_toy(run, steps=20, log_every=2, listeners=[At(8, pause)])
    took = time.perf_counter() - began
    train_toy(tmp_path / "straight", steps=20, log_every=2)
    assert stood == ["paused"]
    assert read_document(run)["status"] == "finished"
    assert read_document(run)["progress"]["elapsed_s"] <= took - rest
    lines = [curve(read_lines(tmp_path / name / METRICS)) for name in ("paused", "straight")]
    assert lines[0] == lines[1]


def test_a_paused_run_can_be_stopped_and_saved(tmp_path, monkeypatch):
    run = tmp_path / "run"
    naps = iter(("save", "stop"))
    monkeypatch.setattr(loop.time, "sleep", lambda _: requests.ask(run, next(naps)))
    asks = At(4, lambda: requests.ask(run, "pause"))
    outcome = train_toy(run, steps=20, log_every=2, listeners=[asks])
    assert outcome.reason == "interrupted"
    assert 4 <= outcome.step <= 6
    assert [requests.is_asked(run, one) for one in ("pause", "save", "stop")] == [False] * 3


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}], ids=["plain", "accumulate"])
def test_a_run_taken_step_by_step_is_the_one_that_never_rested(tmp_path, monkeypatch, options):
    stepped, straight = tmp_path / "stepped", tmp_path / "straight"
    settings = {"steps": 18, "log_every": 4, "validate_every": 6, "sample_every": 6, **options}
    stood: list[tuple[int, str, bool]] = []

    def rest(_):
        if requests.is_asked(stepped, "step"):
            return
        last = load_checkpoint(stepped / CHECKPOINT).progress.step
        stood.append((last, read_document(stepped)["status"], requests.is_asked(stepped, "pause")))
        if len(stood) <= 7:
            requests.ask(stepped, "step")
        else:
            requests.withdraw(stepped, "pause")

    monkeypatch.setattr(loop.time, "sleep", rest)
    begins = At(4, lambda: requests.ask(stepped, "pause"))
    train_toy(stepped, listeners=[begins], **settings)
    train_toy(straight, **settings)

    first = stood[0][0]
    assert stood == [(first + n, "paused", True) for n in range(8)]
    assert read_document(stepped)["status"] == "finished"
    assert not requests.is_asked(stepped, "step")
    ours, theirs = (load_checkpoint(path / CHECKPOINT) for path in (stepped, straight))
    for part in ("weights", "optimiser", "state"):
        mine, other = getattr(ours, part), getattr(theirs, part)
        assert mine.keys() == other.keys()
        assert all((mine[name] == other[name]).all() for name in mine), part
    # Every step taken alone is told; beside these, the curve is that of the straight run.
    lines, whole = (curve(read_lines(path / METRICS)) for path in (stepped, straight))
    told = [line["step"] for line in lines if line["event"] == "step"]
    assert told == sorted({*range(first + 1, first + 8), 4, 8, 12, 16, 18})
    points = {4, 8, 12, 16, 18}
    assert [x for x in lines if x["event"] != "step" or x["step"] in points] == whole


def test_a_step_that_is_asked_of_a_run_that_does_not_rest_is_dropped(tmp_path):
    run = tmp_path / "run"
    asks = At(4, lambda: requests.ask(run, "step"))
    assert train_toy(run, steps=12, log_every=2, listeners=[asks]).step == 12
    assert not requests.is_asked(run, "step")
    assert [e.step for e in asks.events if isinstance(e, Stepped)] == [2, 4, 6, 8, 10, 12]


def test_a_run_goes_on_from_a_single_step(tmp_path, monkeypatch):
    run = tmp_path / "run"

    def go_on_meanwhile(_):
        requests.ask(run, "step")
        monkeypatch.setattr(loop.time, "sleep", lambda _: pytest.fail("it rests again"))

    def withdraw(event):
        if requests.is_asked(run, "step"):
            requests.withdraw(run, "pause")

    monkeypatch.setattr(loop.time, "sleep", go_on_meanwhile)
    asks = At(4, lambda: requests.ask(run, "pause"))
    assert train_toy(run, steps=12, log_every=2, listeners=[asks, withdraw]).step == 12
    assert read_document(run)["status"] == "finished"


def test_a_run_that_was_killed_in_a_pause_goes_on_when_it_is_resumed(tmp_path):
    stopper = Stopper(5)
    train_toy(tmp_path / "run", steps=12, listeners=[stopper], stop=stopper.stop)
    requests.ask(tmp_path / "run", "pause")
    assert resume_toy(tmp_path / "run").reason == "budget"


def test_a_clock_stands_still_while_it_is_paused(monkeypatch):
    now = [10.0]
    monkeypatch.setattr("recurra.learning.meters.time.perf_counter", lambda: now[0])
    clock = Clock(5.0)
    now[0] += 2
    clock.pause()
    now[0] += 100
    assert clock.elapsed() == 7.0
    clock.go_on()
    clock.go_on()
    now[0] += 1
    assert clock.elapsed() == 8.0


def test_a_snapshot_is_the_last_checkpoint_with_its_own_scores(tmp_path):
    train_toy(tmp_path / "run", steps=10, validate_every=5)
    weights, document = snapshot(tmp_path / "run")
    checkpoint = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    assert all((weights[name] == array).all() for name, array in checkpoint.weights.items())
    (last,) = [e for e in read_lines(tmp_path / "run" / METRICS)
               if e["event"] == "validated" and e["step"] == 10]  # fmt: skip
    assert document["provenance"]["steps"] == 10
    assert document["provenance"]["scores"]["held_out_loss_nats"] == last["loss_nats"]


def test_without_a_step_there_is_nothing_to_keep(tmp_path):
    stopper = Stopper(0)
    train_toy(tmp_path / "run", steps=12, listeners=[stopper], stop=stopper.stop)
    with pytest.raises(Exception, match="has not taken a step"):
        snapshot(tmp_path / "run")
