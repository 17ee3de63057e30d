"""Data frames in and out: pandas, polars and whatever else narwhals knows, or a dict of columns."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.formats.dates import Frequency, parse_dates
from recurra.tasks.series.options import ColumnOptions
from recurra.tasks.series.panel import Panel, build_panel

Array = NDArray[Any]
Frame = Any
"""A data frame of any library, or a mapping from names to columns."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a frame was like, so that the answer is of the same kind."""

    backend: Any
    """narwhals' name of the library; None: a dict."""
    dtypes: Mapping[str, Any]
    zone: str | None
    """Time zone of the times, where they had one."""
    wall: bool
    """Whether times are read off the clock on the wall, not in UTC."""


def panel_of_frame(
    frame: Frame, columns: ColumnOptions, static: Frame | None = None
) -> tuple[Panel, Origin]:
    """Return the panel in a long frame, a row a value.

    Args:
        static: a row a series, with the id column and the static covariates; without it they are
            columns of the frame.
    Raises:
        FormatError: a column is missing, or the values cannot be series.
        ResourceError: it is a data frame, and narwhals is not installed.
    """
    table, origin = _columns(frame, columns)
    _need(table, [columns.target_column, *columns.past, *columns.future])
    ids = table.get(columns.id_column)
    of_series: dict[str, Array] = {}
    if static is not None:
        of_series = _joined(static, ids, columns)
    elif columns.static:
        _need(table, columns.static)
        of_series = {name: table[name] for name in columns.static}
    panel = build_panel(
        None if ids is None else ids,
        _times(table, columns),
        _numbers(table, columns.target_column),
        past={name: _numbers(table, name) for name in columns.past},
        future={name: _numbers(table, name) for name in columns.future},
        static=of_series,
        frequency=columns.frequency,
        where="the data frame",
    )
    return panel, origin


def ahead_of_frame(
    frame: Frame, columns: ColumnOptions, panel: Panel, names: Sequence[str]
) -> dict[str, Array]:
    """Return the covariates of the steps after the end [n, F], by series; see `Model.forecast`."""
    table, _ = _columns(frame, columns)
    _need(table, list(names))
    ids = table.get(columns.id_column)
    stamps = _times(table, columns)
    found: dict[str, Array] = {}
    values = np.stack([_numbers(table, name) for name in names], axis=1)
    for one in panel.series:
        mine = np.ones(len(values), bool)
        if ids is not None:
            mine = np.array([str(name) == one.name for name in ids])
        rows = np.flatnonzero(mine)
        if stamps is not None:
            rows = rows[np.argsort(stamps[rows], kind="stable")]
            frequency: Frequency = panel.frequency
            ahead = frequency.positions(stamps[rows]) - frequency.positions(
                np.array([one.last], one.stamps.dtype)
            )
            rows = rows[ahead > 0]
        found[one.name] = values[rows]
    return found


def to_frame(table: Mapping[str, Array], origin: Origin, columns: ColumnOptions) -> Frame:
    """Return columns as a frame of the kind that `origin` was."""
    if origin.backend is None:
        return dict(table)
    import narwhals as nw

    # Not every library takes times in whole seconds, or text as NumPy has it.
    plain = {
        name: column.astype("datetime64[ms]") if column.dtype.kind == "M"
        else column.astype(object) if column.dtype.kind == "U" else column
        for name, column in table.items()
    }  # fmt: skip
    frame = nw.from_dict(plain, backend=origin.backend)
    time = columns.time_column
    if time in table and origin.zone is not None:
        moment = nw.col(time).dt.replace_time_zone(origin.zone if origin.wall else "UTC")
        if not origin.wall:
            moment = moment.dt.convert_time_zone(origin.zone)
        frame = frame.with_columns(moment)
    casts = []
    for name in (columns.id_column, time, "cutoff"):
        wanted = origin.dtypes.get(time if name == "cutoff" else name)
        if name in table and wanted is not None and frame[name].dtype != wanted:
            casts.append(nw.col(name).cast(wanted))
    return (frame.with_columns(*casts) if casts else frame).to_native()


def _columns(frame: Frame, columns: ColumnOptions) -> tuple[dict[str, Array], Origin]:
    """Return every column as an array, and what the frame was like."""
    if isinstance(frame, Mapping):
        table = {str(name): np.asarray(column) for name, column in frame.items()}
        lengths = {len(column) for column in table.values()}
        if len(lengths) > 1:
            raise FormatError("the columns of the data are of different lengths.")
        return table, Origin(None, {}, None, wall=False)
    if importlib.util.find_spec("narwhals") is None:
        raise ResourceError(
            "data frames are read through narwhals, which is not installed here; install it with: "
            "pip install 'recurra[frames]', or pass a dict of columns."
        )
    import narwhals as nw

    try:
        known = nw.from_native(frame, eager_only=True)
    except TypeError:
        raise FormatError(
            f"the data are a {type(frame).__name__}, but have to be a data frame or a dict of "
            "columns."
        ) from None
    zone, wall = None, False
    time = columns.time_column
    if time in known.columns and isinstance(known[time].dtype, nw.Datetime):
        zone = known[time].dtype.time_zone
        if zone is not None:
            clock = known[time].dt.replace_time_zone(None)
            wall = len(clock) > 1 and clock.dt.hour().n_unique() == 1
            moments = (
                clock
                if wall
                else (known[time].dt.convert_time_zone("UTC").dt.replace_time_zone(None))
            )
            known = known.with_columns(moments.alias(time))
    native = nw.from_native(frame, eager_only=True)
    dtypes = {name: native[name].dtype for name in native.columns}
    table = {name: known[name].to_numpy() for name in known.columns}
    return table, Origin(known.implementation, dtypes, zone, wall=wall)


def _need(table: Mapping[str, Array], names: Sequence[str]) -> None:
    for name in names:
        if name not in table:
            raise FormatError(
                f"the data frame has no column '{name}'; it has {', '.join(list(table)[:10])}."
            )


def _numbers(table: Mapping[str, Array], name: str) -> NDArray[np.float64]:
    column = table[name]
    try:
        return (
            np.array([np.nan if v is None else v for v in column], np.float64)
            if (column.dtype == object)
            else np.asarray(column, np.float64)
        )
    except (TypeError, ValueError):
        raise FormatError(f"the column '{name}' of the data frame is not of numbers.") from None


def _times(table: Mapping[str, Array], columns: ColumnOptions) -> Array | None:
    stamps = table.get(columns.time_column)
    if stamps is None:
        return None
    if stamps.dtype.kind == "M" or stamps.dtype.kind in "iuf":
        return stamps
    if len(stamps) and not isinstance(stamps[0], str):
        try:
            return np.array(stamps, "datetime64[s]")
        except (TypeError, ValueError):
            raise FormatError(
                f"the column '{columns.time_column}' holds {type(stamps[0]).__name__}s, but has to "
                "be of whole numbers or dates."
            ) from None
    return parse_dates(
        [str(one) for one in stamps], f"the data frame, {columns.time_column}", columns.date_format
    )


def _joined(static: Frame, ids: Array | None, columns: ColumnOptions) -> dict[str, Array]:
    """Return static covariates from a frame of their own, a value a row of the data."""
    table, _ = _columns(static, columns)
    _need(table, [columns.id_column])
    if ids is None:
        raise ConfigError("static covariates need series that have names.", "static")
    names = columns.static or tuple(name for name in table if name != columns.id_column)
    _need(table, list(names))
    rows = {str(name): row for row, name in enumerate(table[columns.id_column])}
    missing = next((str(name) for name in ids if str(name) not in rows), None)
    if missing is not None:
        raise FormatError(f"the static covariates lack the series '{missing}'.")
    places = np.array([rows[str(name)] for name in ids], np.int64)
    return {name: table[name][places] for name in names}
