"""Trainings that are started and stopped leave nothing behind.

A few on each commit; `make soak` sets RECURRA_SOAK to a thousand.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.studio.serving import TINY, until

ROUNDS = int(os.environ.get("RECURRA_SOAK", "3"))
ENDLESS = TINY | {"steps": 10**6, "validate_every": 0, "sample_every": 0}


def held():
    """Return what this process has: children, open files, threads (the pools' own left out)."""
    me = Path("/proc/self")
    children = (me / "task" / str(os.getpid()) / "children").read_text().split()
    others = [one for one in threading.enumerate() if not one.name.startswith("recurra-")]
    return len(children), len(os.listdir(me / "fd")), len(others)


@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_starts_and_stops_leak_no_process_no_file_and_no_thread(inside, corpus):
    def once(wait):
        body = {"corpus": corpus["id"], "options": ENDLESS}
        id = inside.send("POST", "/api/runs", body).json()["id"]
        path = f"/api/runs/{id}"

        def run():
            return inside.studio.trainings.get(id, fresh=True)

        if wait:
            until(lambda: run().step > 0 or (inside.studio.home.runs / id / ".lock").exists())
        assert inside.send("POST", path + "/stop").status == 204
        until(lambda: run().status == "interrupted")
        assert inside.send("DELETE", path).status == 204

    once(wait=True)
    before = held()
    for n in range(ROUNDS):
        once(wait=n % 2 == 0)  # every second one is ended before it has begun
    after = held()
    assert after[0] <= before[0]
    assert after[1] <= before[1]
    # Pools start their threads when needed; one that every round leaves makes as many as rounds.
    assert after[2] - before[2] < ROUNDS, threading.enumerate()
    assert list(inside.studio.home.runs.iterdir()) == []
    assert inside.studio.trainings._known == {}
