from __future__ import annotations

import pytest

from recurra.core.errors import ConfigError
from recurra.learning.options import TrainOptions
from recurra.learning.rhythm import (
    Budget,
    Cadence,
    log_cadence,
    sample_cadence,
    validation_cadence,
)


def test_epochs_become_steps_and_no_budget_is_refused():
    assert Budget.of(TrainOptions(epochs=2.5), 10).steps == 25
    assert Budget.of(TrainOptions(epochs=0.001), 10).steps == 1
    with pytest.raises(ConfigError, match="no budget"):
        Budget.of(TrainOptions(), 10)


def test_progress_never_touches_either_end_of_a_budget_in_steps():
    budget = Budget(4, None)
    assert [budget.progress(step, 99.0) for step in range(4)] == [0.125, 0.375, 0.625, 0.875]
    assert not budget.is_spent(3, 1e9)
    assert budget.is_spent(4, 0.0)


def test_a_budget_in_seconds_leaves_time_for_the_last_validation():
    budget = Budget(None, 10.0)
    budget.keep(2.0)
    assert budget.progress(0, 4.0) == 0.5
    assert budget.is_spent(0, 8.0)
    assert not budget.is_spent(0, 7.9)
    budget.keep(9.0)
    assert budget.reserve_s == 2.5


def test_validation_is_about_twenty_a_run_where_it_is_cheap():
    options = TrainOptions(steps=2000)
    cadence = validation_cadence(options, Budget(2000, None), 1000, 10)
    assert cadence.steps == 100


@pytest.mark.parametrize("held_out", [10_000, 100_000, 10_000_000])
def test_validation_never_costs_more_than_a_twentieth(held_out):
    budget = Budget(2000, None)
    cadence = validation_cadence(TrainOptions(steps=2000), budget, 1000, held_out)
    validations = 2000 // cadence.steps
    assert validations * held_out / 3 <= 0.05 * 2000 * 1000 + 1


def test_a_cadence_in_seconds_waits_longer_after_what_took_long():
    cadence = Cadence(seconds=5.0, share=0.1)
    cadence.done(100.0)
    assert not cadence.is_due(1, 104.9)
    assert cadence.is_due(1, 105.0)
    cadence.done(110.0, duration_s=2.0)
    assert cadence.next_s == pytest.approx(128.0)


def test_nothing_is_due_where_it_is_turned_off():
    off = TrainOptions(steps=9, validate_every=0, sample_every=0)
    assert not validation_cadence(off, Budget(9, None), 10, 10)
    assert not validation_cadence(TrainOptions(steps=9), Budget(9, None), 10, 0)
    assert not sample_cadence(off, Budget(9, None))
    assert not sample_cadence(off, Budget(9, None)).is_due(0, 1e9)


def test_points_of_a_curve_are_a_thousand_or_closer():
    assert log_cadence(TrainOptions(steps=500), Budget(500, None)).steps == 1
    assert log_cadence(TrainOptions(steps=5000), Budget(5000, None)).steps == 5
    assert log_cadence(TrainOptions(steps=10**6), Budget(10**6, None)).steps == 20
    assert log_cadence(TrainOptions(steps=5, log_every=3), Budget(5, None)).steps == 3
