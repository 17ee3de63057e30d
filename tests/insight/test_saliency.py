"""Saliency against finite differences, and what integrated gradients must add up to."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ConfigError, ShapeError
from recurra.core.sampling import log_softmax
from recurra.engines.base import state_shapes
from recurra.insight.saliency import SaliencyProbe
from recurra.insight.trace import trace
from tests.cases import VARIANTS, VOCABULARY, make_spec, random_params
from tests.insight.networks import build

TOKENS = np.random.default_rng(7).integers(0, VOCABULARY, 9)
STEP = 1e-5


def probe_of(cell="vanilla", seed=3, **shape):
    spec = make_spec(VARIANTS[cell], **{"sizes": (5, 4), **shape})
    params = random_params(spec, np.random.default_rng(seed))
    return SaliencyProbe(spec, params), spec, params


def score_of(probe, x, state, target, score):
    logits, _ = probe.network.forward(x, probe.network.import_state(state))
    last = logits[-1, 0]
    return last[target] if score == "logit" else log_softmax(last)[target]


def difference(of, array, place):
    """Return the slope of a function along one entry of an array, from five points.

    Two would not do: layer norm of a state near zero bends sharply.
    """
    values = []
    for step in (-2, -1, 1, 2):
        moved = array.copy()
        moved[place] += step * STEP
        values.append(of(moved))
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * STEP)


CASES = [
    ("vanilla", "embedding"), ("vanilla", "one_hot"), ("gru", "embedding"), ("fgr", "embedding"),
    ("everything", "one_hot"), ("cifg", "embedding"), ("layer_norm", "embedding"),
]  # fmt: skip


@pytest.mark.parametrize("score", ["logit", "log_probability"])
@pytest.mark.parametrize(("cell", "reads"), CASES)
def test_gradients_of_the_inputs_equal_finite_differences(cell, reads, score):
    probe, spec, _ = probe_of(cell, reads=reads)
    found = probe.ask(TOKENS, 3, score=score)
    x = probe.vectors(TOKENS)[:, None]
    zero = {n: np.zeros(shape) for n, shape in state_shapes(spec, 1).items()}
    want = np.array(
        [
            [
                difference(lambda moved: score_of(probe, moved, zero, 3, score), x, (t, 0, k))
                for k in range(x.shape[2])
            ]
            for t in range(len(x))
        ]
    )
    np.testing.assert_allclose(found.inputs, want, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.norm, np.linalg.norm(want, axis=1), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.dot, (want * x[:, 0]).sum(axis=1), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("cell", ["vanilla", "gru", "fgr", "everything", "layer_norm"])
def test_gradients_of_every_state_on_the_way_equal_finite_differences(cell):
    probe, spec, _ = probe_of(cell)
    found = probe.ask(TOKENS, 2)
    assert set(found.states) == set(state_shapes(spec, 1))
    x = probe.vectors(TOKENS)[:, None]
    for t in (0, 4, 8):
        before = probe.network.zero_state(1)
        if t:
            _, before = probe.network.forward(x[:t], before)
        arrays = probe.network.export_state(before)
        for name, array in arrays.items():

            def of(moved, name=name, arrays=arrays, t=t):
                return score_of(probe, x[t:], {**arrays, name: moved}, 2, "log_probability")

            want = [difference(of, array, (0, k)) for k in range(array.shape[1])]
            np.testing.assert_allclose(found.states[name][t], want, rtol=1e-6, atol=1e-9)


def test_a_reset_lets_no_gradient_through():
    spec = make_spec(sizes=(5, 4))
    network = build(spec, random_params(spec, np.random.default_rng(3)))
    resets = np.zeros((9, 1), bool)
    resets[4] = True
    upstream = np.zeros((9, 1, VOCABULARY))
    upstream[-1, 0, 1] = 1.0
    found, states = network.backward_states(
        TOKENS[:, None], network.zero_state(1), upstream, resets
    )
    plain = network.backward(TOKENS[:, None], network.zero_state(1), upstream, resets)
    np.testing.assert_array_equal(found.inputs, plain.inputs)
    assert not states["c_l0"][:5].any()
    assert states["c_l0"][5].any()
    np.testing.assert_array_equal(states["h_l1"][0], plain.state["h_l1"])


@pytest.mark.parametrize("reads", ["embedding", "one_hot"])
def test_integrated_gradients_add_up_to_what_the_inputs_changed(reads):
    probe, spec, _ = probe_of(reads=reads)
    found = probe.ask(TOKENS, 4, method="integrated", parts=400)
    zero = {n: np.zeros(shape) for n, shape in state_shapes(spec, 1).items()}
    blank = np.zeros((len(TOKENS), 1, spec.input.features))
    nothing = score_of(probe, blank, zero, 4, "log_probability")
    assert found.dot.sum() == pytest.approx(found.score - nothing, abs=1e-4)
    assert abs(found.gap) < 1e-4
    rough = probe.ask(TOKENS, 4, method="integrated", parts=1)
    assert rough.gap == pytest.approx(rough.dot.sum() - (found.score - nothing), abs=1e-12)
    assert abs(rough.gap) > 10 * abs(found.gap)


def test_a_tied_network_is_asked_like_any_other():
    probe, spec, params = probe_of(sizes=(4, 3), tied=True)
    network = build(spec, params)
    logits, _ = network.forward(TOKENS[:, None], network.zero_state(1))
    found = probe.ask(TOKENS)
    assert found.target == int(logits[-1, 0].argmax())
    assert found.score == pytest.approx(log_softmax(logits[-1, 0])[found.target], abs=1e-12)


@pytest.mark.parametrize("back", [1, 3, 12])
def test_many_windows_at_once_say_what_each_says_alone(back):
    probe, spec, params = probe_of()
    traced = trace(build(spec, params), TOKENS)
    wanted = np.arange(2, 9)
    places = wanted[None] - back + np.arange(back)[:, None]
    before = places[0] - 1
    states = traced.state_after(np.maximum(before, 0))
    for array in states.values():
        array[before < 0] = 0
    lengths = np.minimum(wanted, back)
    found = probe.ask_many(TOKENS[np.maximum(places, 0)], states, lengths, TOKENS[wanted])
    for n, place in enumerate(wanted):
        alone = probe.ask(TOKENS[:place], int(TOKENS[place]))
        count = lengths[n]
        np.testing.assert_allclose(found[-count:, n], alone.dot[-count:], rtol=1e-9, atol=1e-12)
        assert not found[: back - count, n].any()


def test_what_cannot_be_asked_gets_a_sentence():
    probe, _, _ = probe_of()
    with pytest.raises(ConfigError, match="no token"):
        probe.ask(TOKENS, VOCABULARY)
    with pytest.raises(ShapeError, match="at least one"):
        probe.ask(TOKENS[:0])
