"""A training is killed sixty times and ends as the one that was never interrupted."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recurra.formats.model_file import load_model
from recurra.learning.checkpoint import load_checkpoint
from recurra.learning.run_folder import BEST, CHECKPOINT, RUN, read_document
from tests.faults.driver import SETTINGS
from tests.learning.same import assert_same_run

ROOT = Path(__file__).parents[2]
KILLS = 60
KILLS_A_RUN = 6


def start(run: Path, *, pause: str = "", say: int = -1) -> subprocess.Popen[str]:
    """Start or resume a run in a process of its own."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "RECURRA_TEST_PAUSE": pause,
        "RECURRA_TEST_SAY": str(say),
    }
    verb = "resume" if (run / RUN).exists() else "start"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.driver", str(run), verb],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(child: subprocess.Popen[str]) -> None:
    """Wait for a training that nobody disturbs."""
    out, err = child.communicate(timeout=60)
    assert (out.splitlines()[-1:], err) == (["done"], "")


def kill(child: subprocess.Popen[str], signal_line: str, delay_s: float) -> bool:
    """Kill a training after it has said a line; False where it was done before."""
    with child:
        for line in child.stdout:
            if line.strip() == signal_line:
                break
        else:
            assert child.stderr.read() == ""
            return False
        time.sleep(delay_s)
        alive = child.poll() is None
        child.kill()
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
    finish(start(whole))
    chance = random.Random(7)
    kills = {"inside a save": 0, "anywhere": 0}
    runs: list[tuple[Path, int]] = []
    while sum(kills.values()) < KILLS:
        run = tmp_path / f"run{len(runs)}"
        here = 0
        while here < KILLS_A_RUN and sum(kills.values()) < KILLS:
            where = min(kills, key=lambda name: kills[name])
            if where == "inside a save":
                child = start(run, pause=f"{chance.randint(1, 40)}:60")
                killed = kill(child, "in save", 0.0)
            else:
                saved = (run / CHECKPOINT).exists()
                done = load_checkpoint(run / CHECKPOINT).progress.step if saved else 0
                last = SETTINGS["steps"]
                child = start(run, say=min(done + chance.randint(0, last // 3), last))
                killed = kill(child, "at step", chance.uniform(0.0, 0.01))
            assert_readable(run)
            if not killed:
                break
            kills[where] += 1
            here += 1
        runs.append((run, here))
        if read_document(run)["status"] != "finished":
            finish(start(run))
        assert_same_run(run, whole)
        assert not list(run.glob(".*.part"))
    assert kills["inside a save"] >= KILLS // 2
    assert sum(kills.values()) >= KILLS
