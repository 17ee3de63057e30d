"""Forgetting times: the formula, gates that were made up, and networks that forget everything."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ConfigError
from recurra.insight.forgetting import forgetting, half_life, measured_half_life, reach
from recurra.insight.trace import trace
from tests.cases import VARIANTS, VOCABULARY, make_spec, random_params
from tests.insight.networks import build, random_network

TOKENS = np.random.default_rng(5).integers(0, VOCABULARY, 60)


def test_a_gate_of_nine_tenths_has_a_half_life_of_six_and_a_half_steps():
    assert half_life(0.9) == pytest.approx(6.5788, abs=1e-4)
    assert 0.9 ** float(half_life(0.9)) == pytest.approx(0.5)
    np.testing.assert_array_equal(half_life([0.0, 0.5, 1.0]), [0.0, 1.0, np.inf])


def test_a_constant_gate_measures_the_first_whole_step_after_its_half_life():
    kept = np.tile([0.9, 0.5, 1.0, 0.0], (50, 1))
    np.testing.assert_array_equal(measured_half_life(kept), [7, 1, np.inf, 1])


def test_a_unit_that_keeps_all_and_then_drops_all_is_seen_through():
    kept = np.ones((100, 1))
    kept[9::10] = 0.0
    # The mean gate, 0.9, implies 6.6 steps. Really half is left until the drop, 1 to 10 steps on.
    assert half_life(kept.mean()) == pytest.approx(6.58, abs=0.01)
    assert measured_half_life(kept)[0] in (5, 6)


@pytest.mark.parametrize("cell", ["vanilla", "cifg", "nfg", "gru"])
def test_times_come_layer_by_layer(cell):
    found = forgetting(trace(random_network(VARIANTS[cell], sizes=(5, 3)), TOKENS))
    assert [len(layer) for layer in found.by_layer(found.implied)] == [5, 3]
    low, middle, high = found.shares(found.implied).T
    assert (low <= middle).all()
    assert (middle <= high).all()
    np.testing.assert_array_equal(found.implied, half_life(found.mean_gate))
    if cell == "nfg":
        assert np.isinf(found.measured).all()


def amnesiac():
    """Return a network whose gates drop everything and that does not read its hidden state."""
    spec = make_spec(sizes=(5,))
    params = random_params(spec, np.random.default_rng(0))
    params["weight_hh_l0"][:] = 0
    forget = slice(5, 10)
    params["weight_ih_l0"][forget] = 0
    params["bias_ih_l0"][forget] = -1000.0
    return build(spec, params)


def test_what_forgets_everything_is_moved_by_the_last_token_alone():
    network = amnesiac()
    moved = reach(network, TOKENS, trace(network, TOKENS), distance=10, positions=20)
    assert moved.divergence[0] > 0.01
    np.testing.assert_allclose(moved.divergence[1:], 0.0, atol=1e-12)
    assert moved.within(0.01) == 1


def test_the_divergence_is_that_of_a_text_read_again():
    network = random_network(sizes=(5, 3))
    traced = trace(network, TOKENS)
    # With 60 tokens and 58 steps to follow, the one place where a token can change is place 1.
    moved = reach(network, TOKENS, traced, distance=58, positions=1, seed=4)
    possible = []
    for other in range(VOCABULARY):
        changed = TOKENS.copy()
        changed[1] = other
        logits = trace(network, changed).logits[1:]
        shares = [np.exp(one) / np.exp(one).sum(-1, keepdims=True) for one in
                  (traced.logits[1:], logits)]  # fmt: skip
        possible.append((shares[0] * np.log(shares[0] / shares[1])).sum(-1))
    assert any(np.allclose(moved.divergence, one, atol=1e-9) for one in possible)
    assert moved.divergence[0] > 0


def test_the_same_seed_changes_the_same_tokens():
    network = random_network()
    traced = trace(network, TOKENS)
    first, again, other = (
        reach(network, TOKENS, traced, distance=5, positions=8, seed=seed).divergence
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_short_or_dull_text_is_refused():
    network = random_network()
    with pytest.raises(ConfigError, match="needs 102"):
        reach(network, TOKENS, trace(network, TOKENS))
    same = np.zeros(60, np.int64)
    with pytest.raises(ConfigError, match="one token"):
        reach(network, same, trace(network, same), distance=5)
