from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from recurra.learning.run_folder import read_document
from recurra.learning.signals import StopSignals
from recurra.learning.survey import summarise
from tests.learning.toy import resume_toy

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
from recurra.learning import curves
curves.missing = lambda: "no pictures in this test"
from tests.learning.toy import train_toy
def listen(event):
    if event.kind == "validated":
        print(event.kind, flush=True)
outcome = train_toy(Path(sys.argv[1]), steps=10**6, validate_every=50, log_every=50,
                    listeners=[listen])
print(outcome.reason, flush=True)
"""


@pytest.fixture
def training(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "run")],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield child
    child.kill()
    child.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_finishes_the_step_and_saves(training, tmp_path, number):
    assert training.stdout.readline() == "validated\n"
    assert summarise(tmp_path / "run").status == "running"
    training.send_signal(number)
    out, err = training.communicate(timeout=30)
    assert (out.splitlines()[-1], err, training.returncode) == ("interrupted", "", 0)
    assert read_document(tmp_path / "run")["status"] == "interrupted"
    step = summarise(tmp_path / "run").step
    assert resume_toy(tmp_path / "run", changes={"steps": step + 3}).step == step + 3


def test_a_killed_run_counts_as_interrupted(training, tmp_path):
    assert training.stdout.readline() == "validated\n"
    training.kill()
    training.communicate()
    assert read_document(tmp_path / "run")["status"] == "running"
    assert summarise(tmp_path / "run").status == "interrupted"


def test_the_second_signal_ends_at_once():
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGINT)
        assert signals.stopped
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopSignals():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_other_threads_leave_signals_alone():
    before = signal.getsignal(signal.SIGINT)
    inside = []

    def enter():
        with StopSignals():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert inside == [before]
