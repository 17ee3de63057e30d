"""A model file opens as what it is a model of."""

from __future__ import annotations

import pytest

import recurra
from recurra.core.errors import FormatError
from recurra.formats.model_file import save_model
from recurra.tasks.series.numbers.model import NumberModel
from recurra.tasks.series.numbers.training import learn
from recurra.tasks.text.model import Model


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    path = tmp_path_factory.mktemp("numbers") / "numbers.safetensors"
    learn(steps=1, sizes=(8,), engine="native").save(path)
    return path


def test_the_kind_is_told_by_the_file(numbers):
    model = recurra.load(numbers)
    assert isinstance(model, NumberModel)
    assert model.parameters == sum(array.size for array in model.weights.values())
    with pytest.raises(FormatError, match="a model of numbers, not of text"):
        Model.load(numbers)


def test_a_kind_of_a_later_version_is_refused_by_name(numbers, tmp_path):
    model = recurra.load(numbers)
    task = {**model.document["task"], "kind": "smells"}
    save_model(tmp_path / "new.safetensors", model.weights, {**model.document, "task": task})
    with pytest.raises(FormatError, match=r"task\.kind is 'smells', but this version knows text"):
        recurra.load(tmp_path / "new.safetensors")
