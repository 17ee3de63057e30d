"""Units taken out: against a hand-made loop that really holds the state still."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from recurra.core.errors import ConfigError
from recurra.core.sampling import log_softmax
from recurra.insight.ablation import ablate, frozen, losses
from recurra.insight.trace import Unit, trace
from tests.cases import VARIANTS, VOCABULARY, make_spec, random_params
from tests.insight.networks import BRACKET, bracket_detector, bracket_text, build, ids, is_inside

TOKENS = np.random.default_rng(3).integers(0, VOCABULARY, 20)


def held_by_hand(params, units, held, tokens):
    """Return the nats of each next token when units of layer 0 stay at `held`, step by step."""
    size = params["weight_hh_l0"].shape[1]
    h, c = np.zeros(size), np.zeros(size)
    found = []
    for now, following in pairwise(tokens):
        x = params["embedding.weight"][now]
        z = params["weight_ih_l0"] @ x + params["weight_hh_l0"] @ h + params["bias_ih_l0"]
        i, f, g, o = np.split(z, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        c[units] = held
        h = o * np.tanh(c)
        logits = params["head.weight"] @ h + params["head.bias"]
        found.append(-log_softmax(logits[None])[0, following])
    return np.array(found)


@pytest.mark.parametrize("engine", ["reference", "torch"])
@pytest.mark.parametrize("value", [0.0, 2.5])
def test_the_frozen_network_is_the_one_with_the_state_held(engine, value):
    if engine == "torch":
        pytest.importorskip("torch")
    spec = make_spec(sizes=(5,))
    params = random_params(spec, np.random.default_rng(1))
    found = ablate(
        lambda changed: build(spec, changed, engine),
        build(spec, params, engine),
        [Unit(0, 1), Unit(0, 4)], [value, value], TOKENS[:-1], TOKENS[1:], np.ones(19, bool),
    )  # fmt: skip
    want = held_by_hand(params, [1, 4], value, TOKENS)
    assert found.ablated.whole == pytest.approx(want.mean(), abs=1e-10)
    assert found.intact.whole == pytest.approx(
        held_by_hand(params, [], 0.0, TOKENS).mean(), abs=1e-10
    )


@pytest.mark.parametrize("cell", ["vanilla", "cifg", "peephole", "nig", "nfg", "nog", "gru"])
def test_a_frozen_memory_never_moves(cell):
    spec = make_spec(VARIANTS[cell], sizes=(5, 4))
    params = random_params(spec, np.random.default_rng(1))
    unit = Unit(1, 2)
    network = build(spec, frozen(spec, params, [unit]))
    memory = trace(network, TOKENS)["h" if cell == "gru" else "c"]
    np.testing.assert_allclose(memory.at(unit=unit).values, 0.0, atol=1e-12)
    assert np.abs(memory.at(layer=1, unit=1).values).max() > 0.01


def test_a_unit_that_nothing_reads_costs_nothing():
    spec = make_spec(sizes=(5,))
    params = random_params(spec, np.random.default_rng(1))
    params["weight_hh_l0"][:, 3] = 0
    params["head.weight"][:, 3] = 0
    found = ablate(
        lambda changed: build(spec, changed), build(spec, params), [Unit(0, 3)], [0.7],
        TOKENS[:-1], TOKENS[1:], np.arange(19) % 2 == 0,
    )  # fmt: skip
    assert found.cost_inside == pytest.approx(0.0, abs=1e-12)
    assert found.cost_outside == pytest.approx(0.0, abs=1e-12)
    assert (found.inside, found.outside) == (10, 9)


def test_without_its_bracket_unit_a_network_loses_inside_brackets():
    spec, params = bracket_detector()
    # It expects the bracket that fits: ")" while one is open, "(" while none is.
    params["head.weight"][:2, BRACKET] = [-3.0, 3.0]
    text = bracket_text(600)
    tokens = ids(text)
    network = build(spec, params)
    without = ablate(
        lambda changed: build(spec, changed), network, [Unit(0, BRACKET)], [-0.76],
        tokens[:-1], tokens[1:], is_inside(text)[:-1],
    )  # fmt: skip
    assert without.cost_inside > 0.1
    assert abs(without.cost_outside) < 0.01
    nats = losses(network, tokens[:-1], tokens[1:])
    assert without.intact.whole == pytest.approx(nats.mean())


def test_an_empty_context_has_no_loss():
    spec, params = bracket_detector()
    tokens = ids(bracket_text(50))
    found = ablate(
        lambda changed: build(spec, changed), build(spec, params), [Unit(0, 0)], [0.0],
        tokens[:-1], tokens[1:], np.zeros(49, bool),
    )  # fmt: skip
    assert np.isnan(found.intact.inside)
    assert np.isfinite(found.cost_outside)


@pytest.mark.parametrize("cell", ["layer_norm", "fgr"])
def test_what_cannot_be_taken_out_gets_a_sentence(cell):
    spec = make_spec(VARIANTS[cell], sizes=(5,))
    with pytest.raises(ConfigError, match="cannot be taken out"):
        frozen(spec, random_params(spec, np.random.default_rng(1)), [Unit(0, 0)])
