"""Networks as data: what may be combined, what it weighs, how it travels as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.core.parameters import (
    check_parameters,
    initialise,
    parameter_count,
    parameter_shapes,
)
from recurra.core.spec import Cell, Embedding, OneHot, Softmax, Spec, Stack
from tests.cases import VARIANTS, make_spec


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
def test_a_spec_survives_json(cell):
    spec = make_spec(cell, sizes=(4, 3))
    assert Spec.parse(json.loads(spec.model_dump_json())) == spec


def test_parameter_count_is_the_textbooks():
    spec = Spec(
        input=OneHot(vocabulary_size=65),
        stack=Stack(sizes=(128,)),
        head=Softmax(vocabulary_size=65),
    )
    # 4 (H F + H H + H) for the layer, V H + V for the head.
    assert parameter_count(spec) == 4 * (128 * 65 + 128 * 128 + 128) + 65 * 128 + 65


def test_missing_gates_have_no_weights():
    assert Cell(coupled=True).gates == ("i", "g", "o")
    assert Cell(no_input_gate=True, no_output_gate=True).gates == ("f", "g")
    shapes = parameter_shapes(make_spec(Cell(coupled=True, peephole=True), sizes=(5,)))
    assert shapes["weight_hh_l0"] == (15, 5)
    assert shapes["peephole_l0"] == (2, 5)


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
def test_first_weights_depend_on_the_seed_alone(cell):
    spec = make_spec(cell, sizes=(4, 3))
    one, same, other = (initialise(spec, seed) for seed in (1, 1, 2))
    check_parameters(spec, {name: array.shape for name, array in one.items()})
    for name, array in one.items():
        np.testing.assert_array_equal(array, same[name])
    assert not np.array_equal(one["weight_hh_l0"], other["weight_hh_l0"])


def test_forget_gates_start_open():
    bias = initialise(make_spec(sizes=(5,)), 0)["bias_ih_l0"].reshape(4, 5)
    assert (bias[1] == 1.0).all()
    assert np.abs(bias[[0, 2, 3]]).max() <= 1 / np.sqrt(5)


def test_impossible_cells_say_why():
    with pytest.raises(ConfigError, match="neither can go"):
        Cell(coupled=True, no_input_gate=True)
    with pytest.raises(ConfigError, match="gru goes with none of the LSTM's flags, but peephole"):
        Cell(gru=True, peephole=True)


def test_impossible_ties_say_why():
    table = Embedding(vocabulary_size=7, size=3)
    with pytest.raises(ConfigError, match="as wide as the last layer"):
        Spec(input=table, stack=Stack(sizes=(4,)), head=Softmax(vocabulary_size=7, tied=True))
    with pytest.raises(ConfigError, match="needs an embedding"):
        Spec(
            input=OneHot(vocabulary_size=7),
            stack=Stack(sizes=(4,)),
            head=Softmax(vocabulary_size=7, tied=True),
        )


def test_unknown_settings_offer_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'peephole'"):
        Cell.parse({"peepholes": True})
    with pytest.raises(ConfigError, match=r"dropout is 1\.5, but should be less than 1"):
        Stack(dropout=1.5)


def test_weights_of_another_network_are_refused_by_name():
    spec = make_spec()
    shapes = parameter_shapes(spec)
    with pytest.raises(FormatError, match=r"'head\.bias' is \[8\], but the network needs \[7\]"):
        check_parameters(spec, {**shapes, "head.bias": (8,)})
    with pytest.raises(FormatError, match="hold 'surprise'"):
        check_parameters(spec, {**shapes, "surprise": (1,)})
