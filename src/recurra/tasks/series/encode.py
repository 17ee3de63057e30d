"""From values to what the network reads and predicts: scales, anchors, lags, calendar.

Position t reads the values up to y_t and predicts y_(t+1) .. y_(t+H). Nothing that it reads was
not known at t: a covariate of the future apart, which is known ahead by its nature.

A value z is y on the scale of its series. With `difference`, what is predicted is z minus an
anchor that is known at t: the last value of the same season, or the last value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.options import Options
from recurra.formats.dates import Frequency
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import Panel, Series

Array = NDArray[Any]
HOUR, DAY, WEEK, YEAR = 3600, 86400, 7 * 86400, 365.25 * 86400


class Encoding(Options):
    """Everything about inputs and outputs that a model has to remember."""

    horizon: int
    """Values that a position predicts."""
    season: int
    scaling: str
    difference: str
    lags: tuple[int, ...]
    calendar: tuple[str, ...]
    counts: bool
    masked: bool
    """Whether some value was missing, so that the network reads which ones are."""
    past: int = 0
    future: int = 0
    static: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(column, its categories; none for a number)."""
    means: tuple[float, ...] = ()
    """Of past, future and numeric static covariates, in this order."""
    deviations: tuple[float, ...] = ()

    @property
    def reach(self) -> int:
        """How many values before position t an input is made of."""
        return max(1, self.season, *self.lags, 0)

    @property
    def features(self) -> int:
        """Numbers that a position reads."""
        return (
            len(self._moves()) + 1 + self.masked + self._lagged() + 2 * len(self.calendar)
            + 2 + self.past + self.future * self.horizon
            + sum(len(categories) or 1 for _, categories in self.static)
        )  # fmt: skip

    def _moves(self) -> tuple[int, ...]:
        return (1, self.season) if self.season > 1 else (1,)

    def _lagged(self) -> int:
        return sum(min(self.horizon, lag) for lag in self.lags)


def choose_encoding(panel: Panel, options: SeriesOptions) -> Encoding:
    """Settle everything that is automatic, from what may be learned from."""
    season = options.season or panel.frequency.season
    longest = max(len(one) for one in panel.series)
    if options.season is None and longest < 2 * season + options.horizon:
        season = 1
    counts = options.head == "negative_binomial"
    difference: str = options.difference
    if difference == "auto":
        difference = "none" if counts else _steadier(panel, season, options.horizon)
    if difference == "season" and season == 1:
        difference = "last"
    scaling = options.scaling
    if scaling == "auto":
        scaling = "mean" if counts else "seasonal"
    lags = options.lags
    if lags is None:
        lags = (season,) if season > 1 else ()
        if season == 24 and longest >= 2 * 168 + options.horizon:
            lags = (24, 168)
    calendar = _calendar(panel, options.calendar)
    means, deviations = _covariate_scales(panel)
    return Encoding(
        horizon=options.steps_at_once,
        season=season,
        scaling=scaling,
        difference=difference,
        lags=tuple(sorted(set(lags))),
        calendar=calendar,
        counts=counts,
        masked=any(np.isnan(one.y).any() for one in panel.series),
        past=len(panel.past_names),
        future=len(panel.future_names),
        static=_categories(panel),
        means=means,
        deviations=deviations,
    )


def _steadier(panel: Panel, season: int, horizon: int) -> str:
    """Return which naive forecast errs less in most series: that of the season or the last value.

    The last value's error is the mean over the horizon, at most over a season.
    """
    if season == 1:
        return "last"
    for_season = 0
    ahead = np.unique(np.linspace(1, max(1, min(horizon, season)), 8).astype(np.int64))
    for one in panel.series:
        if len(one) <= season:
            continue
        by_season = np.abs(one.y[season:] - one.y[:-season])
        by_last = np.concatenate([np.abs(one.y[h:] - one.y[:-h]) for h in ahead])
        if np.isfinite(by_season).any() and np.isfinite(by_last).any():
            for_season += 1 if np.nanmean(by_season) <= np.nanmean(by_last) else -1
    return "season" if for_season >= 0 else "last"


def _calendar(panel: Panel, wanted: bool) -> tuple[str, ...]:
    """Return the cycles of the calendar that the dates are fine enough and long enough for."""
    if not wanted or not panel.dated:
        return ()
    frequency: Frequency = panel.frequency
    step = {"second": 1, "month": 30 * DAY, "business": DAY}.get(frequency.unit, 1)
    step *= frequency.count
    spans = [
        float((one.stamps[-1] - one.stamps[0]) / np.timedelta64(1, "s")) for one in panel.series
    ]
    longest = max(spans)
    found = []
    for name, cycle in (("day", DAY), ("week", WEEK), ("year", YEAR)):
        if step * 1.5 < cycle and longest >= 1.5 * cycle:
            found.append(name)
    return tuple(found)


def _covariate_scales(panel: Panel) -> tuple[tuple[float, ...], tuple[float, ...]]:
    means, deviations = [], []
    for group in ("past", "future"):
        columns = np.concatenate([getattr(one, group) for one in panel.series])
        for column in columns.T:
            known = column[np.isfinite(column)]
            means.append(float(known.mean()) if len(known) else 0.0)
            deviations.append(float(known.std()) or 1.0 if len(known) else 1.0)
    for name, categories in _categories(panel):
        if not categories:
            known = np.array([float(one[name]) for one in panel.static])
            means.append(float(np.nanmean(known)))
            deviations.append(float(np.nanstd(known)) or 1.0)
    return tuple(means), tuple(deviations)


def _categories(panel: Panel) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for name in panel.static[0] if panel.static else ():
        values = [one[name] for one in panel.static]
        if all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values):
            found.append((name, ()))
        else:
            found.append((name, tuple(sorted({str(v) for v in values}))))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Scaled:
    """A series on its own scale, holes filled for reading."""

    z: NDArray[np.float32]
    """[T], without holes."""
    seen: NDArray[np.bool_]
    """[T], where a value really is."""
    centre: float
    scale: float
    extra: NDArray[np.float32]
    """[T, n]: calendar of the next step, and covariates of the past."""
    future: NDArray[np.float32]
    """[T + known ahead, F]."""
    fixed: NDArray[np.float32]
    """[n]: level and static covariates."""
    series: Series | None = field(default=None, repr=False)


def scale_of(y: Array, encoding: Encoding) -> tuple[float, float]:
    """Return centre and scale of the values [T] that may be seen, NaN where missing."""
    known = y[np.isfinite(y)]
    if not len(known):
        return 0.0, 1.0
    kind = encoding.scaling
    if kind == "none":
        return 0.0, 1.0
    if kind == "mean":
        size = float(np.abs(known).mean())
        return 0.0, size + 1.0 if encoding.counts else size or 1.0
    tiny = 1e-6 * max(float(np.abs(known).max()), 1e-6)
    centre, spread = float(known.mean()), float(known.std())
    if kind == "robust":
        low, centre, high = (float(q) for q in np.quantile(known, (0.25, 0.5, 0.75)))
        return centre, max((high - low) / 1.349, 0.1 * spread, tiny)
    if kind == "standard":
        return centre, max(spread, tiny)
    moves = np.abs(y[encoding.season :] - y[: -encoding.season]) if len(y) > encoding.season else y
    moves = moves[np.isfinite(moves)] if len(y) > encoding.season else known[:0]
    error = float(moves.mean()) if len(moves) else spread
    return centre, max(error, 0.05 * spread, tiny)


def fill(z: Array, season: int) -> Array:
    """Return values with holes filled by what stood one season before, or else just before."""
    holes = np.flatnonzero(np.isnan(z))
    if not len(holes):
        return z
    z = z.copy()
    for t in holes:
        before = z[t - season] if t >= season else np.nan
        z[t] = before if np.isfinite(before) else z[t - 1] if t else 0.0
    return z


def encode_series(
    series: Series,
    encoding: Encoding,
    *,
    known: int | None = None,
    static: Any = None,
    ahead: Array | None = None,
    frequency: Frequency | None = None,
) -> Scaled:
    """Bring a series to its scale.

    Args:
        known: values that the scale may be made of; None: all.
        static: its static covariates.
        ahead: [n, F] covariates of the steps after its end.
        frequency: of the panel, for the calendar of the step after the last.
    """
    centre, scale = scale_of(series.y[:known], encoding)
    z = (series.y - centre) / scale
    seen = np.isfinite(z)
    z = fill(z, encoding.season)
    n_past, n_future = encoding.past, encoding.future
    means, deviations = np.array(encoding.means), np.array(encoding.deviations)
    past = np.nan_to_num((series.past - means[:n_past]) / deviations[:n_past])
    future = series.future if ahead is None else np.concatenate([series.future, ahead])
    span = slice(n_past, n_past + n_future)
    future = np.nan_to_num((future - means[span]) / deviations[span])
    extra = np.concatenate([_cycles(series, encoding, frequency), past], axis=1)
    fixed = [np.arcsinh(centre / scale) / 4.0, np.log(scale + 1e-30) / 10.0]
    fixed += _static(static, encoding)
    return Scaled(
        z.astype(np.float32), seen, centre, scale, extra.astype(np.float32),
        future.astype(np.float32), np.array(fixed, np.float32), series,
    )  # fmt: skip


def _cycles(series: Series, encoding: Encoding, frequency: Frequency | None) -> Array:
    """Return the calendar of the step after each position [T, 2 * cycles]."""
    if not encoding.calendar:
        return np.zeros((len(series), 0))
    after = (frequency or Frequency(DAY, "second")).stamps_after(series.last, 1)
    return calendar_of(np.concatenate([series.stamps[1:], after]), encoding)


def calendar_of(stamps: Array, encoding: Encoding) -> Array:
    """Return sine and cosine of where dates are in each cycle [N, 2 * cycles]."""
    found = []
    seconds = stamps.astype("datetime64[s]").astype(np.int64)
    for name in encoding.calendar:
        if name == "year":
            start = stamps.astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)
            share = (seconds - start) / YEAR
        elif name == "week":
            share = (seconds + 3 * DAY) % WEEK / WEEK
        else:
            share = seconds % DAY / DAY
        found += [np.sin(2 * np.pi * share), np.cos(2 * np.pi * share)]
    return np.stack(found, axis=1) if found else np.zeros((len(stamps), 0))


def _static(static: Any, encoding: Encoding) -> list[float]:
    found: list[float] = []
    place = encoding.past + encoding.future
    for name, categories in encoding.static:
        value = None if static is None else static.get(name)
        if categories:
            found += [float(str(value) == category) for category in categories]
        else:
            number = encoding.means[place] if value is None else float(value)
            found.append((number - encoding.means[place]) / encoding.deviations[place])
            place += 1
    return found


@dataclass(slots=True)
class Buffer:
    """Windows of several series side by side, time-major, with what comes before and after.

    Row `reach` + t is position t; B columns.
    """

    z: NDArray[np.float32]
    """[reach + T + H, B]"""
    seen: NDArray[np.bool_]
    """Likewise: where a value is and may be asked for."""
    starts: NDArray[np.int64]
    """[B] position where the series begins; negative where it began before."""
    extra: NDArray[np.float32]
    """[T, B, n]"""
    future: NDArray[np.float32]
    """[T + H, B, F]: row t belongs to position t."""
    fixed: NDArray[np.float32]
    """[B, n]"""
    length: int


def cut(rows: Sequence[Scaled], firsts: Sequence[int], length: int, encoding: Encoding) -> Buffer:
    """Cut a window of `length` positions from each series, beginning at position `firsts` of it.

    Positions before the series began hold its first value, positions after its end its last.
    """
    reach, ahead, count = encoding.reach, encoding.horizon, len(rows)
    whole = reach + length + ahead
    buffer = Buffer(
        np.zeros((whole, count), np.float32),
        np.zeros((whole, count), bool),
        np.array([-first for first in firsts], np.int64),
        np.zeros((length, count, encoding.past + 2 * len(encoding.calendar)), np.float32),
        np.zeros((length + ahead, count, encoding.future), np.float32),
        np.stack([row.fixed for row in rows]),
        length,
    )
    for b, (row, first) in enumerate(zip(rows, firsts, strict=True)):
        low, high = max(0, first - reach), min(len(row.z), first + length + ahead)
        at = low - (first - reach)
        buffer.z[at : at + high - low, b] = row.z[low:high]
        buffer.z[:at, b] = row.z[0]
        buffer.z[at + high - low :, b] = row.z[-1]
        buffer.seen[at : at + high - low, b] = row.seen[low:high]
        low, high = max(0, first), min(len(row.extra), first + length)
        if high > low:
            buffer.extra[low - first : high - first, b] = row.extra[low:high]
        low, high = max(0, first), min(len(row.future), first + length + ahead)
        if high > low:
            buffer.future[low - first : high - first, b] = row.future[low:high]
    return buffer


def read_inputs(buffer: Buffer, encoding: Encoding) -> NDArray[np.float32]:
    """Return what positions read [T, B, features]."""
    reach, length = encoding.reach, buffer.length
    z = buffer.z
    now = z[reach : reach + length]
    count = now.shape[1]
    x = np.empty((length, count, encoding.features), np.float32)
    x[..., 0] = now
    at = 1
    for move in encoding._moves():
        x[..., at] = now - z[reach - move : reach - move + length]
        at += 1
    for lag in encoding.lags:
        for h in range(1, min(encoding.horizon, lag) + 1):
            first = reach + h - lag
            np.subtract(z[first : first + length], now, out=x[..., at])
            if lag != encoding.lags[0]:
                # Beside the anchor of the same step: how the seasons differ.
                base = encoding.lags[0]
                first = reach + h - base * -(-h // base)
                x[..., at] -= z[first : first + length] - now
            at += 1
    np.arcsinh(x[..., :at], out=x[..., :at])
    if encoding.masked:
        x[..., at] = buffer.seen[reach : reach + length]
        at += 1
    size = buffer.extra.shape[2]
    x[..., at : at + size] = buffer.extra
    at += size
    for h in range(1, encoding.horizon + 1):
        size = buffer.future.shape[2]
        if size:
            x[..., at : at + size] = buffer.future[h : h + length]
            at += size
    x[..., at:] = buffer.fixed
    return x


def anchors(buffer: Buffer, encoding: Encoding) -> NDArray[np.float32]:
    """Return what predictions are differences to [T, B, H]."""
    reach, length, ahead = encoding.reach, buffer.length, encoding.horizon
    found = np.zeros((length, buffer.z.shape[1], ahead), np.float32)
    for h in range(1, ahead + 1):
        if encoding.difference == "none":
            break
        back = 0
        if encoding.difference == "season":
            back = h - encoding.season * -(-h // encoding.season)
        found[..., h - 1] = buffer.z[reach + back : reach + back + length]
    return found


def wanted(
    buffer: Buffer, encoding: Encoding, centres: Array, scales: Array
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return targets [T, B, H * given] and which of them are there [T, B, H]."""
    reach, length, ahead = encoding.reach, buffer.length, encoding.horizon
    ahead_of = [slice(reach + h, reach + h + length) for h in range(1, ahead + 1)]
    z = np.stack([buffer.z[rows] for rows in ahead_of], axis=-1)
    there = np.stack([buffer.seen[rows] for rows in ahead_of], axis=-1).astype(np.float32)
    if encoding.counts:
        y = np.round(z * scales[:, None] + centres[:, None])
        scale = np.broadcast_to(scales[:, None].astype(np.float32), y.shape)
        return np.stack([y, scale], axis=-1).reshape(length, -1, 2 * ahead), there
    return z - anchors(buffer, encoding), there
