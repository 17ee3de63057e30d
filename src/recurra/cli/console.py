"""How the command line writes: results to standard output, everything else to standard error.

Text is never read as markup: a model's output may contain anything. Colour is left out by itself
where the stream is no terminal or NO_COLOR is set. rich is imported when the first line is written.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

Justify = Literal["left", "right", "center"]

_BARS = "▁▂▃▄▅▆▇█"


@cache
def out() -> Console:
    """Return the console of standard output: results, and nothing else."""
    return _console(stderr=False)


@cache
def err() -> Console:
    """Return the console of standard error: progress, advice, what to type next."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # Tables in a pipe or a file are not squeezed into the 80 columns that rich supposes there.
    width = None if stream.isatty() or "COLUMNS" in os.environ else 200
    # Lines are broken by the terminal, never by us: what is copied or piped stays whole.
    return Console(
        stderr=stderr, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True
    )


def progress_bar(unit: str = "", *, transient: bool = False) -> Progress:
    """Return a bar with count, share and time left, on standard error; use it in `with`.

    `add_task(description, total=...)` starts a bar, with total None while it is not known. Where
    standard error is no terminal, only the finished bar is written.

    Args:
        unit: what is counted; "bytes" shows sizes and a speed.
        transient: whether the bar goes when it is done.
    """
    from rich import progress as parts

    counts: list[parts.ProgressColumn] = [parts.MofNCompleteColumn(), parts.TextColumn(unit)]
    if unit == "bytes":
        counts = [parts.DownloadColumn(), parts.TransferSpeedColumn()]
    return parts.Progress(
        parts.TextColumn("{task.description}", markup=False),
        parts.BarColumn(),
        *counts,
        parts.TimeRemainingColumn(elapsed_when_finished=True),
        console=err(),
        transient=transient,
    )


def table(
    columns: Sequence[str | tuple[str, Justify]],
    rows: Iterable[Sequence[object]],
    *,
    headings: bool = True,
) -> Table:
    """Return a plain table for `out().print`: no frame, headings over columns.

    Args:
        columns: headings, each with its alignment where it is not left.
        rows: one cell a column; None is shown as nothing.
        headings: whether the first line is printed.
    """
    from rich.table import Table
    from rich.text import Text

    made = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=headings
    )
    for column in columns:
        heading = column if isinstance(column, str) else column[0]
        justify: Justify = "left" if isinstance(column, str) else column[1]
        made.add_column(heading, justify=justify, no_wrap=justify == "right")
    for row in rows:
        made.add_row(*[Text("" if cell is None else str(cell)) for cell in row])
    return made


def sparkline(values: Iterable[float], width: int = 24) -> str:
    """Return values as a line of bars, lowest to highest; values that are not finite are gaps.

    More than `width` values are averaged in `width` equal shares.
    """
    series = list(values)
    if len(series) > width:
        edges = [round(k * len(series) / width) for k in range(width + 1)]
        series = [_mean(series[start:stop]) for start, stop in pairwise(edges)]
    finite = [value for value in series if math.isfinite(value)]
    if not finite:
        return " " * len(series)
    low, high = min(finite), max(finite)
    span = high - low or 1.0
    return "".join(
        _BARS[round((value - low) / span * (len(_BARS) - 1))] if math.isfinite(value) else " "
        for value in series
    )


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def size(count_bytes: float) -> str:
    """Return a number of bytes as people say it: "512 bytes", "4.9 MB" (powers of 1,000)."""
    if abs(count_bytes) < 1000:
        return f"{count_bytes:.0f} bytes"
    units = ["kB", "MB", "GB", "TB"]
    amount = count_bytes / 1000
    while abs(amount) >= 999.5 and len(units) > 1:
        amount /= 1000
        del units[0]
    return f"{amount:.3g} {units[0]}"


def duration(seconds: float) -> str:
    """Return a time in its two largest units: "0.4 s", "41 s", "3 min 05 s", "2 h 10 min"."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def count(number: float) -> str:
    """Return a whole number with commas: "111,559"."""
    return f"{number:,.0f}"


def quantity(number: float, one: str, many: str | None = None) -> str:
    """Return a count with its noun: "1 layer", "2 layers"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
