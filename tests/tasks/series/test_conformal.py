"""Intervals that are corrected by held-out values: from which cut-offs, and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ConfigError
from recurra.tasks.series.conformal import GRID, correction, cut_offs, levels_of
from recurra.tasks.series.forecaster import Forecaster
from recurra.tasks.series.model import SeriesModel
from recurra.tasks.series.settings import gather
from recurra.tasks.series.task import SeriesTask
from tests.tasks.series.toy import QUICK, panel, waves

DIRECT = {**QUICK, "horizon": 12, "season": 12, "direct": True, "head": "quantiles"}


@pytest.mark.parametrize(
    ("held", "steps", "wanted"),
    [
        (12, 12, [12]), (36, 12, [36, 30, 24, 18, 12]), (40, 12, [36, 30, 24, 18, 12]),
        (5, 12, [5]), (3, 1, [3, 2, 1]), (7, 3, [7, 6, 5, 4, 3]),
    ],
)  # fmt: skip
def test_cut_offs_are_half_a_forecast_apart_and_leave_a_whole_one(held, steps, wanted):
    assert cut_offs(held, steps) == wanted


def test_a_forecast_that_is_right_is_left_alone_and_one_that_is_too_sure_is_widened():
    rng = np.random.default_rng(0)
    right = correction(rng.random(20_000))
    assert right == pytest.approx(np.linspace(0, 1, 101), abs=0.02)
    # What comes is half as wide again as what was forecast.
    y = rng.normal(0, 1.5, (100, 50))
    normal = np.quantile(rng.normal(size=200_000), GRID)
    sure = correction(levels_of(y, np.broadcast_to(normal, (100, 50, 99))))
    inside = np.interp(sure[[10, 50, 90]], GRID, normal)
    assert inside == pytest.approx([-1.92, 0, 1.92], abs=0.15)
    # Of few values, the extremes are those of the values themselves.
    assert correction(np.array([0.4, 0.5, 0.6]))[[0, 10, 90, 100]].tolist() == [0.4, 0.4, 0.6, 0.6]


def test_values_that_are_missing_are_not_counted():
    y = np.array([[0.5, np.nan, 2.0]])
    assert levels_of(y, np.broadcast_to(np.array(GRID), (1, 3, 99))).tolist() == [
        pytest.approx(49 / 99), 1.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("length", "more", "held"),
    [
        (120, {}, 12), (120, {"conformal": True}, 24), (400, {"conformal": True}, 48),
        (40, {"conformal": True}, 12), (400, {"conformal": True, "validation": 20}, 20),
    ],
)  # fmt: skip
def test_more_is_held_out_where_intervals_are_corrected_by_it(length, more, held):
    assert SeriesTask(panel(length=length), gather({**DIRECT, **more})).held_out == held


@pytest.mark.parametrize("direct", [True, False])
def test_every_cut_off_is_forecast_from_what_came_before_it(direct, monkeypatch):
    asked = []
    forecast = SeriesModel.forecast

    def noted(self, panel, steps=None, **more):
        asked.append((len(panel.series[0]), steps, more["calibrated"]))
        return forecast(self, panel, steps, **more, paths=20)

    monkeypatch.setattr(SeriesModel, "forecast", noted)
    options = {**QUICK, "horizon": 6, "season": 12, "direct": direct, "conformal": True}
    model = Forecaster(**options).fit(waves(length=100)).model
    assert asked == [(length, 6, False) for length in (82, 85, 88, 91, 94)]
    assert model.document["task"]["calibration"] == pytest.approx(model.calibration.tolist())
    assert (np.diff(model.calibration) >= 0).all()


def test_covariates_known_ahead_are_read_from_each_cut_off():
    table = waves(length=100)
    table["promo"] = (table["ds"] % 5 == 0).astype(float)
    table["y"] = table["y"] + 3 * table["promo"]
    model = Forecaster(**{**DIRECT, "horizon": 6}, conformal=True, future=("promo",)).fit(table)
    assert len(model.model.calibration) == 101


def test_series_that_are_too_short_to_be_held_out_are_left_out_or_refused():
    model = Forecaster(**DIRECT).fit(waves(length=60)).model
    with pytest.raises(ConfigError, match="long enough to be held out"):
        model.calibrate(panel(length=20), 19)


def test_corrected_intervals_hold_what_they_say():
    """Of values that came after the held-out ones, which the model has never seen."""
    table = waves(names=tuple(f"s{n}" for n in range(20)), length=112, noise=1.0)
    known = {name: column[table["ds"] < 100] for name, column in table.items()}
    model = Forecaster(**{**DIRECT, "conformal": True, "steps": 60}).fit(known)
    truth = table["y"][table["ds"] >= 100]

    def held(**more):
        found = model.model.forecast(model._panel, 12, levels=(0.1, 0.9), **more).forecast.quantiles
        low, high = found.reshape(-1, 2).T
        return ((truth >= low) & (truth <= high)).mean()

    assert 0.74 < held() < 0.87
    assert abs(held() - 0.8) < abs(held(calibrated=False) - 0.8)
