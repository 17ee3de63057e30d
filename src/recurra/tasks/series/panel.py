"""Many series side by side: each on a regular grid in time, with holes where values are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError
from recurra.formats.dates import Frequency

Array = NDArray[Any]
LARGEST = 1e100
"""Beyond this, squares overflow."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series on its grid."""

    name: str
    y: NDArray[np.float64]
    """[T], NaN where a value is missing; the first and the last are there."""
    last: Any
    """Stamp of the last value: an int or a datetime64[s]."""
    stamps: Array
    """[T] int64 or datetime64[s]; in holes, where the grid says."""
    past: NDArray[np.float64]
    """[T, P], NaN where missing."""
    future: NDArray[np.float64]
    """[T, F]."""

    def __len__(self) -> int:
        return len(self.y)

    def until(self, count: int) -> Series:
        """Return the first `count` values."""
        return replace(
            self, y=self.y[:count], last=self.stamps[count - 1], stamps=self.stamps[:count],
            past=self.past[:count], future=self.future[:count],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """Series that are learned and forecast together."""

    series: tuple[Series, ...]
    frequency: Frequency
    static: tuple[Mapping[str, Any], ...] = ()
    """What is said of each series, by the name of the column."""
    past_names: tuple[str, ...] = ()
    future_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """Sentences for the person: what was sorted, filled or left out."""

    def __len__(self) -> int:
        return len(self.series)

    @property
    def dated(self) -> bool:
        """Whether stamps are dates, not numbers."""
        return bool(self.series) and self.series[0].stamps.dtype.kind == "M"

    @property
    def values(self) -> int:
        """Values that are there, over all series."""
        return int(sum(np.isfinite(one.y).sum() for one in self.series))

    def without_last(self, steps: int) -> Panel:
        """Return the panel without the last steps of each series; too short ones keep one value."""
        kept = tuple(one.until(max(1, len(one) - steps)) for one in self.series)
        return replace(self, series=kept)


def build_panel(
    names: Array | None,
    stamps: Array | None,
    y: Array,
    *,
    past: Mapping[str, Array] | None = None,
    future: Mapping[str, Array] | None = None,
    static: Mapping[str, Array] | None = None,
    frequency: Frequency | str | int | None = None,
    where: str = "the data",
) -> Panel:
    """Make a panel from columns of equal length, rows in any order.

    Args:
        names: which series a row belongs to; None: all to one.
        stamps: integers or datetime64; None: rows are in order.
        y: values, NaN where missing.
        past, future, static: covariates by name; static ones are the same in all rows of a series.
        frequency: distance of two values; None: the commonest one.
        where: what messages begin with.
    Raises:
        FormatError: there are no values, one is infinite, or a series has two at one time.
        ConfigError: the frequency is not one.
    """
    y = np.asarray(y, np.float64)
    if not len(y) or not np.isfinite(y).any():
        raise FormatError(f"{where}: there is no value to learn from.")
    ids, labels = _labels(names, len(y))
    stamps = np.arange(len(y)) if stamps is None else _stamps(stamps, where)
    if names is not None and stamps.dtype.kind != "M" and len(np.unique(stamps)) == 1:
        pass
    order = np.lexsort((stamps, ids))
    notes = []
    if (order != np.arange(len(y))).any() and (np.diff(ids) < 0).sum() == 0:
        notes.append("rows were not in order of time and have been sorted.")
    ids, stamps, y = ids[order], stamps[order], y[order]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    _refuse_twice(ids, stamps, labels, where)
    _refuse_infinite(ids, stamps, y, labels, where)
    grid = frequency if isinstance(frequency, Frequency) else None
    if grid is None:
        if frequency is not None:
            grid = Frequency.parse(str(frequency))
        else:
            grid = Frequency.infer(stamps, starts) or Frequency(1, "step")
    if stamps.dtype.kind == "M" and grid.unit == "step":
        grid = Frequency(86400, "second")
    if stamps.dtype.kind != "M" and grid.unit != "step":
        raise ConfigError(
            f"frequency is {grid}, but times are whole numbers here; give a number.", "frequency"
        )
    columns = {
        "past": _stack(past, order, len(y)), "future": _stack(future, order, len(y)),
    }  # fmt: skip
    made, told = [], []
    ends = [*starts[1:], len(y)]
    for first, end in zip(starts, ends, strict=True):
        rows = slice(int(first), int(end))
        one, note = _on_grid(
            labels[ids[first]], stamps[rows], y[rows], columns["past"][rows],
            columns["future"][rows], grid, where,
        )  # fmt: skip
        if one is None:
            notes.append(f"series '{labels[ids[first]]}' has no value and is left out.")
            continue
        made.append((int(first), one))
        if note:
            told.append(note)
    if not made:
        raise FormatError(f"{where}: there is no value to learn from.")
    if told:
        more = f" (and {len(told) - 3:,} more series)" if len(told) > 3 else ""
        notes.append("; ".join(told[:3]) + more + "; what is missing is masked.")
    described = tuple(
        {name: np.asarray(column)[order][first] for name, column in (static or {}).items()}
        for first, _ in made
    )
    return Panel(
        tuple(one for _, one in made), grid, described, tuple(past or ()), tuple(future or ()),
        tuple(notes),
    )  # fmt: skip


def _labels(names: Array | None, count: int) -> tuple[NDArray[np.int64], list[str]]:
    """Return a number for each row and the names behind the numbers, in order of appearance."""
    if names is None:
        return np.zeros(count, np.int64), ["series"]
    known: dict[Any, int] = {}
    ids = np.fromiter((known.setdefault(name, len(known)) for name in names), np.int64, count)
    return ids, [str(name) for name in known]


def _stamps(stamps: Array, where: str) -> Array:
    stamps = np.asarray(stamps)
    if stamps.dtype.kind == "M":
        if np.isnat(stamps).any():
            raise FormatError(f"{where}: a time is missing in row {np.isnat(stamps).argmax() + 1}.")
        whole = stamps.astype("datetime64[s]")
        if (whole != stamps).any():
            raise FormatError(
                f"{where}: times are finer than a second, which is the finest step that series "
                "have here; give whole numbers as times instead."
            )
        return whole
    if stamps.dtype.kind == "f":
        if not np.isfinite(stamps).all() or (stamps != np.round(stamps)).any():
            raise FormatError(f"{where}: times have to be whole numbers or dates.")
        return stamps.astype(np.int64)
    if stamps.dtype.kind not in "iu":
        raise FormatError(f"{where}: times have to be whole numbers or dates.")
    return stamps.astype(np.int64)


def _refuse_twice(ids: Array, stamps: Array, labels: Sequence[str], where: str) -> None:
    twice = np.flatnonzero((ids[1:] == ids[:-1]) & (stamps[1:] == stamps[:-1]))
    if len(twice):
        raise FormatError(
            f"{where}: series '{labels[ids[twice[0]]]}' has two values at {stamps[twice[0]]}"
            + (f" (and {len(twice) - 1:,} more such times)" if len(twice) > 1 else "")
            + "; remove or sum up what comes twice, or name the column that tells series apart."
        )


def _refuse_infinite(
    ids: Array, stamps: Array, y: Array, labels: Sequence[str], where: str
) -> None:
    infinite = np.flatnonzero(np.abs(y) > LARGEST)
    if len(infinite):
        what = "infinite" if np.isinf(y[infinite[0]]) else f"{y[infinite[0]]:g}"
        raise FormatError(
            f"{where}: series '{labels[ids[infinite[0]]]}' is {what} at {stamps[infinite[0]]}; "
            f"correct the value (sizes stay below {LARGEST:g}), or leave it missing."
        )


def _stack(columns: Mapping[str, Array] | None, order: Array, rows: int) -> NDArray[np.float64]:
    found = [np.asarray(column, np.float64)[order] for column in (columns or {}).values()]
    return np.stack(found, axis=1) if found else np.zeros((rows, 0))


def _on_grid(
    name: str,
    stamps: Array,
    y: Array,
    past: Array,
    future: Array,
    grid: Frequency,
    where: str,
) -> tuple[Series | None, str]:
    """Return a series on its grid, from its first to its last value, and what was missing."""
    there = np.flatnonzero(np.isfinite(y))
    if not len(there):
        return None, ""
    rows = slice(int(there[0]), int(there[-1]) + 1)
    stamps, y, past, future = stamps[rows], y[rows], past[rows], future[rows]
    places = grid.positions(stamps)
    places = places - places[0]
    close = np.flatnonzero(np.diff(places) == 0)
    if len(close):
        raise FormatError(
            f"{where}: series '{name}' has values at {stamps[close[0]]} and "
            f"{stamps[close[0] + 1]}, closer than its step ({grid}); give the frequency."
        )
    length = int(places[-1]) + 1
    if length > 100 * len(y) + 10_000:
        raise FormatError(
            f"{where}: series '{name}' has {len(y):,} values on a grid of {length:,} places "
            f"({grid}); give the frequency that it really has."
        )
    missing = length - int(np.isfinite(y).sum())
    note = f"series '{name}' lacks {missing:,} of {length:,} values" if missing else ""
    if length == len(y):
        return Series(name, y, stamps[-1], stamps, past, future), note
    whole = np.full(length, np.nan)
    whole[places] = y
    times = np.concatenate([stamps[:1], grid.stamps_after(stamps[0], length - 1)])
    times[places] = stamps
    wide = []
    for columns in (past, future):
        filled = np.full((length, columns.shape[1]), np.nan)
        filled[places] = columns
        wide.append(filled)
    return Series(name, whole, stamps[-1], times, wide[0], wide[1]), note
