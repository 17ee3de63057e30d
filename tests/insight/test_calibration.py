"""Calibration and intervals of predictions whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ResourceError
from recurra.insight.bootstrap import block_interval
from recurra.insight.calibration import calibrate, plot


def test_a_hand_worked_case():
    confidence = np.array([0.95, 0.95, 0.55, 0.55, 0.55, 0.55])
    right = np.array([True, False, True, True, True, False])
    found = calibrate(confidence, right, bins=10)
    assert found.counts[[5, 9]].tolist() == [4, 2]
    assert found.accuracy[[5, 9]].tolist() == [0.75, 0.5]
    assert found.error == pytest.approx((4 * 0.2 + 2 * 0.45) / 6)


def test_a_model_that_knows_the_distribution_is_calibrated():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.2, 1.0, 200_000)
    found = calibrate(confidence, rng.uniform(size=len(confidence)) < confidence)
    assert found.error < np.sqrt(15 / 200_000)


def test_a_model_that_is_always_sure_is_wrong_as_often_as_its_error_says():
    right = np.arange(1000) % 10 < 3
    assert calibrate(np.ones(1000), right).error == pytest.approx(0.7)


def test_the_diagram_has_a_line_a_bin_and_a_mark_where_the_confidence_is():
    found = calibrate(np.array([0.5, 0.5, 0.99]), np.array([True, False, True]))
    lines = found.diagram(width=20).splitlines()
    assert len(lines) == 2
    assert lines[0].split("right  ")[1].startswith("█" * 10 + "┃")
    assert lines[1].rstrip().endswith("┃  1")


def test_the_picture_is_drawn_whole(tmp_path):
    pytest.importorskip("matplotlib")
    found = calibrate(np.array([0.5, 0.5, 0.99]), np.array([True, False, True]))
    plot(found, tmp_path / "diagram.png")
    assert (tmp_path / "diagram.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ResourceError, match=r"\.png"):
        plot(found, tmp_path / "diagram.docx")


def test_an_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(100):
        # Neighbours depend on each other over about ten places.
        noise = np.convolve(rng.normal(size=3010), np.ones(10) / 10, "valid")
        low, high = block_interval(noise, block=100, resamples=300)
        hits += low < 0 < high
    assert 85 <= hits <= 100


def test_single_draws_would_promise_too_much():
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(size=200), 50)
    low, high = block_interval(values, block=500)
    tight = block_interval(values, block=1)
    assert high - low > 4 * (tight[1] - tight[0])


def test_the_interval_is_the_same_every_time_and_scales():
    values = np.random.default_rng(3).normal(size=5000)
    low, high = block_interval(values)
    assert block_interval(values) == (low, high)
    assert block_interval(3 * values + 1) == pytest.approx((3 * low + 1, 3 * high + 1))
    assert np.isnan(block_interval(np.zeros(0))).all()
    assert block_interval(np.ones(1)) == (1.0, 1.0)
