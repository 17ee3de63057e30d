"""Forecasts from frames: kinds of frames, columns, look-ahead, and series as they really come."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.tasks.series.forecaster import Forecaster
from recurra.tasks.series.metrics import seasonal_naive
from tests.tasks.series.toy import QUICK, waves

DIRECT = {**QUICK, "horizon": 12, "season": 12, "direct": True, "head": "quantiles"}
STEPPED = {**QUICK, "horizon": 12, "season": 12}


def learned(options, df=None, **fit):
    return Forecaster(**options).fit(waves() if df is None else df, **fit)


@pytest.fixture(scope="module")
def stepped():
    return learned(STEPPED)


def test_columns_are_those_of_the_field(stepped):
    found = stepped.predict(h=5, level=[80, 90], paths=20)
    assert list(found) == [
        "unique_id", "ds", "Recurra", "Recurra-median", "Recurra-lo-90", "Recurra-lo-80",
        "Recurra-hi-80", "Recurra-hi-90",
    ]  # fmt: skip
    assert found["ds"].tolist() == [*range(120, 125)] * 3
    assert (found["Recurra-lo-90"] <= found["Recurra-lo-80"]).all()
    assert (found["Recurra-lo-80"] <= found["Recurra-median"]).all()
    assert (found["Recurra-median"] <= found["Recurra-hi-80"]).all()


def test_the_same_seed_gives_the_same_paths_whatever_else_is_forecast(stepped):
    one = stepped.predict(paths=10, level=[80])
    again = stepped.predict(paths=10, level=[80])
    other = stepped.predict(paths=10, level=[80], seed=1)
    assert all((one[name] == again[name]).all() for name in one)
    assert (one["Recurra"] != other["Recurra"]).any()
    table = waves()
    first = {name: column[:120] for name, column in table.items()}
    alone = stepped.predict(paths=10, df=first)
    assert np.allclose(alone["Recurra"], one["Recurra"][:12], rtol=1e-3)


def test_pandas_and_polars_come_back_as_they_went_in():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    pytest.importorskip("narwhals")
    table = waves(names=("x", "y"))
    ds = np.tile(pd.date_range("2024-01-01", periods=120, freq="h"), 2)
    frame = pd.DataFrame({"shop": list(table["unique_id"]), "hour": ds, "sold": table["y"]})
    names = {"id_col": "shop", "time_col": "hour", "target_col": "sold"}
    model = learned({**STEPPED, "horizon": 3}, frame, freq="h", **names)
    found = model.predict(level=[80], paths=10)
    assert isinstance(found, pd.DataFrame)
    assert list(found["shop"].unique()) == ["x", "y"]
    assert found["hour"].iloc[0] == pd.Timestamp("2024-01-06")
    assert found["hour"].dtype == frame["hour"].dtype
    zoned = frame.assign(hour=frame["hour"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))
    assert model.predict(df=zoned, paths=10)["hour"].iloc[0].isoformat() == (
        "2024-01-06T09:00:00+09:00"
    )
    columns = {"shop": list(frame["shop"]), "hour": frame["hour"].dt.to_pydatetime().tolist(),
               "sold": table["y"]}  # fmt: skip
    other = model.predict(df=pl.DataFrame(columns), paths=10)
    assert isinstance(other, pl.DataFrame)
    assert other["Recurra"].to_numpy() == pytest.approx(found["Recurra"].to_numpy())


@pytest.mark.parametrize("scaling", ["seasonal", "standard", "robust"])
@pytest.mark.parametrize("options", [STEPPED, DIRECT], ids=["stepped", "direct"])
def test_nothing_after_the_cut_off_changes_a_forecast(options, scaling):
    options = {**options, "scaling": scaling}
    table = waves()
    spoiled = {**table, "y": table["y"].copy()}
    late = table["ds"] >= 108
    spoiled["y"][late] = np.random.default_rng(0).normal(0, 1e5, late.sum())
    one, other = (
        Forecaster(**options).cross_validation(data, h=12, n_windows=1, paths=10)
        for data in (table, spoiled)
    )
    assert (one["cutoff"] == 107).all()
    assert (one["Recurra"] == other["Recurra"]).all()
    assert (one["y"] != other["y"]).all()


def test_cross_validation_cuts_where_it_says():
    found = Forecaster(**DIRECT).cross_validation(
        waves(), h=6, n_windows=3, step_size=4, level=[80], refit=True
    )
    assert sorted(set(found["cutoff"].tolist())) == [105, 109, 113]
    assert (found["ds"] - found["cutoff"]).max() == 6
    table = waves()
    truth = {(i, d): y for i, d, y in zip(*table.values(), strict=True)}
    assert all(
        truth[i, d] == y
        for i, d, y in zip(found["unique_id"], found["ds"], found["y"], strict=True)
    )
    with pytest.raises(ConfigError, match="long enough"):
        Forecaster(**DIRECT).cross_validation(waves(), h=60, n_windows=4)


def test_a_short_training_beats_the_seasonal_naive_forecast():
    table = waves(length=240, noise=0.0)
    rng = np.random.default_rng(2)
    drift = np.zeros((3, 240))
    for t in range(1, 240):
        drift[:, t] = 0.95 * drift[:, t - 1] + 0.3 * rng.normal(size=3)
    table["y"] = table["y"] + drift.reshape(-1)
    model = Forecaster(
        horizon=4, season=12, steps=250, sizes=(24,), batch_size=16, window=48, direct=True,
        head="quantiles", engine="native", seed=1, learning_rate=1e-2,
    )  # fmt: skip
    found = model.cross_validation(table, h=4, n_windows=8, level=[80])
    y, median = found["y"], found["Recurra-median"]
    naive = np.concatenate(
        [
            seasonal_naive(table["y"][table["unique_id"] == name][: cut + 1], 4, 12)
            for cut in sorted(set(found["cutoff"].tolist()))
            for name in ("a", "b", "c")
        ]
    )
    assert np.abs(y - median).mean() < 0.8 * np.abs(y - naive).mean()
    inside = (y >= found["Recurra-lo-80"]) & (y <= found["Recurra-hi-80"])
    assert 0.55 < inside.mean() < 0.97


def test_intervals_widen_with_the_horizon_on_a_random_walk():
    rng = np.random.default_rng(3)
    walk = {"y": np.cumsum(rng.normal(size=600))}
    model = learned({**QUICK, "horizon": 25, "steps": 150, "season": 1, "window": 48}, walk)
    found = model.predict(level=[80], paths=400)
    width = found["Recurra-hi-80"] - found["Recurra-lo-80"]
    assert width[0] == pytest.approx(2.56, rel=0.35)
    assert width[8] > 2 * width[0]
    assert width[24] > 1.2 * width[8]


@pytest.mark.parametrize(
    "head", ["gaussian", "student_t", "negative_binomial", "mixture", "quantiles"]
)
@pytest.mark.parametrize("direct", [False, True])
def test_every_head_forecasts(head, direct):
    rng = np.random.default_rng(0)
    table = waves(length=60)
    table["y"] = rng.poisson(np.abs(table["y"])).astype(float)
    model = learned({**STEPPED, "head": head, "direct": direct, "horizon": 6}, table)
    found = model.predict(level=[80], paths=30)
    assert np.isfinite(found["Recurra"]).all()
    drawn = model.sample(h=4, paths=7)
    assert len(drawn["Recurra"]) == 3 * 7 * 4
    if head == "negative_binomial":
        assert (drawn["Recurra"] >= 0).all()
        assert (drawn["Recurra"] == np.round(drawn["Recurra"])).all()


def test_covariates_of_every_kind_are_read():
    rng = np.random.default_rng(1)
    table = waves(length=80)
    promo = (rng.random(len(table["y"])) < 0.3).astype(float)
    table = {
        **table, "y": table["y"] + 5 * promo, "promo": promo, "seen": np.roll(promo, 3),
        "region": np.repeat(np.array(["n", "s", "n"], object), 80),
    }  # fmt: skip
    options = {**STEPPED, "horizon": 4, "steps": 150, "sizes": (24,)}
    model = learned(
        {**options, "future": ("promo",), "past": ("seen",), "static": ("region",)}, table
    )
    ahead = {
        "unique_id": np.repeat(np.array(["a", "b", "c"], object), 4),
        "ds": np.tile(np.arange(80, 84), 3),
        "promo": np.zeros(12),
    }
    without = model.predict(futr_df=ahead, paths=50)["Recurra"]
    ahead["promo"] = np.ones(12)
    with_it = model.predict(futr_df=ahead, paths=50)["Recurra"]
    assert (with_it - without).mean() > 2
    with pytest.raises(ConfigError, match="promo of the future"):
        model.predict()
    del table["region"]
    with pytest.raises(FormatError, match="no column 'region'"):
        model.predict(df=table, futr_df=ahead)


@pytest.mark.parametrize(
    "y",
    [np.full(60, 3.5), np.zeros(60), np.array([5.0]), np.array([1.0, np.nan, 2.0])],
    ids=["constant", "zero", "one", "hole"],
)
@pytest.mark.parametrize("name", ["stepped", "direct"])
def test_series_as_they_come_get_a_forecast(y, name, stepped):
    model = stepped if name == "stepped" else learned(DIRECT)
    found = model.predict(df={"y": y}, level=[80], paths=20)
    assert np.isfinite(found["Recurra"]).all()
    if np.ptp(y[np.isfinite(y)]) == 0:
        assert found["Recurra-median"] == pytest.approx(np.full(12, y[0]), abs=1e-3)


def test_rows_in_any_order_get_the_forecast_of_rows_in_order(stepped):
    table = waves()
    # Series keep their order of appearance, which their paths are drawn by.
    order = np.concatenate([[0, 120, 240], np.random.default_rng(0).permutation(360)])
    order = order[np.sort(np.unique(order, return_index=True)[1])]
    mixed = {name: column[order] for name, column in table.items()}
    one, other = (stepped.predict(df=data, paths=10, level=[80]) for data in (table, mixed))
    assert all((one[name] == other[name]).all() for name in one)


def test_a_million_rows_take_memory_by_the_row():
    series, length = 200, 5000
    rng = np.random.default_rng(0)
    order = rng.permutation(series * length)
    table = {
        "unique_id": np.repeat(np.arange(series), length)[order],
        "ds": np.tile(np.arange(length), series)[order],
        "y": rng.normal(size=series * length).cumsum()[order],
    }
    tracemalloc.start()
    model = learned({**DIRECT, "season": 24}, table)
    found = model.predict(level=[80], paths=20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found["Recurra"]) == series * 12
    assert np.isfinite(found["Recurra"]).all()
    assert peak < 300 * series * length


def test_learning_from_constant_series_and_holes():
    table = waves()
    table["y"][:120] = 4.0
    table["y"][150:160] = np.nan
    model = learned(STEPPED, table)
    assert "'b' lacks 10" in model.notes[0]
    found = model.predict(paths=20)
    assert found["Recurra"][:12] == pytest.approx(np.full(12, 4.0), abs=1e-2)


def test_too_short_series_and_wrong_columns_are_refused():
    with pytest.raises(ConfigError, match="long enough"):
        learned(STEPPED, {"y": np.array([1.0])})
    with pytest.raises(ConfigError, match="goes down to -1"):
        learned({**STEPPED, "head": "negative_binomial"}, {"y": np.tile([1.0, -1.0], 40)})
    with pytest.raises(FormatError, match="no column 'y'"):
        learned(STEPPED, {"x": np.arange(5)})
    with pytest.raises(ConfigError, match="did you mean 'horizon'"):
        Forecaster(horizn=3)
    with pytest.raises(FormatError, match="data frame"):
        learned(STEPPED, [1, 2, 3])
    model = learned({**DIRECT, "horizon": 4})
    with pytest.raises(ConfigError, match="4 steps at once"):
        model.predict(h=5)
    with pytest.raises(ConfigError, match="per cent"):
        model.predict(level=[0.8, 120])


def test_a_saved_model_forecasts_the_same(stepped, tmp_path):
    stepped.save(tmp_path / "model.safetensors")
    again = Forecaster.load(tmp_path / "model.safetensors")
    one, other = stepped.predict(paths=10), again.predict(df=waves(), paths=10)
    assert np.allclose(one["Recurra"], other["Recurra"])
    with pytest.raises(ConfigError, match="history as df"):
        again.predict()
