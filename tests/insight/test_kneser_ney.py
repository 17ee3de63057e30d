"""Kneser-Ney: a hand-worked case, distributions that sum to one, and text that it knows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from recurra.core.errors import ConfigError
from recurra.insight.kneser_ney import KneserNey


def test_a_hand_worked_bigram_model():
    # a b a b b a: bigrams ab 2, ba 2, bb 1. n1 = 1, n2 = 2: D = 1/5.
    model = KneserNey(np.array([0, 1, 0, 1, 1, 0]), size=3, order=2)
    # a follows {b}, b follows {a, b}; continuations a 1, b 2: n1 = 1, n2 = 1: D = 1/3.
    low = {0: (1 - 1 / 3) / 3, 1: (2 - 1 / 3) / 3, 2: 0.0}
    low = {w: p + (1 / 3) * 2 / 3 * (1 / 3) for w, p in low.items()}
    assert sum(low.values()) == pytest.approx(1)
    # After b: a 2 times, b once.
    want = [(2 - 0.2) / 3, (1 - 0.2) / 3, 0]
    want = [p + 0.2 * 2 / 3 * low[w] for w, p in enumerate(want)]
    got = [model.probabilities(np.array([1, w]))[1] for w in range(3)]
    assert got == pytest.approx(want)
    assert model.probabilities(np.array([2]))[0] == pytest.approx(low[2])


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_every_distribution_sums_to_one(order):
    rng = np.random.default_rng(0)
    model = KneserNey(rng.choice(4, 300, p=[0.6, 0.2, 0.15, 0.05]), size=5, order=order)
    for context in itertools.product(range(5), repeat=order - 1):
        rows = [model.probabilities(np.array([*context, w]))[-1] for w in range(5)]
        assert sum(rows) == pytest.approx(1, abs=1e-12)
        assert min(rows) > 0


def test_it_learns_what_counting_can_learn():
    text = np.resize([0, 1, 2, 3, 1, 0], 3000)
    model = KneserNey(text, 4, 5)
    assert -model.log_probs(text[:600])[10:].mean() < 0.02
    shuffled = np.random.default_rng(0).permutation(text)
    assert -model.log_probs(shuffled).mean() > 1.2


def test_chunks_do_not_show():
    rng = np.random.default_rng(0)
    text = rng.integers(0, 6, 1000)
    model = KneserNey(text[:500], 6)
    want = np.log(model.probabilities(text))
    np.testing.assert_allclose(model.log_probs(text, chunk=37), want, rtol=1e-12)


def test_the_order_is_lowered_where_symbols_are_very_many():
    assert KneserNey(np.arange(100), 20_000).order == 4
    assert KneserNey(np.arange(3), 20, order=5).order == 3


@pytest.mark.parametrize("codes", [[], [1, 7]])
def test_what_cannot_be_counted_is_refused(codes):
    with pytest.raises(ConfigError):
        KneserNey(np.array(codes, np.int64), 5)
