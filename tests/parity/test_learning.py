"""Ten training steps on the torch engine and on the reference, and runs that change engines."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import FormatError
from recurra.core.spec import Cell
from recurra.engines.base import OptimiserOptions
from tests.cases import VARIANTS, make_spec, random_batch, random_params

RULES = {
    "sgd": OptimiserOptions(optimiser="sgd"),
    "momentum": OptimiserOptions(optimiser="sgd", momentum=0.9),
    "adagrad": OptimiserOptions(optimiser="adagrad"),
    "rmsprop": OptimiserOptions(optimiser="rmsprop"),
    "adam": OptimiserOptions(optimiser="adam"),
    "adamw": OptimiserOptions(optimiser="adamw"),
}


def learn(network, batches, *, first=0, rate=0.01, parts=1, seed=3):
    """Take one step a batch, or a batch a part, carrying the state; return the reports."""
    state = network.zero_state(batches[0].inputs.shape[1])
    reports = []
    for n, batch in enumerate(batches):
        step, part = divmod(n, parts)
        pending, state = network.train_step(
            batch,
            state,
            learning_rate=rate * (1 + step),
            step=first + step,
            seed=seed,
            part=part,
            parts=parts,
        )
        reports.append(pending.read())
    return reports, state


def compare_learning(
    pair, close, spec, rng, options, *, count=10, parts=1, precision="float64", **batch
):
    params = random_params(spec, rng)
    ours, theirs = pair(spec, params, options, precision=precision)
    batches = [random_batch(spec, rng, 5, 3, **batch) for _ in range(count)]
    got, state = learn(ours, batches, parts=parts)
    want, wanted_state = learn(theirs, batches, parts=parts)
    for mine, other in zip(got, want, strict=True):
        close(mine.loss_nats, other.loss_nats, precision, steps=True)
        close(mine.mean_posterior, other.mean_posterior, precision, steps=True)
        assert mine.accuracy == pytest.approx(other.accuracy)
        assert np.isnan(mine.gradient_norm) == np.isnan(other.gradient_norm)
        if not np.isnan(mine.gradient_norm):
            close(mine.gradient_norm, other.gradient_norm, precision, steps=True)
    close(ours.weights(), theirs.weights(), precision, steps=True)
    close(ours.export_state(state), theirs.export_state(wanted_state), precision, steps=True)
    close(ours.optimiser_state(), theirs.optimiser_state(), precision, steps=True)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("decay", [0.0, 0.1], ids=["plain", "decay"])
def test_ten_steps_with_every_rule(pair, close, rng, rule, decay):
    options = RULES[rule].replace(weight_decay=decay, clip_norm=0.5)
    compare_learning(pair, close, make_spec(sizes=(4, 4)), rng, options)


@pytest.mark.parametrize("variant", VARIANTS)
def test_ten_steps_with_every_cell(pair, close, rng, variant):
    spec = make_spec(VARIANTS[variant], sizes=(4, 3), dropout=0.2, recurrent_dropout=0.3)
    compare_learning(pair, close, spec, rng, OptimiserOptions(epsilon=1e-4), resets=True)


@pytest.mark.parametrize(
    "stack",
    [
        {"dropout": 0.4},
        {"recurrent_dropout": 0.4},
        {"dropout": 0.3, "residual": True},
        {"dropout": 0.3, "recurrent_dropout": 0.2, "residual": True},
    ],
    ids=str,
)
def test_ten_steps_with_dropout(pair, close, rng, stack):
    spec = make_spec(sizes=(4, 4), reads="one_hot", **stack)
    compare_learning(pair, close, spec, rng, OptimiserOptions(epsilon=1e-4))


@pytest.mark.parametrize(
    "clip",
    [
        {"clip_norm": 0.0},
        {"clip_norm": 0.05},
        {"clip_value": 0.01, "clip_norm": 0.0},
        {"clip_value": 0.02, "clip_norm": 0.05},
    ],
    ids=str,
)
def test_clipping(pair, close, rng, clip):
    options = OptimiserOptions(optimiser="sgd", **clip)
    compare_learning(pair, close, make_spec(sizes=(4,)), rng, options)


def test_gradients_of_parts_are_averaged(pair, close, rng):
    spec = make_spec(sizes=(4, 4), dropout=0.3)
    options = OptimiserOptions(epsilon=1e-4)
    compare_learning(pair, close, spec, rng, options, count=12, parts=3, weights=True)


def test_ten_steps_with_weights_and_a_tied_head(pair, close, rng):
    spec = make_spec(sizes=(4, 3), tied=True)
    compare_learning(pair, close, spec, rng, OptimiserOptions(epsilon=1e-4), weights=True)


def test_ten_steps_in_float32(pair, close, rng):
    options = OptimiserOptions(epsilon=1e-4)
    compare_learning(pair, close, make_spec(sizes=(8, 8)), rng, options, precision="float32")


@pytest.mark.parametrize("rule", RULES)
def test_a_run_goes_on_upon_the_other_engine(pair, close, rng, rule):
    spec = make_spec(sizes=(4,))
    options = RULES[rule].replace(epsilon=1e-4)
    batches = [random_batch(spec, rng, 5, 3) for _ in range(8)]
    params = random_params(spec, rng)
    ours, theirs = pair(spec, params, options)
    whole, _ = pair(spec, params, options)
    first, _ = learn(whole, batches[:4])
    more, _ = learn(whole, batches[4:], first=4)
    learn(ours, batches[:4])
    theirs.load_weights(ours.weights())
    theirs.load_optimiser_state(ours.optimiser_state())
    learn(theirs, batches[4:6], first=4)
    ours.load_weights(theirs.weights())
    ours.load_optimiser_state(theirs.optimiser_state())
    last = batches[6:]
    # `learn` counts its rates from its own first batch, as the uninterrupted run must too.
    assert ours.optimiser_state()["step"] == [6]
    del first, more, whole
    straight, _ = pair(spec, params, options)
    learn(straight, batches[:4])
    learn(straight, batches[4:6], first=4)
    learn(straight, last, first=6)
    learn(ours, last, first=6)
    close(ours.weights(), straight.weights(), steps=True)
    close(ours.optimiser_state(), straight.optimiser_state(), steps=True)


def test_the_memory_of_another_rule_is_refused(pair, rng):
    spec = make_spec()
    params = random_params(spec, rng)
    adam, _ = pair(spec, params, OptimiserOptions(optimiser="adam"))
    sgd, _ = pair(spec, params, OptimiserOptions(optimiser="sgd"))
    with pytest.raises(FormatError, match="lacks 'mean"):
        adam.load_optimiser_state(sgd.optimiser_state())


def test_learning_drives_the_loss_of_one_batch_down(pair, rng):
    spec = make_spec(Cell(), sizes=(16,))
    ours, _ = pair(spec, random_params(spec, rng), precision="float32")
    batch = random_batch(spec, rng, 6, 4)
    reports, _ = learn(ours, [batch] * 60, rate=1e-3)
    assert reports[-1].loss_nats < 0.5 * reports[0].loss_nats
