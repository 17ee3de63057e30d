"""What the network reads and predicts, and that it never reads what was not known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from recurra.core.errors import ConfigError
from recurra.learning.events import Validated
from recurra.tasks.series.encode import encode_series, fill, scale_of
from recurra.tasks.series.encoding import choose_encoding
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import build_panel
from recurra.tasks.series.settings import gather
from recurra.tasks.series.task import SeriesTask
from recurra.tasks.series.training import prepare
from recurra.tasks.series.windows import anchors, cut, read_inputs, wanted
from tests.tasks.series.toy import QUICK, panel

DIRECT = SeriesOptions(horizon=30, season=12, direct=True)


@pytest.mark.parametrize("options", [DIRECT, SeriesOptions(horizon=6, season=12)])
@pytest.mark.parametrize("difference", ["season", "last", "none"])
def test_inputs_and_anchors_at_t_are_made_of_values_up_to_t(options, difference):
    options = options.replace(difference=difference)
    data = panel(length=80)
    encoding = choose_encoding(data, options)
    rows = [encode_series(one, encoding, known=40) for one in data.series]
    changed = []
    for row in rows:
        z = row.z.copy()
        z[50:] += 100
        changed.append(replace(row, z=z))
    for first in (-7, 0, 20):
        one, other = (cut(r, [first] * 3, 60, encoding) for r in (rows, changed))
        same = 50 - first
        assert (read_inputs(one, encoding)[:same] == read_inputs(other, encoding)[:same]).all()
        assert (anchors(one, encoding)[:same] == anchors(other, encoding)[:same]).all()
        if same < 60:
            assert (read_inputs(one, encoding)[same:] != read_inputs(other, encoding)[same:]).any()


def test_targets_are_the_next_values_less_their_anchor():
    data = panel(length=60)
    encoding = choose_encoding(data, DIRECT)
    row = encode_series(data.series[0], encoding)
    buffer = cut([row], [0], 60, encoding)
    targets, there = wanted(buffer, encoding, np.array([row.centre]), np.array([row.scale]))
    t, h = 20, 15
    assert targets[t, 0, h - 1] == pytest.approx(row.z[t + h] - row.z[t + h - 24], abs=1e-6)
    assert there[t, 0].sum() == 30
    assert there[50, 0].sum() == 9
    assert there[59, 0].sum() == 0


def test_held_out_values_are_neither_targets_nor_scales():
    data = panel(length=60)
    one = data.series[0]
    spoiled = one.y.copy()
    spoiled[-10:] = 1e6
    other = replace(data, series=(replace(one, y=spoiled), *data.series[1:]))
    settings = gather({**QUICK, "horizon": 10, "season": 12, "head": "gaussian"})
    first, second = (SeriesTask(p, settings) for p in (data, other))
    assert first.rows[0].scale == second.rows[0].scale
    for step in range(20):
        a, b = first.window(step).batch, second.window(step).batch
        assert (a.inputs == b.inputs).all()
        kept = a.weights > 0
        assert (a.weights == b.weights).all()
        assert (a.targets[kept] == b.targets[kept]).all()


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"horizon": 10, "validation": 10}, 10),
        ({"horizon": 6, "direct": True, "validation": 6}, 1),
        ({"horizon": 6, "direct": True, "validation": 18}, 13),
        ({"horizon": 6, "direct": True, "validation": 4}, 4),
    ],
    ids=["stepped", "direct", "several", "part"],
)
def test_a_validation_reads_no_further_than_the_last_forecast_it_asks_for(options, asked):
    task = SeriesTask(panel(length=80), gather({**QUICK, "season": 12, **options}))
    (window,) = task.validation()
    weights = np.asarray(window.batch.weights)
    positions = np.flatnonzero(weights.any(axis=(1, 2)))
    # The first forecast is from the last value that was learned from; the others follow it.
    assert positions.tolist() == list(range(QUICK["window"] - 1, QUICK["window"] - 1 + asked))
    assert positions[-1] == len(weights) - 1
    assert window.tokens == weights.shape[0] * weights.shape[1]
    held, there = options["validation"], weights.sum(axis=-1)[positions]
    ahead = task.encoding.horizon
    expected = [min(ahead, held - n) for n in range(asked)]
    assert (there == np.array(expected)[:, None]).all()


def test_validations_of_many_series_are_as_far_apart_as_their_share_of_the_time_allows():
    data = panel(names=tuple(f"s{n}" for n in range(100)), length=60)
    settings = gather({**QUICK, "horizon": 6, "season": 12, "batch_size": 1, "steps": 1200})
    training = prepare(data, settings)
    held_out = sum(window.tokens for window in training.task.validation())
    seen = []
    training.run(listeners=[lambda event: seen.append(event)])
    at = [event.step for event in seen if isinstance(event, Validated)]
    # Reading costs a third of learning: at most a twentieth of the time, and a last one at the end.
    apart = math.ceil(held_out / 3 / (0.05 * QUICK["window"]))
    assert at == [*range(apart, 1200, apart), 1200]
    assert len(at) < 20


def test_windows_are_a_function_of_the_step_alone():
    settings = gather({**QUICK, "horizon": 10})
    task = SeriesTask(panel(), settings)
    one = task.window(7).batch
    task.window(3)
    again = task.window(7).batch
    assert (one.inputs == again.inputs).all()
    assert (one.targets == again.targets).all()
    assert (task.window(8).batch.inputs != one.inputs).any()


def test_short_series_are_padded_and_the_padding_counts_for_nothing():
    data = panel(length=14)
    settings = gather({**QUICK, "horizon": 3, "season": 1})
    batch = SeriesTask(data, settings).window(0).batch
    assert batch.resets is not None
    starts = batch.resets.argmax(axis=0)
    for b, start in enumerate(starts):
        assert (batch.weights[:start, b] == 0).all()
    assert batch.weights.sum() > 0


def test_scales_are_in_the_units_of_the_series():
    y = np.random.default_rng(0).normal(50, 3, 500)
    encoding = choose_encoding(panel(), SeriesOptions(season=1))
    for kind in ("standard", "robust"):
        centre, scale = scale_of(y, encoding.replace(scaling=kind))
        assert centre == pytest.approx(50, abs=0.5)
        assert scale == pytest.approx(3, rel=0.15)
    many = scale_of(1000 * y, encoding)
    assert many[1] == pytest.approx(1000 * scale_of(y, encoding)[1])
    assert scale_of(np.full(20, 7.0), encoding)[1] > 0
    assert scale_of(np.zeros(20), encoding)[1] > 0


def test_the_anchor_is_what_forecasts_better():
    options = SeriesOptions(horizon=12, season=12)
    assert choose_encoding(panel(length=120), options).difference == "season"
    walk = np.cumsum(np.random.default_rng(0).normal(size=200))
    drifting = build_panel(None, np.arange(200), walk)
    assert choose_encoding(drifting, options).difference == "last"


def test_holes_are_filled_with_the_season_before():
    z = np.array([1.0, 2.0, 3.0, np.nan, np.nan, 6.0, np.nan])
    assert fill(z, 3).tolist() == [1, 2, 3, 1, 2, 6, 1]
    assert fill(z, 1).tolist() == [1, 2, 3, 3, 3, 6, 6]


def test_what_is_said_of_a_whole_series_may_be_missing_but_is_no_word_for_a_number():
    sizes = np.repeat([1.0, 3.0, np.nan], 10)
    names = np.repeat(np.array(["a", "b", "c"], object), 10)
    data = build_panel(names, None, np.arange(30.0), static={"size": sizes})
    encoding = choose_encoding(data, SeriesOptions(horizon=2, season=1))
    fixed = [
        encode_series(one, encoding, static=static).fixed[-1]
        for one, static in zip(data.series, data.static, strict=True)
    ]
    assert fixed == pytest.approx([-1, 1, 0])
    with pytest.raises(ConfigError, match="size is 'large', but this model learned numbers"):
        encode_series(data.series[0], encoding, static={"size": "large"})
