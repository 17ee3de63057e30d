"""How values become what the network reads and predicts: chosen once, kept with the model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.options import Options
from recurra.formats.dates import Frequency
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import Panel

Array = NDArray[Any]
DAY, WEEK, YEAR = 86400, 7 * 86400, 365.25 * 86400
"""Seconds."""


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
            len(self.moves()) + 1 + self.masked + self._lagged() + 2 * len(self.calendar)
            + 2 + self.past + self.future * self.horizon
            + sum(len(categories) or 1 for _, categories in self.static)
        )  # fmt: skip

    def moves(self) -> tuple[int, ...]:
        """Return how many steps apart the differences are that a position reads."""
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
