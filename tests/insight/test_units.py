"""What units respond to: a detector that was built is found, and chance is taken for chance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recurra.core.errors import ConfigError, ShapeError
from recurra.core.spec import Cell
from recurra.insight.trace import Trace, Unit, trace
from recurra.insight.units import explain, mutual_information
from tests.insight.networks import BRACKET, bracket_detector, bracket_text, build, ids, is_inside


def made_up(memory):
    """Return a trace of nothing but these memories [T, U]."""
    steps, units = memory.shape
    return Trace(
        labels=range(steps), sizes=(units,), cell=Cell(), units={"c": memory, "h": memory},
        logits=np.zeros((steps, 2)), surprise=np.zeros(steps),
    )  # fmt: skip


def slow_noise(rng, steps, pace=0.98):
    """Return a random walk that is pulled back: as autocorrelated as a cell state."""
    values = np.zeros(steps)
    for t in range(1, steps):
        values[t] = pace * values[t - 1] + rng.normal()
    return values


def test_mutual_information_by_hand():
    assert mutual_information([0, 0, 1, 1], [0, 0, 1, 1]) == pytest.approx(1.0)
    assert mutual_information([0, 1, 0, 1], [0, 0, 1, 1]) == pytest.approx(0.0)
    # H(a) = 1, H(a | b): b = 0 leaves (2/3, 1/3) in 3 of 4 cases, b = 1 leaves nothing.
    left = 0.75 * -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
    assert mutual_information([0, 0, 1, 1], [0, 0, 0, 1]) == pytest.approx(1 - left)


def test_a_bracket_detector_is_found():
    spec, params = bracket_detector()
    text = bracket_text(1500)
    found = explain(
        trace(build(spec, params), ids(text)),
        {"inside": is_inside(text), "letter a": np.array([c == "a" for c in text])},
    )
    best = found.ranking()[0]
    assert (best.unit, best.feature) == (Unit(0, BRACKET), "inside")
    assert best.score > 0.99
    assert best.p == 0.01
    assert best.inside == pytest.approx(math.tanh(1), abs=0.02)
    assert best.outside < -0.7
    detectors = {one.feature: one for one in found.detectors()}
    assert detectors["inside"].unit == Unit(0, BRACKET)
    # The others saw the last letter, and so know the letter a but not the bracket.
    assert detectors["letter a"].unit != Unit(0, BRACKET)
    assert detectors["letter a"].score > 0.7
    others = np.delete(np.arange(4), BRACKET)
    assert (found.scores[others, 0] < 0.5).all()


def test_slow_signals_that_agree_by_chance_are_not_significant():
    rng = np.random.default_rng(2)
    memory = np.stack([slow_noise(rng, 2000) for _ in range(12)], axis=1)
    feature = slow_noise(rng, 2000) > 0.5
    found = explain(made_up(memory), {"noise": feature})
    assert found.p.min() > 0.05
    # Plain information is far above that of independent steps: a shuffle would be deceived.
    assert found.bits.max() > 0.02


def test_chance_alone_rarely_looks_significant():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(20):
        memory = np.stack([slow_noise(rng, 600, 0.9) for _ in range(4)], axis=1)
        features = {"x": slow_noise(rng, 600, 0.9) > 0, "y": rng.random(600) < 0.2}
        wrong += explain(made_up(memory), features, permutations=39).p.min() <= 0.05
    # One in twenty is expected; six or more has a probability of 3e-4.
    assert wrong < 6


def test_numbers_are_explained_too():
    rng = np.random.default_rng(1)
    # Lines of many lengths: shifting what repeats exactly would change nothing.
    column = np.concatenate([np.arange(length) for length in rng.integers(5, 60, 50)])
    memory = np.stack([column + rng.normal(0, 2, len(column)), rng.normal(size=len(column))], 1)
    found = explain(made_up(memory), {"column": column}, permutations=19)
    best = found.ranking()[0]
    assert best.unit == Unit(0, 0)
    assert best.score > 0.5
    assert best.inside - best.outside > 10


def test_features_that_cannot_be_tested_say_why():
    rng = np.random.default_rng(1)
    memory = rng.normal(size=(400, 2))
    once = np.zeros(400, bool)
    once[100:200] = True
    features = {"once": once, "never": np.zeros(400, bool), "often": rng.random(400) < 0.5}
    found = explain(made_up(memory), features)
    assert found.features == ("often",)
    assert "begins only 1 times" in found.skipped["once"]
    assert "same everywhere" in found.skipped["never"]


def test_no_feature_at_all_is_no_error():
    found = explain(made_up(np.random.default_rng(1).normal(size=(400, 2))), {})
    assert found.ranking() == []
    assert found.detectors() == []


def test_what_does_not_fit_gets_a_sentence():
    memory = np.random.default_rng(1).normal(size=(400, 2))
    with pytest.raises(ShapeError, match="399 values for 400"):
        explain(made_up(memory), {"x": np.zeros(399, bool)})
    with pytest.raises(ConfigError, match="too few"):
        explain(made_up(memory[:50]), {"x": np.zeros(50, bool)})
