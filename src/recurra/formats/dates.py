"""Dates in tables, and what lies between them: text to moments, and moments to a regular grid."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError

Array = NDArray[Any]

PATTERNS = (
    "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%Y%m%d", "%m/%d/%y",
    "%d/%m/%y", "%b %d, %Y", "%d %b %Y", "%B %Y", "%b %Y", "%b-%Y", "%Y-%b",
)  # fmt: skip
TIMES = ("", " %H:%M", " %H:%M:%S")
_ZONED = re.compile(r"\d(Z|[+-]\d\d:?\d\d)$")
_QUARTER = re.compile(r"(\d{4})[- ]?Q([1-4])$")


def parse_dates(cells: Sequence[str], where: str, pattern: str | None = None) -> Array:
    """Return dates written as text, datetime64[s]. Times with a zone are given in UTC.

    ISO 8601 is read as it is; otherwise the one of the usual ways to write a date is taken that
    all cells follow.

    Args:
        where: what messages begin with, such as "sales.csv, column 'date'".
        pattern: how they are written, as for `datetime.strptime`.
    Raises:
        FormatError: a cell is no date, or the dates can be read in two ways.
    """
    if pattern is not None:
        found = _by_pattern(cells, pattern)
        if found is None:
            raise FormatError(f"{where} is not written as {pattern!r} throughout.")
        return found
    if any(_ZONED.search(cell) and ":" in cell for cell in (*cells[:1], *cells[-1:])):
        return _zoned(cells, where)
    if len(cells) and _QUARTER.match(cells[0]):
        return _quarters(cells, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return np.array([_iso(cell) for cell in cells], "datetime64[s]")
    except (ValueError, Warning):
        pass
    fits = {}
    for date in PATTERNS:
        for time in TIMES:
            if cells and _by_pattern(cells[:1], date + time) is not None:
                found = _by_pattern(cells, date + time)
                if found is not None:
                    fits[date + time] = found
    distinct = {found.tobytes(): name for name, found in fits.items()}
    if len(distinct) > 1:
        ways = " or ".join(repr(name) for name in distinct.values())
        raise FormatError(f"{where} can be read in two ways, as {ways}; say which is meant.")
    if not fits:
        bad = next((cell for cell in cells if not _is_date(cell)), cells[0] if cells else "")
        row = list(cells).index(bad) + 1 if bad in cells else 1
        raise FormatError(
            f"{where}: {bad[:40]!r} in row {row:,} is no date that is understood; write dates as "
            "2024-12-31 or 2024-12-31 23:59, or say how they are written."
        )
    return next(iter(fits.values()))


def _iso(cell: str) -> str:
    if not re.match(r"\d{4}-\d\d", cell):
        raise ValueError(cell)
    return cell


def _is_date(cell: str) -> bool:
    try:
        np.datetime64(_iso(cell), "s")
    except ValueError:
        return any(_by_pattern([cell], d + t) is not None for d in PATTERNS for t in TIMES)
    return True


def _by_pattern(cells: Sequence[str], pattern: str) -> Array | None:
    try:
        found = [datetime.strptime(cell, pattern) for cell in cells]
    except ValueError:
        return None
    return np.array(found, "datetime64[s]")


def _zoned(cells: Sequence[str], where: str) -> Array:
    found = []
    for row, cell in enumerate(cells):
        try:
            moment = datetime.fromisoformat(cell)
        except ValueError:
            raise FormatError(f"{where}: {cell[:40]!r} in row {row + 1:,} is no date.") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        found.append(moment.astimezone(UTC).replace(tzinfo=None))
    return np.array(found, "datetime64[s]")


def _quarters(cells: Sequence[str], where: str) -> Array:
    found = []
    for row, cell in enumerate(cells):
        match = _QUARTER.match(cell)
        if not match:
            raise FormatError(f"{where}: {cell[:40]!r} in row {row + 1:,} is no quarter.")
        found.append(f"{match[1]}-{3 * int(match[2]) - 2:02d}")
    return np.array(found, "datetime64[M]").astype("datetime64[s]")


Unit = Literal["step", "second", "month", "business"]
NAMES = {
    "s": (1, "second"), "min": (60, "second"), "t": (60, "second"), "h": (3600, "second"),
    "d": (86400, "second"), "w": (7 * 86400, "second"), "b": (1, "business"),
    "m": (1, "month"), "ms": (1, "month"), "me": (1, "month"), "mo": (1, "month"),
    "q": (3, "month"), "qs": (3, "month"), "qe": (3, "month"),
    "y": (12, "month"), "ys": (12, "month"), "ye": (12, "month"), "a": (12, "month"),
}  # fmt: skip
SEASONS = {
    (1, "month"): 12, (3, "month"): 4, (12, "month"): 1, (1, "business"): 5,
    (3600, "second"): 24, (1800, "second"): 48, (900, "second"): 96, (600, "second"): 144,
    (300, "second"): 288, (60, "second"): 60, (1, "second"): 60,
    (86400, "second"): 7, (7 * 86400, "second"): 52,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frequency:
    """How far one step goes: so many numbers, seconds, months or working days."""

    count: int
    unit: Unit
    offset: int = 0
    """Seconds since the month began, for months; -1: they stand at the end of the month."""

    @classmethod
    def parse(cls, text: str | int) -> Frequency:
        """Read "h", "15min", "D", "W", "MS", "2QS", "B" as pandas and polars write them, or 1.

        Raises: `ConfigError` for anything else.
        """
        if isinstance(text, int) or text.isdecimal():
            return cls(max(1, int(text)), "step")
        match = re.match(r"(\d*)([A-Za-z]+)(-[A-Za-z]+)?$", text.strip())
        name = match[2].lower() if match else ""
        if not match or name not in NAMES:
            raise ConfigError(
                f"frequency is {text!r}, but has to be a number or one of s, min, h, D, B, W, MS, "
                "ME, QS, YS, with a number before it if need be, as in 15min.",
                "frequency",
            )
        count, unit = NAMES[name]
        last = -1 if name in ("me", "qe", "ye", "m", "q", "y", "a") and unit == "month" else 0
        return cls(int(match[1] or 1) * count, unit, last)  # type: ignore[arg-type]

    @classmethod
    def infer(cls, stamps: Array, starts: Array) -> Frequency | None:
        """Find the commonest distance between neighbours; None where no series has two stamps.

        Args:
            stamps: [N] int64 or datetime64[s], one series after the other, rising within each.
            starts: [S] where each series begins.
        """
        if len(stamps) < 2:
            return None
        inside = np.ones(len(stamps) - 1, bool)
        inside[starts[1:] - 1] = False
        if not inside.any():
            return None
        if stamps.dtype.kind != "M":
            return cls(_common(np.diff(stamps)[inside]), "step")
        steps = np.diff(stamps.astype(np.int64))[inside]
        common = _common(steps)
        if common >= 28 * 86400:
            months = stamps.astype("datetime64[M]")
            count = _common(np.diff(months.astype(np.int64))[inside])
            if count > 0:
                inner = (stamps - months.astype("datetime64[s]")).astype(np.int64)
                inner, often = np.unique(inner, return_counts=True)
                end = (stamps.astype("datetime64[D]") + 1).astype("datetime64[M]") != months
                return cls(count, "month", -1 if end.all() else int(inner[often.argmax()]))
        if common == 86400 and stamps.astype("datetime64[s]").size > 5:
            days = stamps.astype("datetime64[D]")
            if not np.isin((days.astype(np.int64) + 3) % 7, (5, 6)).any():
                return cls(1, "business")
        return cls(common, "second")

    @property
    def season(self) -> int:
        """The usual number of steps in a season; 1 where there is no usual one."""
        return SEASONS.get((self.count, self.unit), 1)

    def positions(self, stamps: Array) -> NDArray[np.int64]:
        """Return the numbers of stamps on the grid; stamps between two places get the earlier."""
        if self.unit == "step":
            return np.asarray(stamps, np.int64) // self.count
        if self.unit == "second":
            return np.asarray(stamps.astype("datetime64[s]").astype(np.int64) // self.count)
        if self.unit == "business":
            days = stamps.astype("datetime64[D]")
            return np.asarray(np.busday_count("1970-01-01", days) // self.count)
        return np.asarray(stamps.astype("datetime64[M]").astype(np.int64) // self.count)

    def stamps_after(self, last: Any, steps: int) -> Array:
        """Return the stamps of the next steps [steps] after one stamp."""
        ahead = np.arange(1, steps + 1)
        if self.unit == "step":
            return np.asarray(int(last) + ahead * self.count, np.int64)
        last = np.datetime64(last, "s")
        if self.unit == "second":
            return np.asarray(last + (ahead * self.count).astype("timedelta64[s]"))
        if self.unit == "business":
            day = np.busday_offset(last.astype("datetime64[D]"), ahead * self.count, roll="forward")
            return np.asarray(day.astype("datetime64[s]"))
        month = last.astype("datetime64[M]") + ahead * self.count
        if self.offset < 0:
            return np.asarray(((month + 1).astype("datetime64[D]") - 1).astype("datetime64[s]"))
        return np.asarray(month.astype("datetime64[s]") + np.timedelta64(self.offset, "s"))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"count": self.count, "unit": self.unit, "offset": self.offset}

    def __str__(self) -> str:
        """Return it in words: "every hour", "every 15 minutes"."""
        names = {
            "second": {604800: "week", 86400: "day", 3600: "hour", 60: "minute", 1: "second"},
            "month": {12: "year", 3: "quarter", 1: "month"},
            "business": {1: "working day"},
            "step": {1: "step"},
        }[self.unit]
        for size, name in names.items():
            if self.count % size == 0:
                many = self.count // size
                return f"every {name}" if many == 1 else f"every {many} {name}s"
        return f"every {self.count} {self.unit}s"


def _common(values: Array) -> int:
    """Return the commonest of positive whole numbers, the smaller of equals; at least 1."""
    found, counts = np.unique(values[values > 0], return_counts=True)
    return int(found[counts.argmax()]) if len(found) else 1
