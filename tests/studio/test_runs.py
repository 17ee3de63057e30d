"""Trainings as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import time

import numpy as np
import pytest

from recurra.formats.jsonl import read_lines
from recurra.formats.model_file import load_model
from recurra.learning import curves
from recurra.learning.run_folder import METRICS
from recurra.studio import watching
from recurra.studio.studio import Studio
from recurra.tasks.text.model import Model
from recurra.tasks.text.training import train
from tests.studio.serving import TEXT, TINY, open_inside, until

ENDLESS = TINY | {"steps": 10**6, "validate_every": 0, "sample_every": 0, "log_every": 5}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """Leave matplotlib out of trainings in this process: its import takes longer than they do."""
    monkeypatch.setattr(curves, "missing", lambda: "no pictures in this test")


@pytest.fixture
def start(inside, corpus):
    """Start a training, and leave none behind."""
    ids = []

    def begin(**options):
        request = {"corpus": corpus["id"], "name": "run", "options": TINY | options}
        answer = inside.send("POST", "/api/runs", request)
        assert answer.status == 201, answer.body
        ids.append(answer.json()["id"])
        return answer.json()

    yield begin
    for id in ids:
        inside.send("POST", f"/api/runs/{id}/stop")
    for id in ids:
        until(lambda id=id: look(inside, id)["status"] not in ("running", "paused"))


def look(inside, id):
    time.sleep(0.25)  # an answer may be that old
    return inside.send("GET", f"/api/runs/{id}").json()


def steps(inside, id, at_least):
    return until(lambda: (run := look(inside, id))["step"] >= at_least and run)


def test_a_run_trains_to_its_end_and_leaves_a_model(inside, start, corpus):
    begun = start()
    assert (begun["status"], begun["name"]) == ("running", "run")
    run = until(lambda: (r := look(inside, begun["id"]))["status"] == "finished" and r)
    assert (run["step"], run["steps"], run["progress"]) == (12, 12, 1.0)
    assert run["corpus"] == {"id": corpus["id"], "name": "little.txt"}
    assert run["options"]["sizes"] == [8]
    assert run["best_loss_nats"] > 0
    folder = inside.studio.home.runs / run["id"]
    model = inside.send("GET", f"/api/models/{run['model']}").json()
    assert model["parameters"] == run["parameters"]
    assert model["loss_nats"] == run["best_loss_nats"]
    assert model["document"]["provenance"]["data"]["inputs"] == ["little.txt"]
    pieces = inside.send("POST", f"/api/models/{run['model']}/generate",
                         {"length": 30, "seed": "5"}).lines()  # fmt: skip
    want = Model.load(folder).generate(length=30, seed=5)
    assert "".join(piece["text"] for piece in pieces) == want

    # More of the same: a larger budget goes on from there; without one there is nothing to do.
    refused = inside.send("POST", f"/api/runs/{run['id']}/resume")
    assert refused.json()["field"] == "steps"
    assert str(inside.studio.home.path) not in refused.json()["detail"]
    again = inside.send("POST", f"/api/runs/{run['id']}/resume", {"changes": {"steps": 16}})
    assert again.status == 204
    run = until(lambda: (r := look(inside, run["id"]))["step"] == 16 and r)
    until(lambda: look(inside, run["id"])["status"] == "finished")

    assert inside.send("PATCH", f"/api/runs/{run['id']}", {"name": "mine"}).json()["name"] == "mine"
    assert inside.send("DELETE", f"/api/models/{run['model']}").status == 409
    assert inside.send("DELETE", f"/api/runs/{run['id']}").status == 204
    assert inside.send("GET", f"/api/models/{run['model']}").status == 404
    assert not folder.exists()


def test_pause_keep_resume_and_stop_also_after_a_restart(inside, start, tmp_path):
    id = start(**ENDLESS)["id"]
    steps(inside, id, 10)
    assert inside.send("DELETE", f"/api/runs/{id}").status == 409
    assert inside.send("POST", f"/api/runs/{id}/pause").status == 204
    until(lambda: look(inside, id)["status"] == "paused")
    paused = look(inside, id)
    time.sleep(0.5)
    assert look(inside, id)["step"] == paused["step"]

    # One step at a time: each is told, and it rests again when the answer comes.
    for n in (1, 2):
        assert inside.send("POST", f"/api/runs/{id}/step").status == 204
        stepped = look(inside, id)
        assert (stepped["status"], stepped["step"]) == ("paused", paused["step"] + n)
    told = [e["step"] for e in read_lines(inside.studio.home.runs / id / METRICS)
            if e["event"] == "step"]  # fmt: skip
    assert told[-2:] == [paused["step"] + 1, paused["step"] + 2]

    # Another server on the same folder knows it, and speaks with it.
    other = open_inside(tmp_path / "home")
    try:
        assert look(other, id)["status"] == "paused"
        assert other.send("POST", f"/api/runs/{id}/resume").status == 204
        refused = other.send("POST", f"/api/runs/{id}/step")
        assert (refused.status, "not paused" in refused.json()["detail"]) == (409, True)
        later = steps(other, id, paused["step"] + 10)
        assert later["elapsed_s"] < paused["elapsed_s"] + 30
        kept = other.send("POST", f"/api/runs/{id}/keep", {"name": "as it is"})
        assert kept.status == 201, kept.body
        assert kept.json()["document"]["provenance"]["steps"] >= later["step"] - 1
        assert kept.json()["run"] == id
        assert other.send("POST", f"/api/runs/{id}/stop").status == 204
        until(lambda: look(other, id)["status"] == "interrupted")
        assert look(other, id)["model"] == f"run-{id}"
        assert other.send("POST", f"/api/runs/{id}/stop").status == 409
        assert other.send("POST", f"/api/runs/{id}/pause").status == 409
        weights, _ = load_model(other.studio.home.models / kept.json()["id"] / "model.safetensors")
        assert all(np.isfinite(array).all() for array in weights.values())
    finally:
        other.close()


def test_a_killed_training_is_seen_and_goes_on(inside, start):
    id = start(**ENDLESS | {"checkpoint_seconds": 0.2})["id"]
    folder = inside.studio.home.runs / id
    steps(inside, id, 10)
    until(lambda: "checkpointed" in (folder / METRICS).read_text().split("checkpointed", 1)[1])
    os.kill(json.loads((folder / ".process").read_text())["pid"], signal.SIGKILL)
    until(lambda: look(inside, id)["status"] == "interrupted")
    reached = look(inside, id)["step"]
    assert inside.send("POST", f"/api/runs/{id}/resume").status == 204
    until(lambda: look(inside, id)["step"] > reached)


def test_settings_that_cannot_be_are_refused_before_a_process_starts(inside, corpus):
    for options, field in (({"batch_size": 0}, "batch_size"), ({"bach_size": 3}, "bach_size"),
                           ({"steps": 5, "seconds": 5}, None)):  # fmt: skip
        answer = inside.send("POST", "/api/runs", {"corpus": corpus["id"], "options": options})
        assert answer.status == 422
        if field:
            assert answer.json()["field"] == field
    answer = inside.send("POST", "/api/runs", {"corpus": corpus["id"], "preset": "huge"})
    assert answer.json()["field"] == "preset"
    assert inside.send("POST", "/api/runs", {"corpus": "0123456789abcdef"}).status == 404
    assert list(inside.studio.home.runs.iterdir()) == []


def test_what_only_the_training_finds_out_is_told(inside, start, corpus):
    # The window is as it may be, but nothing is left to validate on.
    id = start(validation=1e-6, patience=3)["id"]
    run = until(lambda: (r := look(inside, id))["status"] == "failed" and r)
    assert "validation" in run["message"]


def test_there_is_a_bound_on_trainings(tmp_path):
    one = open_inside(tmp_path / "one", trainings=1)
    try:
        corpus = one.ask("POST", "/api/corpora", TEXT.encode()).json()["id"]
        begun = one.send("POST", "/api/runs", {"corpus": corpus, "options": ENDLESS})
        more = one.send("POST", "/api/runs", {"corpus": corpus, "options": ENDLESS})
        assert more.status == 409
        assert "as many as this studio runs" in more.json()["detail"]
        # It is still reading its text perhaps: then there is nothing to save, and it just ends.
        one.send("POST", f"/api/runs/{begun.json()['id']}/stop")
        until(lambda: look(one, begun.json()["id"])["status"] == "interrupted")
    finally:
        one.close()


def test_runs_of_the_command_line_are_shown_and_left_where_they_are(tmp_path, inside):
    text = tmp_path / "poem.txt"
    text.write_text(TEXT)
    train(str(text), run=tmp_path / "runs" / "poem", **TINY)
    both = Studio.open(tmp_path / "home", others=(tmp_path / "runs",))
    try:
        (run,) = both.trainings.entries()
        assert (run.name, run.status, run.step) == ("poem", "finished", 12)
        assert run.corpus.name == "poem.txt"
        assert both.models.get(run.model).run == run.id
        assert both.trainings.rename(run.id, "a better name").name == "a better name"
        with pytest.raises(Exception, match="made on the command line"):
            both.trainings.remove(run.id)
        assert (tmp_path / "runs" / "poem" / "best.safetensors").is_file()
    finally:
        both.close()


def events(inside, id, since=None, messages=1):
    """Return the first messages of a run's stream as (type, events, id)."""

    async def read():
        found, text = [], b""
        stream = watching.watch(inside.studio, id, watching.parse_marks(since))
        async for chunk in stream:
            text += chunk
            *whole, text = text.split(b"\n\n")
            for message in whole:
                fields = dict(line.split(": ", 1) for line in message.decode().splitlines())
                if "data" in fields:
                    found.append((fields.get("event"), json.loads(fields["data"]), fields["id"]))
            if len(found) >= messages:
                await stream.aclose()
                return found
        return found

    return inside.loop.run_until_complete(read())


@pytest.fixture
def finished(inside, tmp_path):
    """A run that was trained in this process, which is quicker."""
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    id = "0123456789abcdef"
    train(str(text), run=inside.studio.home.runs / id, **TINY)
    (inside.studio.home.runs / id / "studio.json").write_text("{}")
    return id


def test_events_begin_with_the_past_and_go_on_where_they_were_left(inside, finished):
    id, folder = finished, inside.studio.home.runs / finished
    ((kind, found, mark),) = events(inside, id)
    assert kind == "reset"
    assert found[:-1] == read_lines(folder / METRICS) + read_lines(folder / "samples.jsonl")
    assert found[-1]["run"]["status"] == "finished"
    # Nothing is told twice.
    ((kind, found, again),) = events(inside, id, since=mark)
    assert (kind, [one["event"] for one in found], again) == (None, ["status"], mark)
    # A run that is cut back is told anew; nonsense is taken for nothing.
    (folder / METRICS).write_bytes((folder / METRICS).read_bytes()[:-50])
    ((kind, found, _),) = events(inside, id, since=mark)
    assert (kind, found[0]["event"]) == ("reset", "started")
    assert events(inside, id, since="nonsense")[0][0] == "reset"


def test_a_damaged_line_is_passed_over(inside, finished):
    id = finished
    path = inside.studio.home.runs / id / METRICS
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b'{"event": "st\n', b"[1]\n", *lines[1:], b'{"torn']))
    ((_, found, _),) = events(inside, id)
    assert [one["event"] for one in found if one["event"] != "sampled"][: len(lines)] == [
        json.loads(line)["event"] for line in lines
    ]
