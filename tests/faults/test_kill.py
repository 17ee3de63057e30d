"""A training is killed sixty times and ends as the one that was never interrupted."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import time
from pathlib import Path

import pytest

from recurra.formats.model_file import load_model
from recurra.learning.checkpoint import load_checkpoint
from recurra.learning.run_folder import BEST, CHECKPOINT, RUN, read_document
from tests.faults import driver
from tests.learning.same import assert_same_run

KILLS = 60
KILLS_A_RUN = 6


class Child:
    """A run that is started, or resumed, in a process of its own; its imports are made once."""

    def __init__(self, run: Path, *, pause: int = 0, say: int = -1) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([driver.__name__])
        self.heard, tell = context.Pipe(duplex=False)
        self.errors = run.with_suffix(".err")
        verb = "resume" if (run / RUN).exists() else "start"
        self.process = context.Process(
            target=driver.work, args=(run, verb, pause, say, tell, self.errors)
        )
        self.process.start()
        tell.close()

    def wait_for(self, word: str) -> str:
        """Return the word once it is said, or else the last one that was."""
        said = ""
        while said != word:
            try:
                said = self.heard.recv()
            except EOFError:
                break
        return said

    def end(self) -> None:
        self.process.join(60)
        self.heard.close()
        code = self.process.exitcode
        self.process.close()
        assert (code in (0, -signal.SIGKILL), self.errors.read_text()) == (True, "")


def finish(run: Path) -> None:
    """Start or resume a training that nobody disturbs."""
    child = Child(run)
    said = child.wait_for("done")
    child.end()
    assert said == "done"


def kill(child: Child, word: str, delay_s: float) -> bool:
    """Kill a training after it has said a word; False where it was done before."""
    said = child.wait_for(word)
    time.sleep(delay_s)
    alive = said == word and child.process.is_alive()
    child.process.kill()
    child.end()
    return alive


def assert_readable(run: Path) -> None:
    """Every file is whole: nobody ever sees half of one."""
    if not (run / RUN).exists():
        return  # killed before the run had begun
    assert read_document(run)["format_version"] == 1
    if (run / BEST).exists():
        weights, document = load_model(run / BEST)
        assert weights
        assert document["provenance"]["steps"] > 0
    if (run / CHECKPOINT).exists():
        checkpoint = load_checkpoint(run / CHECKPOINT)
        # What the checkpoint counts on was on the disk before it.
        for name, length in (
            ("metrics.jsonl", checkpoint.metrics_bytes),
            ("samples.jsonl", checkpoint.samples_bytes),
        ):
            content = (run / name).read_bytes()
            assert len(content) >= length
            for line in content[:length].splitlines():
                json.loads(line)
    if (run / "log.txt").exists():
        (run / "log.txt").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_killed_sixty_times_and_resumed_it_is_the_same_run(tmp_path):
    whole = tmp_path / "whole"
    finish(whole)
    chance = random.Random(7)
    kills = {"inside a save": 0, "anywhere": 0}
    runs: list[tuple[Path, int]] = []
    while sum(kills.values()) < KILLS:
        run = tmp_path / f"run{len(runs)}"
        here = 0
        while here < KILLS_A_RUN and sum(kills.values()) < KILLS:
            where = min(kills, key=lambda name: kills[name])
            if where == "inside a save":
                child = Child(run, pause=chance.randint(1, 40))
                killed = kill(child, "in save", 0.0)
            else:
                saved = (run / CHECKPOINT).exists()
                done = load_checkpoint(run / CHECKPOINT).progress.step if saved else 0
                last = driver.SETTINGS["steps"]
                child = Child(run, say=min(done + chance.randint(0, last // 3), last))
                killed = kill(child, "at step", chance.uniform(0.0, 0.01))
            assert_readable(run)
            if not killed:
                break
            kills[where] += 1
            here += 1
        runs.append((run, here))
        if read_document(run)["status"] != "finished":
            finish(run)
        assert_same_run(run, whole)
        assert not list(run.glob(".*.part"))
    assert kills["inside a save"] >= KILLS // 2
    assert sum(kills.values()) >= KILLS
