"""Series from files: which column means what is said, or recognised."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError
from recurra.datasets.series import resolve_series
from recurra.formats.dates import parse_dates
from recurra.formats.sources import Document
from recurra.formats.tables import MISSING, Table, is_number, looks_dated, read_table
from recurra.tasks.series.options import ColumnOptions
from recurra.tasks.series.panel import Panel, build_panel

Array = NDArray[Any]
Source = str | os.PathLike[str] | Document


@dataclass(frozen=True, slots=True)
class Read:
    """A panel as it was read."""

    panel: Panel
    layout: str
    """long, wide, rows or single."""
    sha256: str
    """Of the file's bytes, decompressed."""


def read_panel(source: Source, columns: ColumnOptions | None = None) -> Read:
    """Read series from a file, or a public set by its name.

    Raises:
        FormatError: it is no table, or its columns cannot be told apart; the message says how to.
        ConfigError, ResourceError: as `datasets.series.resolve_series`.
    """
    columns = columns or ColumnOptions()
    if isinstance(source, str):
        source = resolve_series(source, "series")
    document = source if isinstance(source, Document) else Document.of_file(source)
    digest = hashlib.sha256()
    for block, _ in document.blocks():
        digest.update(block)
    table = read_table(document)
    if not table.rows:
        raise FormatError(f"{table.name} has a header, but no rows.")
    layout = columns.layout if columns.layout != "auto" else recognise(table, columns)
    readers = {"long": _long, "wide": _wide, "rows": _rows, "single": _single}
    return Read(readers[layout](table, columns), layout, digest.hexdigest())


def read_ahead(
    source: Source, columns: ColumnOptions, panel: Panel, names: Sequence[str]
) -> dict[str, Array]:
    """Read covariates of the future from a table: [n, F] by series, of the steps after its end.

    Rows carry the series' name and the time; without a name they belong to every series, without a
    time they are in order and begin right after the end.
    """
    table = read_table(source)
    values = np.stack([table.numbers(table.place(name)) for name in names], axis=1)
    header = table.header or ()
    ids = table.columns[table.place(columns.id_column)] if columns.id_column in header else None
    stamps = None
    if columns.time_column in header:
        stamps = _times(table, table.place(columns.time_column), columns)
    found: dict[str, Array] = {}
    for one in panel.series:
        rows = np.arange(len(values))
        if ids is not None:
            rows = np.array([n for n in rows if ids[n] == one.name], np.int64)
        if stamps is not None:
            rows = rows[np.argsort(stamps[rows], kind="stable")]
            rows = rows[stamps[rows] > one.last]
        found[one.name] = values[rows]
    return found


def recognise(table: Table, columns: ColumnOptions) -> str:
    """Return how a table is laid out. Raises `FormatError` where that cannot be told."""
    header = table.header or ()
    if columns.target_column in header:
        return "long" if columns.id_column in header else "single"
    if len(table.columns) == 1:
        return "single"
    if header and all(re.match(r"V\d+$", name) for name in header):
        return "rows"
    first, rest = table.columns[0], table.columns[1:]
    numeric = [_is_numeric(column) for column in rest]
    if header and all(re.match(r"\d+$", name) for name in header[1:]) and not _is_numeric(first):
        return "rows"
    if not header and not _is_numeric(first) and not looks_dated(first[0]) and all(numeric):
        return "rows"
    if looks_dated(first[0]) or re.match(r"\d{4}[- ]?Q[1-4]$", first[0]):
        if not any(numeric):
            raise FormatError(_unclear(table))
        return "single" if len(rest) == 1 else "wide"
    if _is_numeric(first) and all(numeric):
        return "single" if len(rest) == 1 and _rises(first) else "wide"
    raise FormatError(_unclear(table))


def _unclear(table: Table) -> str:
    named = ", ".join(table.header[:8]) if table.header else f"{len(table.columns)} columns"
    return (
        f"{table.name} holds {named}: it cannot be told which column is what; name them (id_column,"
        " time_column, target_column), or say the layout: long, wide, rows or single."
    )


def _long(table: Table, columns: ColumnOptions) -> Panel:
    ids = np.array(table.columns[table.place(columns.id_column)], object)
    stamps = None
    if table.header and columns.time_column in table.header:
        stamps = _times(table, table.place(columns.time_column), columns)
    y = table.numbers(table.place(columns.target_column))
    return build_panel(
        ids, stamps, y,
        past={name: table.numbers(table.place(name)) for name in columns.past},
        future={name: table.numbers(table.place(name)) for name in columns.future},
        static={name: _either(table, table.place(name)) for name in columns.static},
        frequency=columns.frequency, where=table.name,
    )  # fmt: skip


def _single(table: Table, columns: ColumnOptions) -> Panel:
    header = table.header or ()
    target = len(table.columns) - 1
    if columns.target_column in header:
        target = header.index(columns.target_column)
    stamps = None
    if columns.time_column in header:
        stamps = _times(table, header.index(columns.time_column), columns)
    elif len(table.columns) == 2 and target == 1:
        stamps = _times(table, 0, columns)
    y = table.numbers(target)
    name = header[target] if header and header[target] != columns.target_column else "series"
    return build_panel(
        np.array([name] * len(y), object), stamps, y,
        past={one: table.numbers(table.place(one)) for one in columns.past},
        future={one: table.numbers(table.place(one)) for one in columns.future},
        frequency=columns.frequency, where=table.name,
    )  # fmt: skip


def _wide(table: Table, columns: ColumnOptions) -> Panel:
    """Read a column a series; columns named as covariates belong to all series."""
    first, stamps = 0, None
    timed = table.header is not None and columns.time_column in table.header
    if timed:
        place = table.place(columns.time_column)
        stamps = _times(table, place, columns)
    else:
        place = -1
        if looks_dated(table.columns[0][0]) or (table.header and _rises(table.columns[0])):
            place, stamps = 0, _times(table, 0, columns)
    shared = {*columns.past, *columns.future}
    chosen = [
        n for n in range(first, len(table.columns))
        if n != place and table.title(n) not in shared
        and any(cell.lower() not in MISSING for cell in table.columns[n])
    ]  # fmt: skip
    if not chosen:
        raise FormatError(f"{table.name} has no column of values beside the times.")
    rows = table.rows
    stamps = np.arange(rows) if stamps is None else stamps
    ids = np.repeat(np.array([table.title(n) for n in chosen], object), rows)
    y = np.concatenate([table.numbers(n) for n in chosen])
    many = len(chosen)
    return build_panel(
        ids, np.tile(stamps, many), y,
        past={name: np.tile(table.numbers(table.place(name)), many) for name in columns.past},
        future={name: np.tile(table.numbers(table.place(name)), many) for name in columns.future},
        frequency=columns.frequency, where=table.name,
    )  # fmt: skip


def _rows(table: Table, columns: ColumnOptions) -> Panel:
    """Read a row a series, its name first, as M4 has them; rows may end early."""
    names = table.columns[0]
    values = np.stack([table.numbers(n) for n in range(1, len(table.columns))], axis=1)
    ids, stamps, y = [], [], []
    for name, row in zip(names, values, strict=True):
        there = np.flatnonzero(np.isfinite(row))
        count = int(there[-1]) + 1 if len(there) else 0
        ids.append(np.array([name] * count, object))
        stamps.append(np.arange(1, count + 1))
        y.append(row[:count])
    whole = [np.concatenate(part) for part in (ids, stamps, y)]
    return build_panel(whole[0], whole[1], whole[2], frequency=columns.frequency, where=table.name)


def _times(table: Table, column: int, columns: ColumnOptions) -> Array:
    cells = table.columns[column]
    if columns.date_format is None and all(is_number(cell) for cell in cells[:1000]):
        return table.numbers(column)
    return parse_dates(cells, f"{table.name}, {table.title(column)}", columns.date_format)


def _either(table: Table, column: int) -> Array:
    """Return numbers where the column is of numbers, else its text."""
    if _is_numeric(table.columns[column]):
        return table.numbers(column)
    return np.array(table.columns[column], object)


def _is_numeric(cells: Sequence[str]) -> bool:
    sample = [cell for cell in cells[:1000] if cell.lower() not in MISSING]
    return bool(sample) and all(is_number(cell) for cell in sample)


def _rises(cells: Sequence[str]) -> bool:
    """Whether a column counts: whole numbers, each one more than the one before."""
    if not all(cell.isdecimal() for cell in cells[:1000]):
        return False
    numbers = np.array(cells[:1000], np.int64)
    return len(numbers) > 1 and bool((np.diff(numbers) == 1).all())
