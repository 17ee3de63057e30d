"""Series on their own scale, holes filled, with their calendar and covariates.

A value z is y on the scale of its series.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.formats.dates import Frequency
from recurra.tasks.series.encoding import DAY, WEEK, YEAR, Encoding
from recurra.tasks.series.panel import Series

Array = NDArray[Any]


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
    """Return what is said of a whole series as numbers; what is missing is as it usually is.

    Raises: `ConfigError` for words where the model learned numbers.
    """
    found: list[float] = []
    place = encoding.past + encoding.future
    for name, categories in encoding.static:
        value = None if static is None else static.get(name)
        if categories:
            found += [float(str(value) == category) for category in categories]
            continue
        try:
            number = np.nan if value is None else float(value)
        except ValueError:
            raise ConfigError(
                f"{name} is {str(value)!r}, but this model learned numbers there.", "static"
            ) from None
        said = (number - encoding.means[place]) / encoding.deviations[place]
        found.append(float(np.nan_to_num(said)))
        place += 1
    return found
