"""Measures against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.tasks.series import metrics

Y = np.array([[1.0, 2.0], [10.0, 20.0]])
F = np.array([[2.0, 2.0], [10.0, 10.0]])


def test_point_measures():
    assert metrics.mae(Y, F) == pytest.approx((1 + 0 + 0 + 10) / 4)
    assert metrics.rmse(Y, F) == pytest.approx(np.sqrt(101 / 4))
    # 200 * mean of (1/3 + 0) / 2 and (0 + 10/30) / 2
    assert metrics.smape(Y, F) == pytest.approx(200 * (1 / 6 + 1 / 6) / 2)
    assert metrics.smape(np.zeros((1, 2)), np.zeros((1, 2))) == 0
    assert metrics.smape(np.ones((1, 1)), -np.ones((1, 1))) > 199


def test_mase_is_over_the_naive_error_of_the_history():
    histories = [np.array([0.0, 1, 0, 1]), np.array([0.0, 5, 10])]
    assert metrics.mase(Y, F, histories, 1) == pytest.approx((0.5 / 1 + 5 / 5) / 2)
    still = [np.zeros(4), np.array([0.0, 5, 10])]
    assert metrics.mase(Y, F, still, 1) == pytest.approx(1.0)


def test_weighted_quantile_loss_of_the_median_is_the_absolute_error():
    found = metrics.weighted_quantile_loss(Y, F[..., None], [0.5])
    assert found == pytest.approx(11 / 33)


def test_coverage_leaves_holes_out():
    y = np.array([[1.0, np.nan, 3.0]])
    assert metrics.coverage(y, np.zeros((1, 3)), np.full((1, 3), 2.0)) == 0.5


def test_seasonal_naive_repeats_the_last_season():
    assert metrics.seasonal_naive(np.array([9.0, 1, 2, 3]), 5, 3).tolist() == [1, 2, 3, 1, 2]
    assert metrics.seasonal_naive(np.array([1.0, 2, np.nan]), 2, 2).tolist() == [2, 1]
    assert metrics.seasonal_naive(np.array([4.0]), 2, 7).tolist() == [4, 4]
