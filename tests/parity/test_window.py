"""One window on the torch engine and on the reference: outputs, states, loss, every derivative."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recurra.core.spec import Cell
from tests.cases import (
    VARIANTS,
    VOCABULARY,
    make_spec,
    random_batch,
    random_params,
    random_state,
)

SIZES = {"one": (5,), "two": (4, 4), "differing": (5, 3)}


def compare_window(pair, close, spec, rng, *, time=4, width=3, precision="float64", **batch):
    """Hold every result of the contract that concerns one window against the reference."""
    params = random_params(spec, rng)
    ours, theirs = pair(spec, params, precision=precision)
    window = random_batch(spec, rng, time, width, **batch)
    arrays = random_state(spec, rng, width)
    state, wanted_state = ours.import_state(arrays), theirs.import_state(arrays)

    got, after = ours.forward(window.inputs, state, window.resets)
    want, wanted_after = theirs.forward(window.inputs, wanted_state, window.resets)
    close(got, want, precision)
    close(ours.export_state(after), theirs.export_state(wanted_after), precision)

    report, picked, after = ours.evaluate(window, state)
    wanted_report, wanted_picked, wanted_after = theirs.evaluate(window, wanted_state)
    close(picked, wanted_picked, precision)
    close(ours.export_state(after), theirs.export_state(wanted_after), precision)
    compare_reports(close, report, wanted_report, precision)

    report, grads = ours.gradients(window, state)
    wanted_report, wanted = theirs.gradients(window, wanted_state)
    compare_reports(close, report, wanted_report, precision)
    for part in ("params", "inputs", "state"):
        close(getattr(grads, part), getattr(wanted, part), precision)

    doutputs = rng.normal(size=(time, width, VOCABULARY))
    grads = ours.backward(window.inputs, state, doutputs, window.resets)
    wanted = theirs.backward(window.inputs, wanted_state, doutputs, window.resets)
    for part in ("params", "inputs", "state"):
        close(getattr(grads, part), getattr(wanted, part), precision)

    close(
        ours.trace(window.inputs, state, window.resets),
        theirs.trace(window.inputs, wanted_state, window.resets),
        precision,
    )
    close(ours.weights(), params, precision)
    close(ours.export_state(state), arrays, precision)


def compare_reports(close, got, want, precision):
    for name in ("loss_nats", "mean_posterior", "positions"):
        close(getattr(got, name), getattr(want, name), precision)
    if precision != "bfloat16":
        assert got.accuracy == pytest.approx(want.accuracy)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_cell(pair, close, rng, variant, sizes):
    compare_window(pair, close, make_spec(VARIANTS[variant], sizes=sizes), rng)


@pytest.mark.parametrize(
    "cell", [Cell(), Cell(gru=True), Cell(peephole=True)], ids=["lstm", "gru", "loop"]
)
@pytest.mark.parametrize("reads", ["one_hot", "embedding", "vector"])
def test_every_input(pair, close, rng, cell, reads):
    compare_window(pair, close, make_spec(cell, sizes=(3, 3), reads=reads), rng)


@pytest.mark.parametrize("engine", ["torch"], indirect=True)  # it looks inside
@pytest.mark.parametrize("cell", [Cell(), Cell(gru=True)], ids=["lstm", "gru"])
def test_one_hot_with_more_tokens_than_gate_rows_gathers_them(pair, close, rng, cell):
    spec = make_spec(cell, sizes=(1, 2), reads="one_hot")
    ours, _ = pair(spec, random_params(spec, rng))
    assert ours._stack.fused[0].gathers
    compare_window(pair, close, spec, rng)


@pytest.mark.parametrize("variant", VARIANTS)
def test_resets(pair, close, rng, variant):
    spec = make_spec(VARIANTS[variant], sizes=(3, 4))
    compare_window(pair, close, spec, rng, time=7, resets=True)


@pytest.mark.parametrize(("time", "width"), [(1, 1), (1, 5), (9, 1)])
def test_odd_windows(pair, close, rng, time, width):
    compare_window(pair, close, make_spec(sizes=(2, 2)), rng, time=time, width=width)


def test_a_reset_at_every_position_is_the_same_as_no_memory(pair, close, rng):
    spec = make_spec(sizes=(4,))
    ours, _ = pair(spec, random_params(spec, rng))
    inputs = random_batch(spec, rng, 5, 2).inputs
    resets = np.ones((5, 2), bool)
    got, _ = ours.forward(inputs, ours.import_state(random_state(spec, rng, 2)), resets)
    alone, _ = ours.forward(inputs.reshape(1, 10), ours.zero_state(10))
    close(got.reshape(1, 10, -1), alone)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("sizes", [(3, 3, 3), (4, 3)])
def test_residual(pair, close, rng, sizes, residual):
    compare_window(pair, close, make_spec(sizes=sizes, residual=residual), rng)


@pytest.mark.parametrize("cell", [Cell(), Cell(coupled=True)], ids=["fused", "loop"])
def test_tied_head(pair, close, rng, cell):
    compare_window(pair, close, make_spec(cell, sizes=(4, 3), tied=True), rng, resets=True)


def test_weighted_positions(pair, close, rng):
    compare_window(pair, close, make_spec(sizes=(4,)), rng, time=6, weights=True)


@pytest.mark.parametrize("engine", ["torch"], indirect=True)  # it looks inside
def test_only_the_last_position_counts(pair, close, rng):
    spec = make_spec(sizes=(4, 4))
    ours, theirs = pair(spec, random_params(spec, rng))
    weights = np.zeros((6, 3), np.float32)
    weights[-1] = 1
    window = replace(random_batch(spec, rng, 6, 3), weights=weights)
    seen = []
    head = ours._head
    ours._head = lambda top: seen.append(top.shape[0]) or head(top)
    report, grads = ours.gradients(window, ours.zero_state(3))
    wanted_report, wanted = theirs.gradients(window, theirs.zero_state(3))
    assert seen == [3]
    compare_reports(close, report, wanted_report, "float64")
    close(grads.params, wanted.params)


@pytest.mark.parametrize("variant", ["vanilla", "gru", "peephole", "layer_norm", "fgr"])
def test_float32_over_a_hundred_steps(pair, close, rng, variant):
    spec = make_spec(VARIANTS[variant], sizes=(16, 16))
    compare_window(pair, close, spec, rng, time=100, width=4, precision="float32")


def test_bfloat16_products_stay_near(pair, close, rng):
    spec = make_spec(sizes=(32, 32))
    params = {name: 0.3 * array for name, array in random_params(spec, rng).items()}
    ours, theirs = pair(spec, params, precision="bfloat16")
    window = random_batch(spec, rng, 12, 8)
    report, grads = ours.gradients(window, ours.zero_state(8))
    wanted_report, wanted = theirs.gradients(window, theirs.zero_state(8))
    compare_reports(close, report, wanted_report, "bfloat16")
    close(grads.params, wanted.params, "bfloat16")
    assert ours.weights()["weight_hh_l0"].dtype == np.float32
