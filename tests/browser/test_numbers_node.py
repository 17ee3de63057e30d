"""Number sequences in TypeScript, in Node: the same questions get the same answers as in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recurra.core.errors import RecurraError
from recurra.tasks.series.numbers.families import FAMILIES
from recurra.tasks.series.numbers.model import NumberModel
from recurra.tasks.series.numbers.training import learn
from tests.browser.conftest import run

BOUND = 1e-5
"""Of probabilities and shares: the kernel computes in float32, the reference in float64."""
QUESTIONS = [
    [2, 4, 6, 8], [-3, 6, -12, 24], [0, 0], [999, -999, 1000, 5],
    [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89],
    [2, 4, 6, 8, 10, 12, 999], [123_456, 234_567, 345_678], [4999, -4999, 4999],
]  # fmt: skip
SHAPES: dict[str, dict[str, Any]] = {
    "small": {"digits": 3, "terms": 6, "sizes": (20,), "steps": 120},
    "wide": {"digits": 12, "terms": 7, "sizes": (14, 9), "steps": 30},
    "gru": {"digits": 6, "terms": 8, "sizes": (16,), "steps": 30, "gru": True,
            "families": ("arithmetic", "geometric")},
}  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name, options in SHAPES.items():
        found[name] = folder / f"{name}.safetensors"
        learn(**options, batch_size=64, engine="native", threads=1).save(found[name])
    return found


def answered(node: str, dist: Path, tmp_path: Path, cases: Any) -> Any:
    """Return what TypeScript makes of the cases."""
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases))
    return json.loads(run(node, str(dist / "tests" / "numbers.node.mjs"), str(path), str(dist)))


def test_the_same_questions_get_the_same_answers(
    node: str, dist: Path, tmp_path: Path, models: dict[str, Path]
) -> None:
    cases = [
        {"model": str(models[name]), "numbers": numbers, "count": 6, "terms": 3}
        for name in SHAPES
        for numbers in [*QUESTIONS, [], [7]]
    ]
    told = answered(node, dist, tmp_path, cases)
    assert told["needed"] == {name: family.needed for name, family in FAMILIES.items()}
    refused, noted = 0, 0
    opened = {
        str(path): NumberModel.load(path, engine="reference", precision="float64")
        for path in models.values()
    }
    for case, found in zip(cases, told["results"], strict=True):
        model, numbers = opened[case["model"]], case["numbers"]
        if "error" in found:
            with pytest.raises(RecurraError) as refusal:
                model.ask(numbers, count=6)
            assert found["error"] == str(refusal.value)
            refused += 1
            continue
        want = model.ask(numbers, count=6)
        given = {one["number"]: one["probability"] for one in found["answers"]}
        assert list(given.values()) == sorted(given.values(), reverse=True)
        assert list(given.values()) == pytest.approx(
            [one.probability for one in want.answers], rel=0, abs=BOUND
        )
        for one in want.answers[:3]:
            assert given[one.number] == pytest.approx(one.probability, rel=0, abs=BOUND)
        assert found["weights"] == pytest.approx(want.weights, rel=0, abs=BOUND)
        assert found["notes"] == list(want.notes)
        noted += len(want.notes)
        terms = model.continue_(numbers, 3)
        assert [one["number"] for one in found["terms"]] == [one.number for one in terms]
    assert refused == 7  # too short in all of them, too large in one
    assert noted >= 6


def test_a_model_of_something_else_is_refused(
    node: str, dist: Path, tmp_path: Path, models: dict[str, Path]
) -> None:
    model = NumberModel.load(models["small"])
    wrong: dict[str, Any] = {
        "kind": {"kind": "text"},
        "digits": {"options": {"sequences": {"digits": 99, "terms": 6, "families": ["squares"]}}},
        "network": {"options": {"sequences": {"digits": 3, "terms": 8, "families": ["squares"]}}},
    }
    cases = []
    for name, change in wrong.items():
        model.document = {**model.document, "task": {**model.document["task"], **change}}
        model.save(tmp_path / f"{name}.safetensors")
        cases.append({"model": str(tmp_path / f"{name}.safetensors"), "numbers": [1, 2],
                      "count": 1, "terms": 1})  # fmt: skip
        model.document["task"]["kind"] = "numbers"
    told = [one["error"] for one in answered(node, dist, tmp_path, cases)["results"]]
    assert told[0].endswith("this is a model of text, not of number sequences.")
    assert told[1].endswith("does not say which numbers it learned.")
    assert told[2].endswith("the network does not read and predict digits.")
