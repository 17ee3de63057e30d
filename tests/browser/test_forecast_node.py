"""Forecasting in TypeScript, in Node: tables are read, and series forecast, as in Python."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.core.errors import RecurraError
from recurra.formats.sources import Document
from recurra.studio.forecasting import memory
from recurra.studio.kinds.base import EXAMPLES
from recurra.studio.models import Loaded
from recurra.tasks.series.evaluate import evaluate
from recurra.tasks.series.forecaster import Forecaster
from recurra.tasks.series.metrics import seasonal_naive
from recurra.tasks.series.model import SeriesModel
from recurra.tasks.series.options import ColumnOptions
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.read import read_panel
from tests.browser.conftest import run

BOUND = 1e-5
"""Of the scale of a series: the kernel computes in float32, the reference in float64."""
SMALL: dict[str, Any] = {"engine": "native", "threads": 1, "steps": 40, "horizon": 7, "window": 28}
LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975]
VISITORS = ColumnOptions(id_column="shop", time_column="day", target_column="visitors")


def days(count: int, first: date = date(2024, 1, 1)) -> list[date]:
    return [first + timedelta(n) for n in range(count)]


FILES: list[tuple[str, str, dict[str, Any]]] = [
    ("long.csv", "unique_id,ds,y\n" + "".join(
        f"{one},{day},{n % 7 + len(one)}\n" for one in ("b", "aa") for n, day in enumerate(days(20))
        if n != 5), {}),
    ("shuffled.csv", "ds,y\n2024-03-01,3\n2024-01-01,1\n2024-02-01,2\n2024-05-01,\n2024-06-01,6\n",
     {}),
    ("ends.csv", "ds,y\n2024-01-31,3\n2024-02-29,1\n2024-03-31,2\n2024-06-30,5\n", {}),
    ("work.csv", "ds,y\n" + "".join(
        f"{day},{day.day}\n" for day in days(24) if day.weekday() < 5 and day.day != 10), {}),
    ("hours.csv", "time;load\n" + "".join(
        f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00;{n},5\n" for n in range(60)), {}),
    ("zoned.csv", "ds,y\n2024-01-01T00:00:00+02:00,1\n2024-01-01T01:00:00+02:00,2\n", {}),
    ("quarters.csv", "when,y\n2023Q1,1\n2023Q2,2\n2023Q4,4\n", {"time_column": "when"}),
    ("one.csv", "value\n1\n2\nNA\n4\n", {}),
    ("wide.csv", "day,north,south\n" + "".join(f"{d},{d.day},{31 - d.day}\n" for d in days(9)), {}),
    ("steps.csv", "ds,a,b\n" + "".join(f"{5 * n},{n},{n % 3}\n" for n in range(9)), {}),
    ("bare.csv", "1,2.5\n2,3.5\n3,1\n", {}),
    ("rows.csv", "V1,V2,V3,V4\nH1,1,2,3\nH2,4,5,\n", {}),
    ("named.csv", "shop,day,sold\nx,2024-01-01,1\nx,2024-01-02,2\ny,2024-01-01,3\n",
     {"id_column": "shop", "time_column": "day", "target_column": "sold"}),
    ("half.csv", "ds,y\n2024-01-01 00:00,1\n2024-01-01 00:30,2\n2024-01-01 02:00,3\n",
     {"frequency": "30min"}),
]  # fmt: skip
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("twice.csv", "ds,y\n2024-01-01,1\n2024-01-01,2\n", {}),
    ("far.csv", "ds,y\n1,1\n2,1e200\n", {}),
    ("none.csv", "ds,y\n2024-01-01,\n2024-01-02,NA\n", {}),
    ("header.csv", "ds,y\n", {}),
    ("which.csv", "who,what\na,b\nc,d\n", {}),
    ("close.csv", "ds,y\n2024-01-01 00:10,1\n2024-01-01 00:20,2\n", {"frequency": "h"}),
    ("part.csv", "ds,y\n1.5,1\n2.5,2\n", {}),
    ("sparse.csv", "ds,y\n0,1\n20000000,2\n", {"frequency": "1"}),
    ("absent.csv", "a,y\n1,2\n", {"layout": "long"}),
]  # fmt: skip


def answered(node: str, dist: Path, tmp_path: Path, cases: Any) -> Any:
    """Return what TypeScript makes of the cases."""
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases))
    return json.loads(run(node, str(dist / "tests" / "forecast.node.mjs"), str(path), str(dist)))


def document(tmp_path: Path, name: str, text: str) -> Document:
    path = tmp_path / name
    path.write_text(text)
    return Document.of_file(path)


def test_tables_are_read_as_python_reads_them(node: str, dist: Path, tmp_path: Path) -> None:
    cases = [{"model": None, "name": n, "text": t, "columns": how}
             for n, t, how in [*FILES, *REFUSED]]  # fmt: skip
    results = answered(node, dist, tmp_path, cases)
    for (name, text, how), found in zip(FILES, results, strict=False):
        want = read_panel(document(tmp_path, name, text), ColumnOptions(**how)).panel
        assert "error" not in found, (name, found)
        assert found["frequency"] == str(want.frequency), name
        assert found["notes"] == list(want.notes), name
        assert [one["name"] for one in found["series"]] == [one.name for one in want.series]
        for mine, theirs in zip(found["series"], want.series, strict=True):
            y = np.array([np.nan if v is None else v for v in mine["y"]])
            np.testing.assert_array_equal(y, theirs.y)
            assert mine["stamps"] == [str(stamp) for stamp in theirs.stamps], name
    for (name, text, how), found in zip(REFUSED, results[len(FILES) :], strict=True):
        told = document(tmp_path, name, text)
        with pytest.raises(RecurraError) as refusal:
            read_panel(told, ColumnOptions(**how))
        assert found.get("error") == str(refusal.value).replace(told.name, name), name


DATED: list[tuple[str, list[str], str | None]] = [
    ("german", ["31.12.2023", "01.01.2024", "2.1.2024"], None),
    ("slashes", ["2023/12/31 23:00", "2024/01/01 00:00"], None),
    ("american", ["12/31/2023", "01/01/2024"], None),
    ("british", ["30/12/2023", "31/12/2023"], None),
    ("short", ["12/31/68", "1/1/69"], None),
    ("compact", ["20231231 12:30", "20240101 12:30"], None),
    ("named", ["Dec 31, 2023", "Jan 01, 2024"], None),
    ("day first", ["30 DEC 2023 10:00:01", "31 dec 2023 10:00:01"], None),
    ("months", ["May 2023", "June 2023", "july 2023"], None),
    ("years", ["2023-May", "2023-Jun"], None),
    ("before", ["31.12.1899", "1.1.1900"], None),
    ("said", ["5/6/2024", "6/6/2024"], "%d/%m/%Y"),
    ("pm", ["2024 100 12:05 am", "2024 100 1:05 PM"], "%Y %j %I:%M %p"),
    ("weekday", ["Monday, 1 January 2024 7h", "Tuesday, 2 January 2024 7h"], "%A, %d %B %Y %Hh"),
    (
        "weekdays",
        ["Mon 100% 1 Jan 24 7.250001", "Tue 100% 2 jan 24 7.5"],
        "%a 100%% %d %b %y %H.%f",
    ),
    ("leap", ["29.02.2024", "01.03.2024"], None),
]
UNDATED: list[tuple[str, list[str], str | None]] = [
    ("two ways", ["05/06/2024", "06/06/2024"], None),
    ("three ways", ["05/06/07", "06/07/08"], None),
    ("no leap", ["28.02.2023", "29.02.2023"], None),
    ("mixed", ["31.12.2023", "2024-01-01"], None),
    ("a month", ["31.13.2023", "31.12.2023"], None),
    ("rest", ["31.12.2023x", "31.12.2023"], None),
    ("quarter", ["2023Q1", "2023Q5"], None),
    ("zone", ["2024-01-01T00:00Z", "tomorrow", "2024-01-02T00:00Z"], None),
    ("not so", ["2024-01-01", "2024-01-02"], "%d/%m/%Y"),
    ("second", ["1.1.2024 10:00:60", "1.1.2024 10:00:59"], "%d.%m.%Y %H:%M:%S"),
]  # fmt: skip


def test_dates_are_read_however_they_are_written(node: str, dist: Path, tmp_path: Path) -> None:
    def table(cells: list[str]) -> str:
        return "ds;y\n" + "".join(f"{cell};{n}\n" for n, cell in enumerate(cells))

    results = answered(node, dist, tmp_path, [
        {"model": None, "name": "d.csv", "text": table(cells),
         "columns": {"date_format": how, "layout": "single"}}
        for _, cells, how in [*DATED, *UNDATED]])  # fmt: skip
    for (name, cells, how), found in zip(DATED, results[: len(DATED)], strict=True):
        told = document(tmp_path, "d.csv", table(cells))
        panel = read_panel(told, ColumnOptions(date_format=how, layout="single")).panel
        assert "error" not in found, (name, found)
        stamps = [str(stamp) for stamp in panel.series[0].stamps]
        assert found["series"][0]["stamps"] == stamps, name
    for (name, cells, how), found in zip(UNDATED, results[len(DATED) :], strict=True):
        told = document(tmp_path, "d.csv", table(cells))
        with pytest.raises(RecurraError) as refusal:
            read_panel(told, ColumnOptions(date_format=how, layout="single"))
        assert found.get("error") == str(refusal.value).replace(told.name, "d.csv"), name


def test_a_model_reads_dates_as_it_learned_to(node: str, dist: Path, tmp_path: Path) -> None:
    source, path = tmp_path / "local.csv", tmp_path / "model.safetensors"
    source.write_text("unique_id,ds,y\n" + "".join(
        f"a,{day.day}/{day.month}/{day.year},{n % 7}\n" for n, day in enumerate(days(60))
    ))  # fmt: skip
    columns = ColumnOptions(date_format="%d/%m/%Y")
    model = trained(path, source, columns, head="quantiles", direct=True, sizes=(5,))
    one = {"model": str(path), "name": source.name, "text": source.read_text()}
    (found,) = answered(node, dist, tmp_path, [one])
    panel = read_panel(source, columns).panel
    want = model.forecast(panel, levels=[0.5])
    assert found["series"][0]["stamps"] == [str(stamp) for stamp in want.stamps[0]]
    np.testing.assert_allclose(found["series"][0]["mean"], want.forecast.mean[0], atol=1e-4)


def trained(path: Path, source: Path, columns: ColumnOptions, **options: Any) -> SeriesModel:
    """Save a model that learned a table, and return it in float64."""
    named = {name: getattr(columns, name) for name in columns.model_fields_set}
    forecaster = Forecaster(**{**SMALL, **options}, **named)
    forecaster._fit_panel(read_panel(source, columns).panel)
    forecaster.save(path)
    return SeriesModel.load(path, engine="reference", precision="float64")


def holes(tmp_path: Path) -> Path:
    """A wide table by the hour with holes, of two series that differ in length and scale."""
    path = tmp_path / "holes.csv"
    rows = ["time,a,b"]
    for n in range(260):
        a = "" if n % 37 == 5 else f"{50 + 20 * np.sin(n / 24 * (2 * np.pi)) + n % 5:.3f}"
        b = "" if n < 90 else f"{2000 + 3 * n + 40 * np.cos(n / 12 * (2 * np.pi)):.2f}"
        rows.append(f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00,{a},{b}")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_direct_quantiles_are_those_of_python(node: str, dist: Path, tmp_path: Path) -> None:
    """What needs no draws: mean, median, intervals, the measures and the memory."""
    cases, wanted = [], []
    for n, (source, columns, options) in enumerate((
        (EXAMPLES / "visitors.csv", VISITORS, {"sizes": (9,), "conformal": True}),
        (holes(tmp_path), ColumnOptions(),
         {"sizes": (6, 6), "horizon": 24, "difference": "last", "scaling": "robust",
          "cell": {"gru": True}}),
        (holes(tmp_path), ColumnOptions(),
         {"sizes": (5,), "lags": (2, 24, 30), "scaling": "standard",
          "quantile_levels": (0.1, 0.5, 0.9)}),
    )):  # fmt: skip
        path = tmp_path / f"{n}.safetensors"
        model = trained(path, source, columns, head="quantiles", direct=True, **options)
        wanted.append((model, read_panel(source, columns).panel))
        cases.append({"model": str(path), "name": source.name, "text": source.read_text(),
                      "levels": LEVELS})  # fmt: skip
    for (model, panel), found in zip(wanted, answered(node, dist, tmp_path, cases), strict=True):
        assert "error" not in found, found
        want = model.forecast(panel, levels=LEVELS)
        for s, (one, mine) in enumerate(zip(panel.series, found["series"], strict=True)):
            bound = BOUND * np.nanmax(np.abs(one.y))
            assert mine["stamps"] == [str(stamp) for stamp in want.stamps[s]]
            np.testing.assert_allclose(mine["mean"], want.forecast.mean[s], rtol=0, atol=bound)
            np.testing.assert_allclose(
                mine["quantiles"], want.forecast.quantiles[s], rtol=0, atol=bound
            )
            naive = seasonal_naive(one.y, model.horizon, model.encoding.season)
            np.testing.assert_array_equal(found["naive"][s], naive)
        scores = evaluate(model, panel)
        told = found["evaluation"]
        assert (told["series"], told["steps"], told["season"]) == (
            scores.series, scores.steps, scores.season
        )  # fmt: skip
        for mine, theirs in ((told["model"], scores.model), (told["naive"], scores.naive)):
            for name, value in mine.items():
                expected = getattr(theirs, name)
                if value is None:
                    assert np.isnan(expected), name
                else:
                    assert value == pytest.approx(expected, rel=1e-4, abs=1e-6), name
        held = memory(Loaded(model), panel, None)
        assert found["memory"]["shown"] == len(held.stamps)
        for mine, theirs in zip(found["memory"]["layers"], held.layers, strict=True):
            np.testing.assert_allclose(mine["values"], theirs.values, rtol=0, atol=2e-4)


def chances(mean: float, dispersion: float, most: int) -> Any:
    """How likely counts of at most 0, 1, .. `most` are, summed up one by one."""
    r, odds = 1 / dispersion, dispersion * mean
    first = -r * math.log1p(odds)
    ratios = [math.log((k + r) / (k + 1) * odds / (1 + odds)) for k in range(most)]
    return np.exp(first + np.concatenate([[0.0], np.cumsum(ratios)])).cumsum()


def test_counts_are_as_likely_as_they_are(node: str, dist: Path, tmp_path: Path) -> None:
    below, at, likely, counts = [], [], [], []
    rng = np.random.default_rng(0)
    for mean, dispersion in ((0.02, 3.0), (1.0, 1e-6), (7.5, 0.4), (300.0, 0.01), (4000.0, 0.2),
                             (40_000.0, 1e-6)):  # fmt: skip
        spread = math.sqrt(mean + dispersion * mean**2)
        known = chances(mean, dispersion, int(mean + 40 * spread) + 20)
        for k in {0, int(mean), int(mean + spread), int(mean + 3 * spread)}:
            below.append((k, mean, dispersion))
            likely.append(known[k])
        for u in (1e-6, *rng.random(20), 0.999999):
            at.append((float(u), mean, dispersion))
            counts.append(int(np.searchsorted(known, u, "right")))
    (found,) = answered(node, dist, tmp_path, [{"counts": {"below": below, "at": at}}])
    np.testing.assert_allclose(found["below"], likely, rtol=0, atol=1e-8)
    assert found["at"] == counts


@pytest.mark.parametrize(("head", "direct"), [
    ("student_t", False), ("gaussian", False), ("mixture", False), ("quantiles", False),
    ("student_t", True), ("negative_binomial", False), ("negative_binomial", True),
])  # fmt: skip
def test_drawn_futures_agree_in_distribution(
    node: str, dist: Path, tmp_path: Path, head: str, direct: bool
) -> None:
    path, source = tmp_path / "model.safetensors", EXAMPLES / "visitors.csv"
    model = trained(path, source, VISITORS, head=head, direct=direct, sizes=(9,))
    panel = read_panel(source, VISITORS).panel
    paths = 4000
    one = {"model": str(path), "name": source.name, "text": source.read_text(), "paths": paths,
           "seed": 5}  # fmt: skip
    first, again, other = answered(node, dist, tmp_path, [one, one, {**one, "seed": 6}])
    assert "error" not in first, first
    assert first["series"] == again["series"]
    assert first["series"] != other["series"]
    want = model.forecast(panel, levels=[0.1, 0.5, 0.9], paths=paths, seed=1)
    for s, mine in enumerate(first["series"]):
        theirs = want.forecast.quantiles[s]
        # Of 4,000 draws each; 0.12 of the spread is six times what chance moves a decile.
        spread = (theirs[:, 2] - theirs[:, 0])[:, None]
        off = np.abs(np.array(mine["quantiles"]) - theirs) / spread
        assert off.max() < 0.12, off.max()
        means = np.abs(np.array(mine["mean"]) - want.forecast.mean[s]) / spread[:, 0]
        # All at once, the mean needs no draws.
        assert means.max() < (1e-5 if direct else 0.12), means.max()


def sold(tmp_path: Path) -> Path:
    """A long table with covariates of every kind, some missing, one series later than the other."""
    path = tmp_path / "sold.csv"
    rng = np.random.default_rng(4)
    rows = ["unique_id,ds,y,price,sale,region,size"]
    for name, region, size, first in (("a", "north", 3, 0), ("b", "south", 12.5, 30)):
        for n, day in enumerate(days(120)[first:]):
            sale = n % 9 < 2
            y = "" if n % 31 == 7 else f"{20 + 8 * sale + n % 7 + rng.normal():.3f}"
            price = "" if n % 17 == 3 else f"{5 - 2 * sale + 0.01 * n:.2f}"
            rows.append(f"{name},{day},{y},{price},{int(sale)},{region},{size}")
    path.write_text("\n".join(rows) + "\n")
    return path


COVARIATES = ColumnOptions(past=("price",), future=("sale",), static=("region", "size"))


def held_out(panel: Panel, steps: int) -> dict[str, Any]:
    """Return what is known of the steps that are held out."""
    return {one.name: one.future[-steps:] for one in panel.series}


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_covariates_are_read_as_in_python(
    node: str, dist: Path, tmp_path: Path, layout: str
) -> None:
    source, columns = sold(tmp_path), COVARIATES
    if layout == "wide":
        source, columns = tmp_path / "wide.csv", ColumnOptions(past=("price",), future=("sale",))
        source.write_text("ds,north,south,price,sale\n" + "".join(
            f"{day},{n % 7},{30 + n % 5},{n % 11},{int(n % 6 < 2)}\n"
            for n, day in enumerate(days(90))))  # fmt: skip
    path = tmp_path / "model.safetensors"
    model = trained(path, source, columns, head="quantiles", direct=True, sizes=(7,))
    panel = read_panel(source, columns).panel
    (found,) = answered(node, dist, tmp_path, [
        {"model": str(path), "name": source.name, "text": source.read_text(), "levels": LEVELS,
         "held_out": True}])  # fmt: skip
    assert "error" not in found, found
    want = model.forecast(
        panel.without_last(model.horizon), levels=LEVELS, ahead=held_out(panel, model.horizon)
    )
    for s, (one, mine) in enumerate(zip(panel.series, found["series"], strict=True)):
        bound = BOUND * np.nanmax(np.abs(one.y))
        np.testing.assert_allclose(mine["mean"], want.forecast.mean[s], rtol=0, atol=bound)
        np.testing.assert_allclose(
            mine["quantiles"], want.forecast.quantiles[s], rtol=0, atol=bound
        )
    scores = evaluate(model, panel)
    assert found["evaluation"]["model"]["mase"] == pytest.approx(scores.model.mase, rel=1e-4)
    held = memory(Loaded(model), panel, None)
    for mine, theirs in zip(found["memory"]["layers"], held.layers, strict=True):
        np.testing.assert_allclose(mine["values"], theirs.values, rtol=0, atol=2e-4)


def test_covariates_are_read_step_by_step(node: str, dist: Path, tmp_path: Path) -> None:
    path, source = tmp_path / "model.safetensors", sold(tmp_path)
    model = trained(path, source, COVARIATES, head="gaussian", sizes=(7,), steps=150)
    panel = read_panel(source, COVARIATES).panel
    (found,) = answered(node, dist, tmp_path, [
        {"model": str(path), "name": source.name, "text": source.read_text(), "paths": 4000,
         "held_out": True}])  # fmt: skip
    want = model.forecast(
        panel.without_last(model.horizon), levels=[0.1, 0.5, 0.9], paths=4000,
        ahead=held_out(panel, model.horizon),
    )  # fmt: skip
    for s, mine in enumerate(found["series"]):
        theirs = want.forecast.quantiles[s]
        spread = (theirs[:, 2] - theirs[:, 0])[:, None]
        assert (np.abs(np.array(mine["quantiles"]) - theirs) / spread).max() < 0.12


def test_covariates_that_are_missing_are_named_as_in_python(
    node: str, dist: Path, tmp_path: Path
) -> None:
    path, source = tmp_path / "model.safetensors", sold(tmp_path)
    model = trained(path, source, COVARIATES, sizes=(4,), steps=3)
    text = source.read_text()
    lines = [line.split(",") for line in text.splitlines()]
    cases = {
        "ahead": text,
        "column": text.replace("sale", "sold"),
        "single": "\n".join(",".join(row[1:5]) for row in lines[:121]),
        "words": text.replace(",12.5\n", ",large\n").replace(",3\n", ",small\n"),
    }
    found = answered(node, dist, tmp_path, [
        {"model": str(path), "name": "sold.csv", "text": one, "held_out": name != "ahead"}
        for name, one in cases.items()])  # fmt: skip
    for (name, one), mine in zip(cases.items(), found, strict=True):
        told = document(tmp_path, "sold.csv", one)
        with pytest.raises(RecurraError) as refusal:
            panel = read_panel(told, COVARIATES).panel
            ahead = None if name == "ahead" else held_out(panel, model.horizon)
            model.forecast(panel, ahead=ahead)
        assert mine.get("error") == str(refusal.value).replace(told.name, "sold.csv"), name
