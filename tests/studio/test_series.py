"""What is asked of models of numbers: the next term, a forecast, a class."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.tasks.series.labels.model import Classifier
from recurra.tasks.series.labels.training import prepare as prepare_labels
from recurra.tasks.series.model import SeriesModel
from recurra.tasks.series.numbers.model import NumberModel
from recurra.tasks.series.numbers.training import prepare as prepare_numbers
from recurra.tasks.series.read import read_panel
from recurra.tasks.series.training import prepare_file
from tests.studio.test_kinds import COLUMNS, LABELLED, TABLE, bring

QUICK = {"sizes": (6,), "steps": 8, "engine": "reference", "validate_every": 8}


def model_of(training, kind):
    outcome = training.run()
    return kind(outcome.weights, outcome.document)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small model of each kind, and the data they learned from, as files."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "sales.csv").write_text(TABLE)
    (folder / "moves.csv").write_text(LABELLED)
    made = {
        "series": model_of(
            prepare_file(folder / "sales.csv", QUICK | COLUMNS | {"horizon": 7, "window": 28}),
            SeriesModel,
        ),
        "numbers": model_of(prepare_numbers(None, QUICK), NumberModel),
        "labels": model_of(
            prepare_labels(str(folder / "moves.csv"), QUICK | {"label": "first"}), Classifier
        ),
    }
    for kind, model in made.items():
        model.save(folder / f"{kind}.safetensors")
    return folder


@pytest.fixture
def put(inside, files):
    def add(kind):
        body = (files / f"{kind}.safetensors").read_bytes()
        return inside.ask("POST", "/api/models", body, query=f"name={kind}").json()["id"]

    return add


def ask(inside, id, verb, **body):
    return inside.send("POST", f"/api/models/{id}/{verb}", body)


def test_the_next_term_is_the_librarys(inside, put, files):
    id = put("numbers")
    answer = ask(inside, id, "ask", numbers=[2, 4, 6, 8], count=3, terms=4).json()
    known = NumberModel.load(files / "numbers.safetensors")
    want = known.ask([2, 4, 6, 8], count=3)
    assert [a["number"] for a in answer["answers"]] == [a.number for a in want.answers]
    assert answer["weights"] == pytest.approx(list(want.weights))
    assert sum(answer["weights"]) == pytest.approx(1)
    assert [a["number"] for a in answer["terms"]] == [
        a.number for a in known.continue_([2, 4, 6, 8], 4)
    ]
    assert answer["below"] == known.options.most
    beyond = ask(inside, id, "ask", numbers=[2_000_000, 3_000_000, 4_000_000]).json()
    assert "outside the range" in beyond["notes"][0]
    assert ask(inside, id, "ask", numbers=[1]).status == 422
    assert ask(inside, id, "ask", numbers=[1, 10**9]).status == 422
    assert ask(inside, id, "forecast").status == 409


def test_a_forecast_is_the_librarys_with_what_came(inside, put, files):
    id, data = put("series"), bring(inside, "series", "sales.csv", TABLE)["id"]
    facts = ask(inside, id, "series", data=data).json()
    assert (facts["names"], facts["horizon"], facts["season"]) == (["north", "south"], 7, 7)
    found = ask(inside, id, "forecast", data=data, series="south", levels=[80, 95]).json()
    known = SeriesModel.load(files / "series.safetensors")
    panel = read_panel(files / "sales.csv", known.settings.columns).panel
    y = panel.series[1].y
    assert found["truth"] == pytest.approx(y[-7:].tolist())
    assert found["history"] == pytest.approx(y[:-7].tolist())
    assert found["naive"] == pytest.approx(y[-14:-7].tolist())
    assert [i["level"] for i in found["intervals"]] == [95, 80]
    wide, narrow = (np.array(i["high"]) - np.array(i["low"]) for i in found["intervals"])
    assert (wide >= narrow).all()
    assert (narrow > 0).all()
    ahead = ask(inside, id, "forecast", data=data, held_out=False, horizon=3).json()
    assert ahead["truth"] is None
    assert (ahead["stamps"][0], len(ahead["median"])) == ("2024-03-25T00:00:00", 3)
    refused = ask(inside, id, "forecast", data=data, series="west")
    assert (refused.status, refused.json()["field"]) == (422, "series")
    assert ask(inside, id, "forecast", data=data, horizon=500).status == 422
    assert ask(inside, id, "forecast").status == 404  # what it learned from is not here


def test_measures_and_memory_of_a_forecast(inside, put):
    id, data = put("series"), bring(inside, "series", "sales.csv", TABLE)["id"]
    *shares, last = ask(inside, id, "evaluate", data=data).lines()
    assert all(0 <= line["share"] <= 1 for line in shares)
    scores = last["result"]
    assert (scores["series"], scores["steps"], scores["season"]) == (2, 7, 7)
    assert scores["naive"]["coverage_80"] is None
    assert 0 <= scores["model"]["coverage_80"] <= 1
    memory = ask(inside, id, "memory", data=data, series="north").json()
    (layer,) = memory["layers"]
    assert (layer["units"], len(layer["values"])) == (6, 6 * 84)
    assert len(memory["y"]) == len(memory["stamps"]) == 84


def test_classes_are_told_measured_and_explained(inside, put, files):
    id, data = put("labels"), bring(inside, "labels", "moves.csv", LABELLED)["id"]
    found = ask(inside, id, "classify", data=data).json()
    assert (found["classes"], found["count"]) == (["down", "up"], 30)
    matrix = np.array(found["confusion"])
    assert matrix.sum() == 30
    assert found["accuracy"] == pytest.approx(matrix.trace() / 30)
    one = ask(inside, id, "moments", data=data, row=3).json()
    assert one["label"] == "up"
    assert one["said"] == found["series"][3]["said"]
    assert len(one["values"][0]) == len(one["saliency"]) == 4
    assert sum(one["saliency"]) == pytest.approx(1)
    assert ask(inside, id, "moments", data=data, row=30).status == 422


@pytest.mark.parametrize(("kind", "example"), [("series", "visitors"), ("labels", "pulses")])
def test_the_examples_are_read(inside, kind, example):
    entry, *public = inside.ask("GET", "/api/data", query=f"kind={kind}").json()
    assert (entry["id"], entry["origin"]) == (f"example-{example}", "example")
    assert {one["origin"] for one in public} == {"public"}
    guess = entry["facts"].get("guess", {})
    found = inside.send("POST", f"/api/data/{entry['id']}/survey", guess).json()
    assert found["series"] == {"series": 4, "labels": 90}[kind]
    assert inside.send("DELETE", f"/api/data/{entry['id']}").status == 409
