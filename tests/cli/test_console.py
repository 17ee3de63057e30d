"""Numbers as people say them, sparklines, and output that is never taken for markup."""

import io
import math

import pytest
from rich.console import Console

from recurra.cli import console


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"),
        (185, "3 min 05 s"), (3599.6, "1 h 00 min"), (7800, "2 h 10 min"), (86399, "1 d 0 h"),
        (math.inf, "?"), (math.nan, "?"),
    ],
)  # fmt: skip
def test_duration(seconds, text):
    assert console.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (4_930_000, "4.93 MB"),
        (999_600, "1 MB"), (1_115_394, "1.12 MB"), (25.3e9, "25.3 GB"), (3.2e12, "3.2 TB"),
    ],
)  # fmt: skip
def test_size(count, text):
    assert console.size(count) == text


def test_counts_and_nouns():
    assert console.count(111559) == "111,559"
    assert console.quantity(1, "layer") == "1 layer"
    assert console.quantity(1200, "layer") == "1,200 layers"
    assert console.quantity(2, "corpus", "corpora") == "2 corpora"


def test_a_sparkline_rises_with_its_values():
    assert console.sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"


def test_a_sparkline_of_equal_values_is_flat_and_of_none_is_empty():
    assert console.sparkline([2, 2, 2]) == "▁▁▁"
    assert console.sparkline([]) == ""


def test_a_sparkline_leaves_gaps_where_values_are_not_finite():
    assert console.sparkline([0, math.nan, 1, math.inf]) == "▁ █ "


@pytest.mark.parametrize("count", [1, 23, 24, 25, 1000])
def test_a_sparkline_is_never_wider_than_asked(count):
    assert len(console.sparkline(range(count), width=24)) == min(count, 24)


def test_cells_are_text_and_not_markup():
    screen = Console(file=io.StringIO(), width=80)
    screen.print(console.table(["name", ("size", "right")], [["[red]a[/red]", 12], [None, 3]]))
    lines = [line.rstrip() for line in screen.file.getvalue().splitlines()]
    assert lines == ["name          size", "[red]a[/red]    12", "                 3"]
