"""Heads of values: densities against torch.distributions, derivatives against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recurra.core.errors import ConfigError, ShapeError
from recurra.core.parameters import initialise
from recurra.core.spec import (
    Gaussian,
    Mixture,
    NegativeBinomial,
    Quantiles,
    Spec,
    Stack,
    StudentT,
    Vector,
)
from recurra.engines import EngineOptions, make
from recurra.engines.base import Batch
from recurra.engines.heads import draw, mean_of, quantiles_of, score, window_loss
from recurra.engines.heads.density import FLOOR, quantile_values
from recurra.engines.heads.functions import digamma, log_gamma, softplus

HEADS = {
    "gaussian": Gaussian(targets=2, horizon=3),
    "student_t": StudentT(targets=2, horizon=3),
    "negative_binomial": NegativeBinomial(targets=2, horizon=3),
    "mixture": Mixture(targets=2, horizon=3, components=4),
    "quantiles": Quantiles(targets=2, horizon=3, levels=(0.1, 0.25, 0.5, 0.6, 0.9)),
}


def raw_and_targets(head, rng, *shape):
    raw = rng.normal(0, 1.5, (*shape, head.outputs))
    targets = rng.normal(0, 2, (*shape, head.values * head.given))
    if isinstance(head, NegativeBinomial):
        pairs = targets.reshape(*shape, head.values, 2)
        pairs[..., 0] = rng.poisson(4, pairs.shape[:-1])
        pairs[..., 1] = rng.uniform(0.5, 9, pairs.shape[:-1])
    return raw, targets


def test_log_gamma_and_digamma():
    x = np.concatenate([np.geomspace(1e-6, 1e9, 200), np.arange(1.0, 30)])
    want = np.array([math.lgamma(v) for v in x])
    assert np.all(np.abs(log_gamma(x) - want) < 1e-12 * np.maximum(1, np.abs(want)))
    step = 1e-4 * np.minimum(x, 1)
    slope = np.array(
        [(math.lgamma(v + s) - math.lgamma(v - s)) / (2 * s) for v, s in zip(x, step, strict=True)]
    )
    keep = (x > 1e-3) & (x < 1e4)
    assert np.allclose(digamma(x)[keep], slope[keep], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_derivatives_by_the_raw_outputs(head):
    rng = np.random.default_rng(3)
    raw, targets = raw_and_targets(head, rng, 20)
    found = score(head, raw, targets).draw.reshape(raw.shape)
    step = 1e-6
    for n in range(head.outputs):
        up, down = raw.copy(), raw.copy()
        up[:, n] += step
        down[:, n] -= step
        slope = (score(head, up, targets).loss - score(head, down, targets).loss).sum(1) / (
            2 * step
        )
        assert np.allclose(found[:, n], slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["gaussian", "student_t", "negative_binomial", "mixture"])
def test_densities_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    from torch import distributions as known

    head = HEADS[name]
    raw, targets = raw_and_targets(head, np.random.default_rng(4), 50)
    found = score(head, raw, targets).loss
    a = torch.from_numpy(raw).reshape(50, head.values, head.numbers)
    y = torch.from_numpy(targets).reshape(50, head.values, head.given)
    plus = torch.nn.functional.softplus
    if name == "gaussian":
        wanted = known.Normal(a[..., 0], plus(a[..., 1]) + FLOOR)
    elif name == "student_t":
        wanted = known.StudentT(2 + plus(a[..., 2]), a[..., 0], plus(a[..., 1]) + FLOOR)
    elif name == "negative_binomial":
        mean, spread = y[..., 1] * plus(a[..., 0]) + 1e-6, plus(a[..., 1]) + 1e-6
        wanted = known.NegativeBinomial(1 / spread, probs=mean / (mean + 1 / spread))
    else:
        k = head.components
        parts = known.Normal(a[..., k : 2 * k], plus(a[..., 2 * k :]) + FLOOR)
        wanted = known.MixtureSameFamily(known.Categorical(logits=a[..., :k]), parts)
    assert np.allclose(found, -wanted.log_prob(y[..., 0]).numpy(), rtol=1e-9, atol=1e-9)


def test_quantiles_never_cross_and_the_median_alone_gives_the_absolute_error():
    raw = np.random.default_rng(0).normal(0, 5, (100, 7))
    assert (np.diff(quantile_values(raw)) >= 0).all()
    head = Quantiles(levels=(0.5,))
    found = score(head, np.array([[1.0], [4.0]]), np.array([[3.0], [3.0]])).loss
    assert np.allclose(found[:, 0], [2.0, 1.0])
    with pytest.raises(ConfigError, match="rise"):
        Quantiles(levels=(0.5, 0.2))


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_draws_have_the_mean_that_is_told(head):
    rng = np.random.default_rng(5)
    raw, _ = raw_and_targets(head, rng, 1)
    raw = np.abs(raw).astype(np.float32)
    scale = np.full((1, 1), 3.0)
    many = draw(head, np.repeat(raw, 40_000, axis=0), np.random.default_rng(1), scale)
    again = draw(head, np.repeat(raw, 40_000, axis=0), np.random.default_rng(1), scale)
    assert (many == again).all()
    error = many.std(axis=0) / 200
    assert (np.abs(many.mean(axis=0) - mean_of(head, raw, scale)[0]) < 6 * error + 0.02).all()


def test_draws_of_quantiles_fall_below_each_level_as_often_as_it_says():
    head = Quantiles(levels=(0.1, 0.5, 0.9))
    raw = np.array([[0.3, -1.0, 0.8]], np.float32)
    many = draw(head, np.repeat(raw, 50_000, axis=0), np.random.default_rng(2))[:, 0]
    for level, value in zip(head.levels, quantile_values(raw)[0], strict=True):
        assert abs((many < value).mean() - level) < 0.01
    levels = np.array([0.01, 0.1, 0.3, 0.9, 0.99])
    found = quantiles_of(head, raw, levels)[0, 0]
    assert (np.diff(found) > 0).all()
    assert found[1] == pytest.approx(quantile_values(raw)[0, 0])


def networks(head, dtype="float64", **stack):
    spec = Spec(input=Vector(size=3), stack=Stack(sizes=(6, 5), **stack), head=head)
    params = initialise(spec, 1)
    built = {}
    for name in ("reference", "torch", "native"):
        precision = "float32" if name == "native" else dtype
        engine = make(name, EngineOptions(engine=name, precision=precision, threads=2))
        if engine.available() is None:
            built[name] = engine.build(spec, params)
    return built


def batch_for(head, rng, time=5, width=4, holes=True):
    _, targets = raw_and_targets(head, rng, time, width)
    weights = rng.choice([0.0, 1.0, 2.0], (time, width, head.values)).astype(np.float32)
    weights[1] = 0
    if holes:
        per_value = targets.reshape(time, width, head.values, head.given)
        per_value[weights == 0] = np.nan
    resets = rng.random((time, width)) < 0.2
    return Batch(rng.normal(size=(time, width, 3)).astype(np.float32), targets, weights, resets)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_every_engine_gives_the_same_loss_and_gradients(head):
    rng = np.random.default_rng(6)
    batch = batch_for(head, rng)
    found = {}
    for name, network in networks(head).items():
        state = network.zero_state(4)
        report, gradients = network.gradients(batch, state)
        evaluated, log_probs, _ = network.evaluate(batch, state)
        assert evaluated.loss_nats == pytest.approx(report.loss_nats, rel=1e-6)
        assert math.isnan(report.accuracy)
        found[name] = report, gradients, log_probs
    reference, wanted, log_probs = found.pop("reference")
    assert found
    assert reference.positions == pytest.approx(float(batch.weights.sum()))
    assert -log_probs.sum() / reference.positions == pytest.approx(reference.loss_nats)
    for name, (report, gradients, theirs) in found.items():
        bound = 2e-4 if name == "native" else 1e-10
        assert report.loss_nats == pytest.approx(reference.loss_nats, rel=bound)
        assert np.allclose(theirs, log_probs, rtol=bound, atol=bound * 10)
        for key, array in wanted.params.items():
            assert np.allclose(gradients.params[key], array, rtol=bound * 10, atol=bound), key
        for key, array in wanted.state.items():
            assert np.allclose(gradients.state[key], array, rtol=bound * 10, atol=bound), key
        assert np.allclose(gradients.inputs, wanted.inputs, rtol=bound * 10, atol=bound)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_every_engine_learns_the_same(dropout, parts):
    head = StudentT(horizon=2)
    rng = np.random.default_rng(7)
    batches = [batch_for(head, rng) for _ in range(6)]
    weights, reports = {}, {}
    for name, network in networks(head, dropout=dropout, recurrent_dropout=dropout / 2).items():
        state = network.zero_state(4)
        for step, batch in enumerate(batches):
            pending, state = network.train_step(
                batch, state, learning_rate=0.01, step=step // parts, seed=3, part=step % parts,
                parts=parts,
            )  # fmt: skip
        weights[name], reports[name] = network.weights(), pending.read()
    for name, found in weights.items():
        for key, array in weights["reference"].items():
            assert np.allclose(found[key], array, rtol=1e-3, atol=2e-4), (name, key)
        assert reports[name].loss_nats == pytest.approx(reports["reference"].loss_nats, rel=1e-3)
        assert reports[name].gradient_norm == pytest.approx(
            reports["reference"].gradient_norm, rel=1e-2
        )


def test_missing_values_change_nothing():
    head = Gaussian(targets=2)
    rng = np.random.default_rng(8)
    whole = batch_for(head, rng, holes=False)
    holed = Batch(whole.inputs, np.where(whole.weights > 0, whole.targets, np.nan), whole.weights)
    outputs = rng.normal(size=(5, 4, head.outputs))
    first, second = (window_loss(head, outputs, one, learn=True) for one in (whole, holed))
    assert first.report.loss_nats == second.report.loss_nats
    assert (first.doutputs == second.doutputs).all()
    assert (first.doutputs[1] == 0).all()


def test_a_window_without_a_value_costs_nothing():
    head = Gaussian(targets=2)
    batch = batch_for(head, np.random.default_rng(8))
    nothing = Batch(batch.inputs, batch.targets, 0 * batch.weights)
    for network in networks(head).values():
        report, gradients = network.gradients(nothing, network.zero_state(4))
        assert report.loss_nats == report.positions == 0
        assert all((g == 0).all() for g in gradients.params.values())


def test_targets_of_another_shape_are_refused():
    head = Gaussian(targets=2)
    (network,) = [networks(head)["reference"]]
    batch = Batch(np.zeros((5, 4, 3)), np.zeros((5, 4, 3)))
    with pytest.raises(ShapeError, match=r"targets are \[5, 4, 3\]"):
        network.evaluate(batch, network.zero_state(4))


def test_softplus_has_no_overflow():
    x = np.array([-1000.0, 0.0, 1000.0], np.float32)
    assert np.allclose(softplus(x), [0, math.log(2), 1000])
