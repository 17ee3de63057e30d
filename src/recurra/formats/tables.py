"""Tables of text: CSV and its relatives, read whole, each column as the cells that stand in it."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError
from recurra.formats.encodings import detect_encoding
from recurra.formats.sources import Document

Array = NDArray[Any]

DELIMITERS = ",;\t|"
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?", "."})
"""What stands where a value is missing, in lower case."""
MOST_CELLS = 1 << 28
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$")
_DATED = re.compile(r"\d{4}[-/]\d{1,2}($|[-/T ])|\d{1,4}([-/.])\d{1,2}\2\d{1,4}($|\D)|\d{1,2}:\d\d")
_INFINITE = re.compile(r"[+-]?inf(inity)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it stands in a file."""

    name: str
    """What messages call it."""
    header: tuple[str, ...] | None
    columns: tuple[list[str], ...]
    """Cells without the blanks around them; a row that ends early has empty ones."""
    first_line: int
    """Number of the first row under the header, from 1."""

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def place(self, wanted: str) -> int:
        """Return the number of a column. Raises `FormatError` where there is none."""
        if self.header and wanted in self.header:
            return self.header.index(wanted)
        named = ", ".join(self.header[:8]) if self.header else "no header"
        raise FormatError(f"{self.name} has no column '{wanted}'; it has {named}.")

    def title(self, column: int) -> str:
        """Return what a column is called."""
        return self.header[column] if self.header else f"column {column + 1}"

    def numbers(self, column: int) -> NDArray[np.float64]:
        """Return a column as numbers [rows], NaN where a value is missing.

        Raises: `FormatError` with the line of the first cell that is no number, or is infinite.
        """
        return self.parse(self.columns[column], self.title(column))

    def parse(self, cells: Sequence[str], title: str) -> NDArray[np.float64]:
        """Return any cells, one a row, as numbers; see `numbers`."""
        try:
            found = np.array(cells, np.float64) if cells else np.zeros(0)
        except ValueError:
            found = np.array([self._number(cell, row, title) for row, cell in enumerate(cells)])
        infinite = np.flatnonzero(np.isinf(found))
        if len(infinite):
            raise FormatError(
                f"{self.name}, line {self.first_line + int(infinite[0])}: {title} is infinite; "
                "correct the value, or leave the cell empty."
            )
        return found

    def _number(self, cell: str, row: int, title: str) -> float:
        if cell.lower() in MISSING:
            return float("nan")
        try:
            return float(cell)
        except ValueError:
            pass
        try:
            return float(cell.replace(",", "."))
        except ValueError:
            shown = cell if len(cell) <= 40 else cell[:37] + "..."
            raise FormatError(
                f"{self.name}, line {self.first_line + row}: {title} is {shown!r}, which is no "
                "number; correct it, or leave the cell empty where the value is missing."
            ) from None


def read_table(source: str | os.PathLike[str] | Document) -> Table:
    """Read a file of rows: comma, semicolon, tab or bar between cells, gzip and xz opened.

    Raises:
        FormatError: it is missing, empty, no table, or not text.
    """
    document = source if isinstance(source, Document) else Document.of_file(source)
    data = b"".join(block for block, _ in document.blocks())
    encoding = document.encoding or detect_encoding(data[:8192])
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{document.name} is no table: byte {error.start:,} is not {encoding}."
        ) from None
    rows = _rows(text, document.name)
    width = max((len(row) for row in rows), default=0)
    if not width:
        raise FormatError(f"{document.name} is empty.")
    if width * len(rows) > MOST_CELLS:
        raise FormatError(f"{document.name} has {len(rows):,} rows of {width:,} cells: too many.")
    first, *second = ([cell.strip() for cell in row] for row in rows[:2])
    first += [""] * (width - len(first))
    has_header = _is_header(first, second[0] if second else None)
    body = rows[1:] if has_header else rows
    columns = _columns(body, width)
    header = tuple(cell or f"column {n + 1}" for n, cell in enumerate(first))
    return Table(document.name, header if has_header else None, columns, 2 if has_header else 1)


def _rows(text: str, name: str) -> list[list[str]]:
    head = text[:65536].splitlines()[:50]
    counts = {mark: sum(line.count(mark) for line in head) for mark in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: counts[mark])
    if counts[";"] and counts[";"] >= len([line for line in head if line]):
        delimiter = ";"  # Beside decimal commas.
    try:
        rows = [
            row
            for row in csv.reader(io.StringIO(text), delimiter=delimiter)
            if "".join(row).strip()
        ]
    except csv.Error as error:
        raise FormatError(f"{name} is no table: {error}.") from None
    if not counts[delimiter] and head and all(len(row) == 1 for row in rows):
        # Columns set apart by blanks, as in many files of measurements.
        split = [row[0].split() for row in rows]
        numeric = all(is_number(cell) for cell in split[-1])
        if numeric and len({len(row) for row in split[1:]}) <= 1 and len(split[-1]) > 1:
            return split
    return rows


def _columns(body: list[list[str]], width: int) -> tuple[list[str], ...]:
    whole = [row if len(row) == width else row + [""] * (width - len(row)) for row in body]
    if not whole:
        return tuple([] for _ in range(width))
    return tuple(list(map(str.strip, column)) for column in zip(*whole, strict=True))


def _is_header(first: list[str], second: list[str] | None) -> bool:
    """Whether the first row names columns: it has words where the row below has numbers."""
    numbers = sum(is_number(cell) for cell in first)
    words = sum(bool(cell) and not is_number(cell) and not looks_dated(cell) for cell in first)
    if numbers == 0 and words:
        return second is None or any(is_number(cell) or looks_dated(cell) for cell in second)
    if second is None or not words:
        return False
    # "ds,2019,2020": mostly words, over a row that is mostly numbers.
    below = sum(is_number(cell) or cell.lower() in MISSING for cell in second)
    return words > numbers and below > numbers


def is_number(cell: str) -> bool:
    """Say whether a cell is a number."""
    return bool(_NUMBER.match(cell) or _INFINITE.match(cell))


def looks_dated(cell: str) -> bool:
    """Say whether a cell has the shape of a date or a time."""
    return bool(_DATED.match(cell))
