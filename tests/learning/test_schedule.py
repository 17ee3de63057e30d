from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.core.errors import ConfigError
from recurra.learning.options import TrainOptions
from recurra.learning.schedule import Plateau, learning_rate

SCHEDULES = ("constant", "cosine", "one-cycle", "plateau")


def rate(schedule, progress, *, warmup=0.1, final=0.05):
    return learning_rate(schedule, progress, peak=0.5, warmup=warmup, final=final)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.sampled_from(SCHEDULES),
    st.floats(-0.5, 1.5),
    st.floats(0, 0.99),
    st.floats(0, 1),
)
def test_rate_stays_between_zero_and_peak(schedule, progress, warmup, final):
    assert 0 <= rate(schedule, progress, warmup=warmup, final=final) <= 0.5 * (1 + 1e-12)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
def test_warmup_rises_in_a_straight_line(schedule):
    assert rate(schedule, 0.0) == 0
    assert rate(schedule, 0.025) == pytest.approx(0.125)
    assert rate(schedule, 0.1) == pytest.approx(0.5)


def test_cosine_passes_its_three_known_points():
    assert rate("cosine", 0.1) == pytest.approx(0.5)
    assert rate("cosine", 0.55) == pytest.approx(0.5 * (1 + 0.05) / 2)
    assert rate("cosine", 1.0) == pytest.approx(0.025)
    assert rate("cosine", 7.0) == pytest.approx(0.025)


def test_one_cycle_rises_for_three_tenths_then_falls():
    assert rate("one-cycle", 0.0, warmup=0) == pytest.approx(0.02)
    assert rate("one-cycle", 0.3, warmup=0) == pytest.approx(0.5)
    assert rate("one-cycle", 0.2, warmup=0.2) == pytest.approx(0.5)
    assert rate("one-cycle", 1.0, warmup=0) == pytest.approx(0.025)


def test_constant_stays():
    assert rate("constant", 0.2) == rate("constant", 1.0) == 0.5


def test_plateau_halves_after_patience_and_stops_at_its_floor():
    memory = Plateau()
    factors = []
    for loss in (2.0, 1.9, 1.95, 1.9, 1.8, 1.8, 1.8, 1.8, 1.8):
        memory = memory.after(loss, patience=2, final=0.3)
        factors.append(memory.factor)
    # 1.9 again is no gain: it halves at the fourth, then at the seventh, but not below 0.3.
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]
    assert memory.best == 1.8
    assert math.isinf(Plateau().best)


def test_one_budget_at_most():
    with pytest.raises(ConfigError, match="steps and seconds are given"):
        TrainOptions(steps=3, seconds=2)
    assert TrainOptions(seconds=2).budget == ("seconds", 2)
    assert TrainOptions().budget is None
    assert TrainOptions(seconds=2).with_budget("steps", 9).budget == ("steps", 9)


@pytest.mark.parametrize("needs", [{"patience": 2}, {"schedule": "plateau"}])
def test_what_watches_validations_needs_them(needs):
    with pytest.raises(ConfigError, match="validate_every is 0"):
        TrainOptions(validate_every=0, **needs)
