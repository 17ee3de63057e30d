"""Series on their grids: what is sorted, masked, refused."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.formats.dates import Frequency, parse_dates
from recurra.tasks.series.panel import build_panel


def days(*texts):
    return np.array(texts, "datetime64[s]")


def test_rows_in_any_order_become_series_in_order_of_time():
    names = np.array(["b", "a", "b", "a"], object)
    panel = build_panel(names, np.array([2, 1, 1, 2]), np.array([4.0, 1.0, 3.0, 2.0]))
    assert [one.name for one in panel.series] == ["b", "a"]
    assert [one.y.tolist() for one in panel.series] == [[3, 4], [1, 2]]


def test_gaps_become_holes_and_are_told_with_the_name():
    stamps = days("2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06")
    panel = build_panel(None, stamps, np.array([1.0, 2.0, 5.0, 6.0]))
    (one,) = panel.series
    assert str(panel.frequency) == "every day"
    assert np.isnan(one.y[2:4]).all()
    assert one.stamps[2] == np.datetime64("2024-01-03")
    assert "lacks 2 of 6 values" in panel.notes[0]
    assert "'series'" in panel.notes[0]


def test_missing_values_at_the_ends_are_no_part_of_a_series():
    panel = build_panel(None, np.arange(5), np.array([np.nan, 1, np.nan, 3, np.nan]))
    assert len(panel.series[0]) == 3
    assert panel.series[0].last == 3


@pytest.mark.parametrize(
    ("y", "stamps", "said"),
    [
        ([1.0, 2.0, 3.0], [1, 1, 2], "two values at 1"),
        ([1.0, np.inf, 3.0], [1, 2, 3], "infinite at 2"),
        ([1.0, 1e200, 3.0], [1, 2, 3], "1e\\+200 at 2"),
        ([np.nan, np.nan, np.nan], [1, 2, 3], "no value"),
        ([1.0, 2.0, 3.0], [1.0, 1.5, 2.0], "whole numbers or dates"),
        ([1.0, 2.0, 3.0], [1, 2, 10_000_000], "grid"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(y, stamps, said):
    with pytest.raises(FormatError, match=said):
        build_panel(None, np.array(stamps), np.array(y))


def test_a_series_without_a_value_is_left_out_and_named():
    names = np.array(["a", "a", "b", "b"], object)
    panel = build_panel(names, np.array([1, 2, 1, 2]), np.array([1.0, 2.0, np.nan, np.nan]))
    assert len(panel) == 1
    assert "'b'" in " ".join(panel.notes)


@pytest.mark.parametrize(
    ("stamps", "words", "after"),
    [
        (days("2024-01-31", "2024-02-29", "2024-03-31"), "every month", "2024-04-30"),
        (days("2024-01-01", "2024-02-01", "2024-03-01"), "every month", "2024-04-01"),
        (days("2024-01-15", "2024-02-15", "2024-03-15"), "every month", "2024-04-15"),
        (days("2023-01-01", "2023-04-01", "2023-07-01"), "every quarter", "2023-10-01"),
        (days("2021-01-01", "2022-01-01", "2023-01-01"), "every year", "2024-01-01"),
        (days("2024-01-07", "2024-01-14", "2024-01-21"), "every week", "2024-01-28"),
        (
            days("2024-01-01T00:00", "2024-01-01T00:15", "2024-01-01T00:30"),
            "every 15 minutes",
            "2024-01-01T00:45",
        ),
    ],
)
def test_frequencies_are_found_and_gone_on_with(stamps, words, after):
    found = Frequency.infer(stamps, np.array([0]))
    assert str(found) == words
    assert found.stamps_after(stamps[-1], 1)[0] == np.datetime64(after)
    assert (np.diff(found.positions(stamps)) == 1).all()


def test_working_days_skip_the_weekend():
    stamps = days(
        "2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08",
        "2024-01-09",
    )  # fmt: skip
    found = Frequency.infer(stamps, np.array([0]))
    assert found.unit == "business"
    assert found.stamps_after(np.datetime64("2024-01-05"), 1)[0] == np.datetime64("2024-01-08")


def test_frequencies_by_name():
    assert Frequency.parse("15min").count == 900
    assert Frequency.parse("QS").count == 3
    assert Frequency.parse("3").unit == "step"
    with pytest.raises(ConfigError, match="fortnight"):
        Frequency.parse("fortnight")


def test_dates_as_people_write_them():
    assert parse_dates(["31.12.2023", "01.01.2024"], "x")[1] == np.datetime64("2024-01-01")
    assert parse_dates(["12/31/2023"], "x")[0] == np.datetime64("2023-12-31")
    assert parse_dates(["2024Q2"], "x")[0] == np.datetime64("2024-04-01")
    zoned = parse_dates(["2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00"], "x")
    assert np.diff(zoned)[0] == np.timedelta64(3600, "s")
    with pytest.raises(FormatError, match="two ways"):
        parse_dates(["01/02/2024", "03/04/2024"], "x")
    assert parse_dates(["01/02/2024"], "x", "%d/%m/%Y")[0] == np.datetime64("2024-02-01")
    with pytest.raises(FormatError, match="tomorrow"):
        parse_dates(["2024-01-01", "tomorrow"], "x")
