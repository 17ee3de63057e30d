"""Trainings of other kinds than text, and the data they learn from."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from datetime import date, timedelta

import pytest

from recurra.datasets.shelves import find
from recurra.studio.kinds import music as kind_of_music
from recurra.studio.kinds import registry
from recurra.tasks.series.numbers.task import DEFAULTS as NUMBERS
from tests.shelving import put
from tests.studio.serving import TEXT, TINY, until

QUICK = {"sizes": [4], "steps": 3, "log_every": 1, "validate_every": 3, "engine": "reference"}
TABLE = "day,shop,sold\n" + "".join(
    f"{date(2024, 1, 1) + timedelta(n)},{shop},{20 + 5 * math.sin(n * math.tau / 7) + n % 3:.1f}\n"
    for shop in ("north", "south")
    for n in range(84)
)
COLUMNS = {"id_column": "shop", "time_column": "day", "target_column": "sold"}
LABELLED = "label,a,b,c,d\n" + "".join(
    f"{'up' if n % 2 else 'down'},{n},{n + (1 if n % 2 else -1)},{n + 2},{n % 5}\n"
    for n in range(30)
)
ABC = "".join(
    f"X:{n}\nT:Tune {n}\nM:4/4\nL:1/8\nK:G\nGABc d2B2|{note}4 G4|GABc d2B2|G4 G4|\n\n"
    for n, note in enumerate("ABcdefga" * 2, 1)
)


def bring(inside, kind, name, text):
    answer = inside.ask("POST", "/api/data", text.encode(), query=f"kind={kind}&name={name}")
    assert answer.status == 201, answer.body
    return answer.json()


def train(inside, kind, data, **options):
    request = {"kind": kind, "data": data, "name": "run", "options": QUICK | options}
    answer = inside.send("POST", "/api/runs", request)
    assert answer.status == 201, answer.body
    id = answer.json()["id"]

    def ended():
        run = inside.send("GET", f"/api/runs/{id}").json()
        return run["status"] not in ("running", "paused") and run

    run = until(ended)
    assert run["status"] == "finished", run["message"]
    return run


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_kind_says_what_can_be_set(inside, kind):
    groups = inside.ask("GET", "/api/options", query=f"kind={kind}").json()
    names = [name for group in groups for name in group["schema"]["properties"]]
    assert {"sizes", "learning_rate", "seconds", "engine"} <= set(names)
    assert inside.ask("GET", "/api/presets", query=f"kind={kind}").status == 200
    # What a form would send back is taken: every default is a value that can be.
    set_ = {
        name: field["default"]
        for group in groups if group["name"] != "sampling"
        for name, field in group["schema"]["properties"].items() if "default" in field
    }  # fmt: skip
    assert registry.find(kind).budgeted(set_ | {"steps": None, "seconds": 5}, None)


def test_the_defaults_of_a_kind_are_its_own(inside):
    def default(kind, wanted):
        groups = inside.ask("GET", "/api/options", query=f"kind={kind}").json()
        return next(g["schema"]["properties"][wanted]["default"] for g in groups
                    if wanted in g["schema"]["properties"])  # fmt: skip

    assert default("series", "sizes") == [64, 64]
    assert default("numbers", "sizes") == list(NUMBERS["sizes"])
    assert default("labels", "steps") == 1000


@pytest.mark.parametrize(
    ("kind", "name", "text", "options"),
    [
        ("series", "sales.csv", TABLE, COLUMNS | {"horizon": 7, "conformal": True}),
        ("numbers", "mine.txt", "1, 2, 3, 4, 5\n2 4 8 16 32\n", {"families": ["squares"]}),
        ("labels", "moves.csv", LABELLED, {"label": "first", "validation": 0.2}),
        ("music", "tunes.abc", ABC, {"embedding": 4, "sample_every": 0}),
    ],
    ids=lambda value: value if isinstance(value, str) and value in registry.KINDS else "",
)
def test_a_training_of_any_kind_is_a_run_and_leaves_a_model(inside, kind, name, text, options):
    data = bring(inside, kind, name, text)
    assert (data["name"], data["kind"], data["files"]) == (name, kind, 1)
    run = train(inside, kind, data["id"], **options)
    assert (run["kind"], run["step"], run["progress"]) == (kind, 3, 1.0)
    assert run["corpus"] == {"id": data["id"], "name": name}
    model = inside.send("GET", f"/api/models/{run['model']}").json()
    assert (model["kind"], model["run"]) == (kind, run["id"])
    assert model["document"]["provenance"]["data"]["inputs"] == [name]
    if kind == "series":
        assert len(model["document"]["task"]["calibration"]) == 101
    assert [r["id"] for r in inside.ask("GET", "/api/runs", query=f"kind={kind}").json()] == [
        run["id"]
    ]
    assert inside.ask("GET", "/api/runs", query="kind=text").json() == []
    # It moves out and in as a file, and writes no text.
    file = inside.ask("GET", f"/api/models/{run['model']}/file").body
    kept = inside.ask("POST", "/api/models", file, query="name=kept").json()
    assert (kept["kind"], kept["parameters"]) == (kind, model["parameters"])
    refused = inside.send("POST", f"/api/models/{kept['id']}/generate", {})
    assert refused.status == 409
    assert kind in refused.json()["detail"]
    # A larger budget goes on.
    assert (
        inside.send("POST", f"/api/runs/{run['id']}/resume", {"changes": {"steps": 5}}).status
        == 204
    )
    until(lambda: inside.send("GET", f"/api/runs/{run['id']}").json()["step"] == 5)
    until(lambda: inside.send("GET", f"/api/runs/{run['id']}").json()["status"] == "finished")


def test_number_sequences_need_no_data(inside):
    run = train(inside, "numbers", None, digits=2)
    assert run["corpus"] == {"id": None, "name": "Families of sequences"}


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [("series", "a.csv", ""), ("numbers", "a.txt", "one, two"), ("labels", "a.ts", "@data\n"),
     ("music", "a.mid", "no music")],
)  # fmt: skip
def test_what_a_kind_cannot_read_is_refused_and_gone(inside, kind, name, text):
    answer = inside.ask("POST", "/api/data", text.encode(), query=f"kind={kind}&name={name}")
    assert answer.status in (400, 422), answer.body
    assert str(inside.studio.home.path) not in answer.json()["detail"]
    assert inside.ask("GET", "/api/data", query=f"kind={kind}&").json() == [
        one for one in inside.ask("GET", "/api/data", query=f"kind={kind}").json()
        if one["origin"] != "mine"
    ]  # fmt: skip
    assert list(inside.studio.home.data.iterdir()) == []


def test_a_start_is_refused_with_a_sentence(inside, corpus):
    data = bring(inside, "series", "sales.csv", TABLE)

    def refused(**request):
        answer = inside.send("POST", "/api/runs", request)
        assert answer.status >= 400
        return answer.json()["detail"]

    assert "kinds are" in refused(kind="pictures")
    assert "needs a text" in refused(kind="text")
    assert "needs data" in refused(kind="series")
    assert "another kind" in refused(kind="labels", data=data["id"])
    assert "no setting" in refused(kind="series", data=data["id"], options={"horizons": 3})
    assert "budget" in refused(kind="labels", data=data["id"], options={"steps": None})
    wrong = QUICK | {"time_column": "none"}
    request = {"kind": "series", "data": data["id"], "options": wrong}
    failed = inside.send("POST", "/api/runs", request).json()
    run = until(lambda: (r := inside.send("GET", f"/api/runs/{failed['id']}").json())["status"]
                == "failed" and r)  # fmt: skip
    assert run["message"]
    assert str(inside.studio.home.path) not in run["message"]


def test_data_are_surveyed_renamed_and_removed(inside):
    data = bring(inside, "series", "../../etc/sales.csv", TABLE)
    folder = inside.studio.home.data / data["id"] / "files"
    assert [file.name for file in folder.iterdir()] == ["etc-sales.csv"]
    assert [c["name"] for c in data["facts"]["columns"]] == ["day", "shop", "sold"]
    assert data["facts"]["guess"] == COLUMNS
    found = inside.send("POST", f"/api/data/{data['id']}/survey", COLUMNS).json()
    assert (found["series"], found["values"], found["frequency"]) == (2, 168, "every day")
    path = f"/api/data/{data['id']}"
    assert inside.send("PATCH", path, {"name": "Sales"}).json()["name"] == "Sales"
    assert inside.send("POST", f"{path}/files").status == 409
    assert inside.send("DELETE", path).status == 204
    assert inside.send("POST", f"{path}/survey", {}).status == 404


def test_music_may_be_several_files(inside):
    data = bring(inside, "music", "tunes.abc", ABC)
    more = inside.ask("POST", f"/api/data/{data['id']}/files", ABC.encode(), query="name=tunes.abc")
    assert more.json()["files"] == 2
    found = inside.send("POST", f"/api/data/{data['id']}/survey", {}).json()
    assert found["pieces"] == 32
    assert len(list(inside.studio.home.data.iterdir())) == 1


def test_runs_of_the_command_line_are_told_apart(inside, corpus):
    request = {"corpus": corpus["id"], "options": TINY}
    id = inside.send("POST", "/api/runs", request).json()["id"]
    run = until(
        lambda: (r := inside.send("GET", f"/api/runs/{id}").json())["status"] == "finished" and r
    )
    assert run["kind"] == "text"
    order = inside.studio.home.runs / id / "studio.json"
    order.write_text(
        json.dumps({k: v for k, v in json.loads(order.read_text()).items() if k != "kind"})
    )
    assert inside.ask("GET", "/api/runs", query="kind=text").json()[0]["id"] == id
    assert TEXT


def test_music_is_learned_from_a_public_set_too(inside, tmp_path, monkeypatch):
    monkeypatch.setenv("RECURRA_DATA", str(tmp_path / "sets"))
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    dataset = find("irish-abc")
    file = tmp_path / "sets" / dataset.files[0]
    file.parent.mkdir(parents=True)
    file.write_text(ABC)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    mine = replace(dataset, sha256=digest)
    known = (find("nottingham"), mine)
    put(monkeypatch, "music", known)
    listed = inside.ask("GET", "/api/data", query="kind=music").json()
    sets = {entry["id"]: entry for entry in listed if entry["origin"] == "public"}
    # What is here comes first; what is not says so.
    assert [(id, one["ready"]) for id, one in sets.items()] == [
        ("public-irish-abc", True),
        ("public-nottingham", False),
    ]
    assert sets["public-irish-abc"]["licence"] == dataset.licence
    assert sets["public-irish-abc"]["bytes"] == dataset.size_bytes
    assert inside.send("DELETE", "/api/data/public-irish-abc").status == 409
    assert inside.send("POST", "/api/data/public-irish-abc/survey", {}).status == 409
    assert inside.send("DELETE", "/api/data/public-nothing").status == 404
    training = kind_of_music.prepare(
        ["data:irish-abc"], "Irish tunes", QUICK | {"embedding": 4}, None
    )
    # Its name is kept, so that the licence is.
    assert training.task.provenance()["licence"] == dataset.licence
