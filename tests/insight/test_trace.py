"""A trace is what the network really did, whoever computed it."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ConfigError, ShapeError
from recurra.engines import EngineOptions, make
from recurra.engines.base import Batch
from recurra.insight.trace import Unit, trace
from tests.cases import VARIANTS, VOCABULARY
from tests.insight.networks import random_network

TOKENS = np.random.default_rng(5).integers(0, VOCABULARY, 23)


@pytest.mark.parametrize("cell", ["vanilla", "cifg", "peephole", "fgr", "layer_norm", "gru"])
def test_reference_and_torch_trace_the_same(cell):
    pytest.importorskip("torch")
    networks = [
        random_network(VARIANTS[cell], sizes=(5, 3), engine=engine)
        for engine in ("reference", "torch")
    ]
    ours, theirs = (trace(network, TOKENS, start=2) for network in networks)
    assert list(ours.units) == list(theirs.units)
    for name, array in ours.units.items():
        assert array.shape == (23, 8)
        np.testing.assert_allclose(theirs.units[name], array, rtol=0, atol=1e-12)
    np.testing.assert_allclose(theirs.logits, ours.logits, rtol=0, atol=1e-12)
    np.testing.assert_allclose(theirs.surprise, ours.surprise, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["vanilla", "cifg", "gru"])
def test_native_traces_the_same_in_single_precision(cell):
    engine = make("native", EngineOptions(engine="native"))
    if reason := engine.available():
        pytest.skip(reason)
    shape = {"sizes": (5, 3), "precision": "float32"}
    ours = trace(random_network(VARIANTS[cell], **shape), TOKENS, start=2)
    theirs = trace(random_network(VARIANTS[cell], engine="native", **shape), TOKENS, start=2)
    for name, array in ours.units.items():
        np.testing.assert_allclose(theirs.units[name], array, rtol=0, atol=1e-5)
    np.testing.assert_allclose(theirs.logits, ours.logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", ["vanilla", "fgr", "gru", "everything"])
@pytest.mark.parametrize("chunk", [1, 7, 24])
def test_the_state_is_carried_from_chunk_to_chunk(cell, chunk):
    network = random_network(VARIANTS[cell], sizes=(5, 3))
    whole, cut = trace(network, TOKENS, start=0), trace(network, TOKENS, start=0, chunk=chunk)
    for name, array in whole.units.items():
        np.testing.assert_allclose(cut.units[name], array, rtol=0, atol=1e-13)
    np.testing.assert_allclose(cut.surprise, whole.surprise, rtol=0, atol=1e-13)


def test_surprise_is_what_evaluating_says():
    network = random_network(sizes=(5, 3))
    read = np.concatenate([[2], TOKENS])
    _, log_probs, _ = network.evaluate(
        Batch(read[:-1, None], read[1:, None]), network.zero_state(1)
    )
    found = trace(network, TOKENS, start=2)
    np.testing.assert_allclose(found.surprise, -log_probs[:, 0], rtol=0, atol=1e-12)


def test_without_a_start_nothing_predicts_the_first_token():
    found = trace(random_network(), TOKENS)
    assert np.isnan(found.surprise[0])
    assert np.isfinite(found.surprise[1:]).all()
    assert len(found) == len(found["c"].values) == 23


@pytest.mark.parametrize("cell", ["vanilla", "fgr", "gru"])
def test_reading_goes_on_from_a_traced_state(cell):
    network = random_network(VARIANTS[cell], sizes=(5, 3))
    found = trace(network, TOKENS)
    state = network.import_state(found.state_after([9, 14]))
    logits, _ = network.forward(TOKENS[[10, 15]][None], state)
    np.testing.assert_allclose(logits[0], found.logits[[10, 15]], rtol=0, atol=1e-12)


def test_vectors_are_traced_too():
    x = np.random.default_rng(0).normal(size=(6, 4))
    network = random_network(reads="vector", sizes=(3,))
    found = trace(network, x)
    logits, _ = network.forward(x[:, None], network.zero_state(1))
    np.testing.assert_allclose(found.logits, logits[:, 0], rtol=0, atol=1e-12)
    assert np.isnan(found.surprise).all()


def test_axes_have_names_and_places_have_labels():
    found = trace(random_network(sizes=(5, 3)), TOKENS, labels=[f"t{n}" for n in range(23)])
    c = found["c"]
    assert c.axes == ("time", "unit")
    upper = c.at(layer=1)
    assert upper.labels[1] == [Unit(1, 0), Unit(1, 1), Unit(1, 2)]
    np.testing.assert_array_equal(upper.values, c.values[:, 5:])
    one = c.at(layer=1, unit=2, time=slice(3, 5))
    assert one.axes == ("time",)
    assert list(one.labels[0]) == ["t3", "t4"]
    np.testing.assert_array_equal(one.values, c.values[3:5, 7])
    np.testing.assert_array_equal(c.at(unit=Unit(0, 4), time=-1).values, c.values[-1, 4])
    assert found["logits"].axes == ("time", "token")


def test_what_is_not_there_gets_a_sentence():
    found = trace(random_network(sizes=(5, 3)), TOKENS)
    for where in ({"layer": 2}, {"layer": 1, "unit": 3}, {"time": 23}):
        with pytest.raises(ShapeError):
            found["c"].at(**where)
    with pytest.raises(ShapeError, match="no 'unit'"):
        found["surprise"].at(layer=0)
    with pytest.raises(ConfigError, match="no 'cell'"):
        found["cell"]
    with pytest.raises(ShapeError, match="at least one"):
        trace(random_network(), np.array([], np.int64))


def test_units_are_read_as_they_are_written():
    assert Unit.parse("1:2", (5, 3)) == Unit(1, 2)
    assert str(Unit(1, 2)) == "1:2"
    for wrong in ("1", "1:3", "2:0", "a:b", "-1:0", ""):
        with pytest.raises(ConfigError):
            Unit.parse(wrong, (5, 3))


def test_what_a_step_keeps_is_the_forget_gate_of_every_cell():
    for name, want in (
        ("vanilla", lambda u: u["f"]),
        ("cifg", lambda u: 1 - u["i"]),
        ("nfg", lambda u: np.ones_like(u["c"])),
        ("gru", lambda u: u["z"]),
    ):
        found = trace(random_network(VARIANTS[name]), TOKENS)
        np.testing.assert_allclose(found.kept, want(found.units))
