"""Every derivative of the reference engine against central differences in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recurra.core.spec import Cell, Embedding
from recurra.engines.reference import ReferenceNetwork
from recurra.engines.reference.network import Dropout
from tests.cases import VARIANTS, make_spec, random_batch, random_params, random_state

STEP = 5e-4
BOUND = 1e-6
"""Largest relative error allowed; the worst measured below is 5e-7 (layer norm over two units)."""


def relative_error(got: np.ndarray, want: np.ndarray) -> float:
    """Return |got - want| over the larger norm of the two, as one number for an array."""
    scale = max(float(np.linalg.norm(got)), float(np.linalg.norm(want)), 1e-5)
    return float(np.linalg.norm(got - want)) / scale


def differences(function, array: np.ndarray) -> np.ndarray:
    """Return the derivative of `function()` by each entry of `array`, changed and put back.

    Five-point central differences: their error is STEP^4 times the fifth derivative, which keeps
    them exact enough for layer norm over three units, where the curvature is large.
    """
    slopes = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        values = []
        for shift in (-2, -1, 1, 2):
            array[index] = kept + shift * STEP
            values.append(function())
        array[index] = kept
        slopes[index] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * STEP)
    return slopes


def check_all(spec, seed=0, *, dropout=None, time=3, width=2, **batch):
    """Compare the gradients of weights, inputs and state with differences of the loss."""
    rng = np.random.default_rng(seed)
    network = ReferenceNetwork(spec, random_params(spec, rng), dtype=np.float64)
    window = random_batch(spec, rng, time, width, **batch)
    arrays = random_state(spec, rng, width)

    def loss() -> float:
        state = network.import_state(arrays)
        return network._learn(window, state, dropout, want_inputs=False)[0].loss_nats

    state = network.import_state(arrays)
    _, found, _ = network._learn(window, state, dropout, want_inputs=True)
    # Differences are of the same loss; the gradients that come with it would take most of the time.
    network._pull = lambda *_, **__: None
    assert set(found.params) == set(network.params)
    for name, array in network.params.items():
        assert relative_error(found.params[name], differences(loss, array)) < BOUND, name
    assert set(found.state) == set(arrays)
    for name, array in arrays.items():
        assert relative_error(found.state[name], differences(loss, array)) < BOUND, name
    if window.inputs.ndim == 3:
        assert relative_error(found.inputs, differences(loss, window.inputs)) < BOUND


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("sizes", [(4,), (3, 4), (3, 3, 2)], ids=str)
def test_gradients_of_every_variant_and_depth(cell, sizes):
    check_all(make_spec(cell, sizes=sizes))


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
def test_gradients_with_resets_weights_and_vectors(cell):
    check_all(make_spec(cell, sizes=(3, 4), reads="vector"), resets=True, weights=True)


@pytest.mark.parametrize("reads", ["one_hot", "embedding", "vector"])
def test_gradients_of_every_input(reads):
    check_all(make_spec(reads=reads))


def test_gradients_of_a_tied_head():
    check_all(make_spec(tied=True, sizes=(4, 3)))


def test_gradients_of_a_residual_stack():
    check_all(make_spec(sizes=(3, 3, 3, 2), residual=True), resets=True)


@pytest.mark.parametrize("cell", [Cell(), Cell(gru=True), Cell(layer_norm=True)], ids=str)
def test_gradients_under_dropout(cell):
    rng = np.random.default_rng(3)
    masks = Dropout(
        [rng.choice([0.0, 2.0], (3, 2, n)) for n in (3, 3)],
        [rng.choice([0.0, 2.0], (2, n)) for n in (3, 3)],
    )
    check_all(make_spec(cell, sizes=(3, 3), residual=True), dropout=masks, resets=True)


def test_gradients_of_inputs_embed_and_agree_with_backward():
    """The gradient of the embedded tokens is that of a vector input with the same numbers."""
    rng = np.random.default_rng(5)
    spec = make_spec(sizes=(4, 3))
    params = random_params(spec, rng)
    window = random_batch(spec, rng, 5, 2)
    network = ReferenceNetwork(spec, params, dtype=np.float64)
    state = network.zero_state(2)
    _, found = network.gradients(window, state)

    vectors = make_spec(sizes=(4, 3), reads="vector")
    vectors = vectors.replace(input=vectors.input.replace(size=3))
    table = params.pop("embedding.weight")
    twin = ReferenceNetwork(vectors, params, dtype=np.float64)
    assert isinstance(spec.input, Embedding)
    _, wanted = twin.gradients(replace(window, inputs=table[window.inputs]), state)
    np.testing.assert_allclose(found.inputs, wanted.inputs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("reads", ["one_hot", "embedding", "vector"])
def test_backward_pulls_any_output_gradient(reads):
    """`backward` differentiates sum(outputs * doutputs), whatever the outputs are used for."""
    rng = np.random.default_rng(6)
    spec = make_spec(sizes=(3, 4), reads=reads)
    network = ReferenceNetwork(spec, random_params(spec, rng), dtype=np.float64)
    window = random_batch(spec, rng, 4, 2, resets=True)
    arrays = random_state(spec, rng, 2)
    pull = rng.normal(size=(4, 2, 7))

    def value() -> float:
        state = network.import_state(arrays)
        return float((network.forward(window.inputs, state, window.resets)[0] * pull).sum())

    state = network.import_state(arrays)
    found = network.backward(window.inputs, state, pull, window.resets)
    for name, array in network.params.items():
        assert relative_error(found.params[name], differences(value, array)) < BOUND, name
    for name, array in arrays.items():
        assert relative_error(found.state[name], differences(value, array)) < BOUND, name
