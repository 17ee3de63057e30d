"""Each sampling rule on hand-worked distributions, and the laws they keep together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recurra.core.errors import ConfigError
from recurra.core.sampling import (
    SamplingOptions,
    choose,
    distribution,
    log_softmax,
    sampling_uniforms,
)

HALVES = np.log([[0.5, 0.25, 0.125, 0.125]])


def left(**options: object) -> list[float]:
    return distribution(HALVES, SamplingOptions(**options))[0].tolist()


def test_log_softmax_stands_large_logits():
    with np.errstate(over="raise", invalid="raise"):
        out = log_softmax(np.array([[1000.0, 1000.0, 0.0]], np.float32))
    np.testing.assert_allclose(out, [[-np.log(2), -np.log(2), -1000 - np.log(2)]])


def test_temperature_sharpens_and_flattens():
    assert left() == pytest.approx([0.5, 0.25, 0.125, 0.125])
    squares = np.array([0.25, 0.0625, 0.015625, 0.015625])
    assert left(temperature=0.5) == pytest.approx(list(squares / squares.sum()))
    assert left(temperature=0) == [1, 0, 0, 0]


def test_top_k_keeps_k_and_breaks_ties_by_number():
    assert left(top_k=2) == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert left(top_k=3) == pytest.approx([4 / 7, 2 / 7, 1 / 7, 0])
    assert left(top_k=99) == left()
    assert left(top_k=1) == [1, 0, 0, 0]


def test_nucleus_keeps_the_fewest_that_reach_p():
    assert left(top_p=0.5) == [1, 0, 0, 0]
    assert left(top_p=0.51) == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert left(top_p=0.75) == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert left(top_p=1e-9) == [1, 0, 0, 0]


def test_min_p_is_relative_to_the_likeliest():
    assert left(min_p=0.5) == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert left(min_p=0.6) == [1, 0, 0, 0]
    assert left(min_p=0.25) == left()


def test_rules_follow_one_another():
    # Top-k leaves 2/3 and 1/3; the nucleus of 0.6 is then the first alone.
    assert left(top_k=2, top_p=0.6) == [1, 0, 0, 0]
    assert left(top_p=0.6) == pytest.approx([2 / 3, 1 / 3, 0, 0])


logits = arrays(np.float64, (3, 9), elements=st.floats(-50, 50))


@given(
    logits,
    st.floats(0, 5),
    st.integers(0, 12),
    st.floats(0.01, 1),
    st.floats(0, 1),
)
def test_any_rules_leave_a_distribution_with_the_likeliest_in_it(x, temperature, k, p, min_p):
    log_probs = log_softmax(x)
    options = SamplingOptions(temperature=temperature, top_k=k, top_p=p, min_p=min_p)
    probs = distribution(log_probs, options)
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert (probs >= 0).all()
    assert (np.take_along_axis(probs, log_probs.argmax(axis=1)[:, None], axis=1) > 0).all()
    if k:
        assert ((probs > 0).sum(axis=1) <= k).all()


def test_draws_follow_the_distribution():
    probs = np.repeat(np.exp(HALVES), 8000, axis=0)
    uniforms = np.random.default_rng(0).random((8000, 2))
    counts = np.bincount(choose(probs, uniforms), minlength=4) / 8000
    np.testing.assert_allclose(counts, np.exp(HALVES[0]), atol=0.02)


def test_draws_never_take_what_has_no_probability():
    probs = np.array([[0.0, 1.0, 0.0]])
    for u in (0.0, 0.5, 1 - 2**-53):
        assert choose(probs, np.array([[u, u]])).tolist() == [1]


def test_resampling_redraws_once_unless_the_likeliest_came():
    probs = np.exp(HALVES)
    assert choose(probs, np.array([[0.3, 0.9]]), resample=True).tolist() == [0]
    assert choose(probs, np.array([[0.6, 0.1]]), resample=True).tolist() == [0]
    assert choose(probs, np.array([[0.6, 0.9]]), resample=True).tolist() == [3]


def test_uniforms_of_a_sequence_do_not_depend_on_its_neighbours():
    both = sampling_uniforms(5, np.array([0, 7]), 10, 6)
    alone = sampling_uniforms(5, np.array([7]), 12, 2)
    np.testing.assert_array_equal(both[2:4, 1:], alone)


@pytest.mark.parametrize(
    ("field", "value"), [("temperature", -1), ("top_p", 0), ("top_p", 1.5), ("min_p", 2)]
)
def test_values_out_of_bounds_name_their_field(field, value):
    with pytest.raises(ConfigError, match=field):
        SamplingOptions(**{field: value})
