"""Files of labelled series: `.ts` of the UCR and UEA archives, and tables with classes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError
from recurra.formats.sources import Document
from recurra.formats.tables import MISSING, is_number, read_table

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Series with their classes."""

    name: str
    series: tuple[NDArray[np.float64], ...]
    """[T, channels] each, NaN where a value is missing."""
    labels: tuple[str, ...]
    """One a series; empty strings where none are known."""

    @property
    def channels(self) -> int:
        return int(self.series[0].shape[1])


def read_labelled(
    source: str | os.PathLike[str] | Document, label: str = "auto", channels: int = 1
) -> Labelled:
    """Read labelled series.

    Args:
        label: of a table: "first" or "last" column, or its name; "auto" takes the one of few whole
            numbers or of words.
        channels: of a table: how many channels take turns in a row (x1, y1, x2, y2 are two).
    Raises:
        FormatError: the file is no such thing; the message says where.
    """
    document = source if isinstance(source, Document) else Document.of_file(source)
    start = document.beginning(65536).decode("utf-8", "replace")
    if any(line.strip().lower().startswith("@data") for line in start.splitlines()) or (
        document.name.lower().rpartition("/")[2].split(".")[-1] == "ts"
    ):
        return _ts(document)
    return _table(document, label, channels)


def _ts(document: Document) -> Labelled:
    """Read a `.ts` file: a header of lines with @, then a row a series, channels set apart by ':',
    the class last.
    """
    text = b"".join(block for block, _ in document.blocks()).decode("utf-8", "replace")
    series: list[Array] = []
    labels: list[str] = []
    labelled, in_data = True, False
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not in_data:
            words = line.lower().split()
            if words[0] == "@classlabel":
                labelled = words[1:2] == ["true"]
            elif words[0] == "@timestamps" and words[1:2] == ["true"]:
                raise FormatError(
                    f"{document.name} holds a time beside each value, which is not read here; "
                    "write the values alone."
                )
            in_data = words[0] == "@data"
            continue
        parts = line.split(":")
        label = parts.pop().strip() if labelled else ""
        try:
            found = [_values(part) for part in parts]
        except ValueError as error:
            raise FormatError(f"{document.name}, line {number}: {error}.") from None
        if not found or not len(found[0]):
            raise FormatError(f"{document.name}, line {number} has no values.")
        if len({len(channel) for channel in found}) > 1 or (
            series and len(found) != series[0].shape[1]
        ):
            raise FormatError(
                f"{document.name}, line {number}: its channels differ in length or number from "
                "those before."
            )
        series.append(np.stack(found, axis=1))
        labels.append(label)
    if not series:
        raise FormatError(f"{document.name} has no series under @data.")
    return Labelled(document.name, tuple(series), tuple(labels))


def _values(text: str) -> Array:
    cells = [cell.strip() for cell in text.split(",")]
    found = np.array(
        [np.nan if cell.lower() in MISSING else float(cell) for cell in cells], np.float64
    )
    if np.isinf(found).any():
        raise ValueError("a value is infinite")
    return found


def _table(document: Document, label: str, channels: int) -> Labelled:
    table = read_table(document)
    columns = len(table.columns)
    if columns < 3:
        raise FormatError(
            f"{document.name} has {columns} columns; labelled series have a row each, with a class "
            "and the values."
        )
    if label == "first":
        place = 0
    elif label == "last":
        place = columns - 1
    elif label != "auto":
        place = table.place(label)
    else:
        place = _class_column([table.columns[0], table.columns[-1]], document.name)
        place = 0 if place == 0 else columns - 1
    kept = [n for n in range(columns) if n != place]
    values = np.stack([table.numbers(n) for n in kept], axis=1)
    if values.shape[1] % channels:
        raise FormatError(
            f"{document.name} has {values.shape[1]} values a row, which {channels} channels do not "
            "share evenly."
        )
    labels = tuple(_plain(cell) for cell in table.columns[place])
    series = []
    for row in values:
        there = np.flatnonzero(np.isfinite(row))
        end = -(-(int(there[-1]) + 1) // channels) * channels if len(there) else channels
        series.append(row[:end].reshape(-1, channels))
    return Labelled(document.name, tuple(series), labels)


def _class_column(candidates: list[list[str]], name: str) -> int:
    """Return which of two columns holds classes: words, or few whole numbers."""
    scores = []
    for cells in candidates:
        distinct = set(cells)
        words = not all(is_number(cell) for cell in distinct)
        whole = not words and all(float(cell.replace(",", ".")).is_integer() for cell in distinct)
        few = len(distinct) <= max(2, min(100, len(cells) // 2))
        scores.append((words or whole) and few)
    if scores[0] == scores[1]:
        if scores[0]:
            return 0 if len(set(candidates[0])) < len(set(candidates[1])) else 1
        raise FormatError(
            f"{name}: neither the first nor the last column looks like classes; name the column."
        )
    return 0 if scores[0] else 1


def _plain(cell: str) -> str:
    """Return a class as it is written, whole numbers without what makes them fractions."""
    if is_number(cell):
        number = float(cell.replace(",", "."))
        return str(int(number)) if number.is_integer() else cell
    return cell
