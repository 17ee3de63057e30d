"""What the reference engine promises beyond its gradients: carrying, resets, learning, drawing."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import FormatError, ShapeError
from recurra.core.parameters import initialise
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Cell
from recurra.engines.base import Batch, OptimiserOptions
from recurra.engines.reference import ReferenceNetwork
from tests.cases import VARIANTS, make_spec, random_batch, random_params, random_state


def build(cell=None, seed=0, optimiser=None, dtype=np.float64, **spec):
    network_spec = make_spec(cell, **spec)
    params = random_params(network_spec, np.random.default_rng(seed))
    return ReferenceNetwork(network_spec, params, optimiser, dtype)


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
def test_two_windows_equal_one(cell):
    network = build(cell, sizes=(4, 3))
    rng = np.random.default_rng(1)
    window = random_batch(network.spec, rng, 9, 2, resets=True)
    state = network.import_state(random_state(network.spec, rng, 2))
    whole, end = network.forward(window.inputs, state, window.resets)
    first, middle = network.forward(window.inputs[:4], state, window.resets[:4])
    second, end_of_two = network.forward(window.inputs[4:], middle, window.resets[4:])
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    for name, array in network.export_state(end).items():
        np.testing.assert_array_equal(network.export_state(end_of_two)[name], array)


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
def test_a_reset_forgets_everything_before_it(cell):
    network = build(cell, sizes=(4, 3))
    rng = np.random.default_rng(2)
    inputs = rng.integers(0, 7, (6, 2))
    resets = np.zeros((6, 2), bool)
    resets[3, 1] = True
    state = network.import_state(random_state(network.spec, rng, 2))
    after, _ = network.forward(inputs, state, resets)
    fresh, _ = network.forward(inputs[3:], network.zero_state(2))
    unbroken, _ = network.forward(inputs, state)
    np.testing.assert_allclose(after[3:, 1], fresh[:, 1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(after[:, 0], unbroken[:, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_learns_one_window_by_heart(cell):
    spec = make_spec(cell, sizes=(16, 16))
    network = ReferenceNetwork(spec, initialise(spec, seed=4))
    window = random_batch(spec, np.random.default_rng(3), 8, 2)
    for step in range(150):
        pending, _ = network.train_step(
            window, network.zero_state(2), learning_rate=0.02, step=step, seed=0
        )
    assert pending.read().loss_nats < 0.05
    assert pending.read().accuracy == 1.0


def test_parts_of_a_step_add_up_to_the_whole():
    """Two halves of a batch, accumulated, move the weights as the whole batch does."""
    whole, halves = build(seed=5), build(seed=5)
    window = random_batch(whole.spec, np.random.default_rng(6), 5, 4)
    whole.train_step(window, whole.zero_state(4), learning_rate=0.1, step=0, seed=0)
    before = halves.weights()
    for part in range(2):
        half = Batch(window.inputs[:, 2 * part :][:, :2], window.targets[:, 2 * part :][:, :2])
        for name, array in halves.weights().items():
            np.testing.assert_array_equal(array, before[name])
        halves.train_step(
            half, halves.zero_state(2), learning_rate=0.1, step=0, seed=0, part=part, parts=2
        )
    for name, array in whole.weights().items():
        np.testing.assert_allclose(halves.weights()[name], array, rtol=1e-9, atol=1e-9)


def test_dropout_depends_on_seed_and_step_alone():
    options = {"sizes": (6, 6), "dropout": 0.5, "recurrent_dropout": 0.3}
    window = random_batch(make_spec(), np.random.default_rng(7), 5, 2)

    def weights_after(seed, step):
        network = build(**options)
        network.train_step(window, network.zero_state(2), learning_rate=0.1, step=step, seed=seed)
        return network.weights()["weight_hh_l1"]

    np.testing.assert_array_equal(weights_after(1, 3), weights_after(1, 3))
    assert not np.array_equal(weights_after(1, 3), weights_after(1, 4))
    assert not np.array_equal(weights_after(1, 3), weights_after(2, 3))


def test_evaluation_ignores_dropout_and_reports_its_own_mean():
    network = build(sizes=(6,), dropout=0.5)
    window = random_batch(network.spec, np.random.default_rng(8), 5, 2, weights=True)
    report, log_probs, _ = network.evaluate(window, network.zero_state(2))
    again, _, _ = network.evaluate(window, network.zero_state(2))
    assert report == again
    expected = -(log_probs * window.weights).sum() / window.weights.sum()
    assert report.loss_nats == pytest.approx(expected)
    assert report.positions == window.weights.sum()


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
def test_generation_draws_what_the_forward_pass_predicts(cell):
    network = build(cell, sizes=(4, 4), residual=True)
    state = network.zero_state(2)
    drawn = network.generate(np.array([1, 2]), state, 12, SamplingOptions(), seed=9)
    read = np.concatenate([[[1, 2]], drawn.tokens[:-1]])
    logits, end = network.forward(read, state)
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_probs, drawn.tokens[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(drawn.log_probs, picked, rtol=0, atol=1e-12)
    for name, array in network.export_state(end).items():
        got = network.export_state(drawn.state)[name]
        np.testing.assert_allclose(got, array, rtol=0, atol=1e-12)


def test_generation_does_not_depend_on_cuts_or_neighbours():
    network = build(sizes=(8,))
    sampling = SamplingOptions(temperature=0.8)
    start = np.array([3, 3, 3])
    together = network.generate(start, network.zero_state(3), 20, sampling, seed=1)
    first = network.generate(start[2:], network.zero_state(1), 7, sampling, seed=1, lanes=[2])
    rest = network.generate(first.tokens[-1], first.state, 13, sampling, seed=1, start=7, lanes=[2])
    alone = np.concatenate([first.tokens, rest.tokens])[:, 0]
    np.testing.assert_array_equal(together.tokens[:, 2], alone)
    assert len({tuple(row) for row in together.tokens.T}) == 3


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
def test_trace_holds_the_equations(cell):
    network = build(cell, sizes=(4, 3))
    window = random_batch(network.spec, np.random.default_rng(10), 6, 2)
    state = network.zero_state(2)
    found = network.trace(window.inputs, state)
    logits, end = network.forward(window.inputs, state)
    np.testing.assert_array_equal(found["logits"], logits)
    assert {name for name in found if name.endswith("_l1")} == {
        f"{name}_l1" for name in (*cell.gates, *cell.states) if name != "gates"
    }
    np.testing.assert_allclose(found["h_l1"][-1], end[1]["h"], rtol=0, atol=1e-15)
    if cell == Cell():
        c, i, f, g = (found[f"{name}_l0"] for name in "cifg")
        np.testing.assert_allclose(c[1:], f[1:] * c[:-1] + i[1:] * g[1:], rtol=0, atol=1e-15)


def test_refusals_change_nothing():
    network = build(optimiser=OptimiserOptions(optimiser="sgd", momentum=0.9))
    before = network.weights()
    token = np.zeros((3, 2), np.int64)
    with pytest.raises(ShapeError, match="vocabulary has 7"):
        network.forward(token + 7, network.zero_state(2))
    with pytest.raises(ShapeError, match="hold 2 sequences, but the state holds 3"):
        network.forward(token, network.zero_state(3))
    with pytest.raises(ShapeError, match="targets are"):
        network.train_step(
            Batch(token, token[:2]), network.zero_state(2), learning_rate=1, step=0, seed=0
        )
    with pytest.raises(FormatError, match=r"lack 'head\.bias'"):
        network.load_weights({n: a for n, a in before.items() if n != "head.bias"})
    with pytest.raises(FormatError, match="another optimiser"):
        network.load_optimiser_state({"step": np.zeros(1)})
    for name, array in network.weights().items():
        np.testing.assert_array_equal(array, before[name])
