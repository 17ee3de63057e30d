"""Forecasting from data frames, with the names that the field uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.learning.events import Listener
from recurra.tasks.series.frames import Frame, Origin, ahead_of_frame, panel_of_frame, to_frame
from recurra.tasks.series.model import PATHS, PanelForecast, SeriesModel
from recurra.tasks.series.options import ColumnOptions
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.settings import Settings, gather
from recurra.tasks.series.training import finished, prepare

Array = NDArray[Any]
NAME = "Recurra"


class Forecaster:
    """One model for many series, from long frames with the columns unique_id, ds and y.

        from recurra import Forecaster

        model = Forecaster(horizon=48, seconds=60).fit(df)
        print(model.predict(level=[80, 90]))

    Frames may be pandas, polars or a dict of columns; what comes back is of the same kind. Without
    an id column all rows are one series; without a time column rows are in order.

    Args:
        listeners: called with every event of a training; `print` will do.
        options: settings by name, of `SeriesOptions`, `ColumnOptions`, `Stack`, `TrainOptions`,
            `OptimiserOptions` and `EngineOptions`: horizon, head, direct, season, sizes, seconds,
            past, future, static and so on.
    Raises:
        ConfigError: a setting that is none, or cannot be.
    """

    def __init__(self, *, listeners: Sequence[Listener] = (), **options: Any) -> None:
        self.settings: Settings = gather(options)
        self.listeners = list(listeners)
        self.model: SeriesModel | None = None
        self._panel: Panel | None = None
        self._origin = Origin(None, {}, None, wall=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was sorted, masked or left out of the last frame, in sentences."""
        return () if self._panel is None else self._panel.notes

    @property
    def columns(self) -> ColumnOptions:
        """Which columns mean what."""
        return self.settings.columns

    def fit(
        self,
        df: Frame,
        *,
        static_df: Frame | None = None,
        run: str | os.PathLike[str] | None = None,
        freq: str | int | None = None,
        id_col: str | None = None,
        time_col: str | None = None,
        target_col: str | None = None,
    ) -> Self:
        """Learn from series.

        Args:
            df: long frame. static_df: a row a series, with its static covariates.
            run: folder in which everything is kept; without one the model lives in memory.
            freq: distance of two values, as "h" or 1; left out, the commonest one.
            id_col, time_col, target_col: what the columns are called.
        Raises:
            FormatError: columns are missing, a value is infinite, times come twice.
            ConfigError: the series are too short for the horizon.
            NumericError: the loss stopped being finite.
        """
        said = {"frequency": None if freq is None else str(freq), "id_column": id_col,
                "time_column": time_col, "target_column": target_col}  # fmt: skip
        given = {name: value for name, value in said.items() if value is not None}
        if given:
            self.settings = replace(self.settings, columns=self.columns.replace(**given))
        panel, self._origin = panel_of_frame(df, self.columns, static_df)
        self._fit_panel(panel, run)
        return self

    def _fit_panel(self, panel: Panel, run: str | os.PathLike[str] | None = None) -> None:
        self._panel = panel
        training = prepare(panel, self.settings, "data frame")
        where = None if run is None else Path(run)
        self.model = finished(training, training.run_in(where, self.listeners), where)

    def predict(
        self,
        h: int | None = None,
        level: Sequence[float] = (),
        *,
        df: Frame | None = None,
        futr_df: Frame | None = None,
        static_df: Frame | None = None,
        paths: int = PATHS,
        seed: int = 0,
    ) -> Frame:
        """Forecast the steps after the end of each series.

        Args:
            h: how many steps; by default the horizon.
            level: intervals wanted, in per cent, as [80, 90].
            df: other series, or longer histories; by default those that it learned from.
            futr_df: long frame of the covariates known into the future.
            static_df: static covariates of the series in df.
            paths: futures drawn for each series, where forecasts are made of them.
            seed: the same seed gives the same paths.
        Returns: a frame with unique_id, ds, Recurra (the mean), Recurra-median, and for each level
            Recurra-lo-LEVEL and Recurra-hi-LEVEL.
        """
        panel, origin = self._history(df, static_df)
        found = self._forecast(panel, h, level, futr_df, paths=paths, seed=seed)
        return to_frame(table_of(found, level, self.columns), origin, self.columns)

    def sample(
        self,
        h: int | None = None,
        paths: int = 100,
        *,
        df: Frame | None = None,
        futr_df: Frame | None = None,
        static_df: Frame | None = None,
        seed: int = 0,
    ) -> Frame:
        """Return drawn futures: a frame with unique_id, ds, sample and Recurra."""
        panel, origin = self._history(df, static_df)
        found = self._forecast(panel, h, (), futr_df, paths=paths, seed=seed, keep_paths=True)
        return to_frame(table_of_paths(found, self.columns), origin, self.columns)

    def cross_validation(
        self,
        df: Frame,
        h: int | None = None,
        *,
        n_windows: int = 1,
        step_size: int | None = None,
        level: Sequence[float] = (),
        refit: bool = False,
        static_df: Frame | None = None,
        paths: int = PATHS,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> Frame:
        """Forecast the last parts of series from what came before each.

        Args:
            n_windows: how many cut-offs; the last one leaves h steps to forecast.
            step_size: steps from one cut-off to the next; by default h.
            refit: whether to train anew before each window; otherwise once, before the first.
            progress: called with windows done and windows in all.
        Returns: a frame with unique_id, ds, cutoff, y and the columns of `predict`.
        Raises: `ConfigError` where no series is long enough.
        """
        panel, self._origin = panel_of_frame(df, self.columns, static_df)
        h = self.settings.series.horizon if h is None else h
        step = h if step_size is None else step_size
        if h < 1 or step < 1 or n_windows < 1:
            raise ConfigError("h, step_size and n_windows have to be 1 or more.")
        tables = []
        for window in range(n_windows):
            back = h + step * (n_windows - 1 - window)
            chosen = [n for n, one in enumerate(panel.series) if len(one) >= back + 2]
            if not chosen:
                raise ConfigError(
                    f"no series is long enough: {n_windows} windows of {h} steps, {step} apart, "
                    f"need {h + step * (n_windows - 1) + 2} values."
                )
            part = replace(
                panel, series=tuple(panel.series[n] for n in chosen),
                static=tuple(panel.static[n] for n in chosen) if panel.static else (),
            )  # fmt: skip
            cut = part.without_last(back)
            if window == 0 or refit:
                self._fit_panel(cut)
            ahead = {one.name: one.future[len(one) - back :][:h] for one in part.series}
            found = self._required().forecast(
                cut, h, levels=_levels(level), ahead=ahead, paths=paths, seed=seed
            )
            table = table_of(found, level, self.columns)
            cutoffs = np.concatenate(
                [np.repeat(np.asarray(one.last)[None], h) for one in cut.series]
            )
            y = np.concatenate(
                [one.y[len(one) - back : len(one) - back + h] for one in part.series]
            )
            front = {self.columns.id_column, self.columns.time_column}
            tables.append(
                {
                    **{name: column for name, column in table.items() if name in front},
                    "cutoff": cutoffs,
                    self.columns.target_column: y,
                    **{name: column for name, column in table.items() if name not in front},
                }
            )
            if progress is not None:
                progress(window + 1, n_windows)
        whole = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
        return to_frame(whole, self._origin, self.columns)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as one file; the series themselves are not in it."""
        self._required().save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], **engine: Any) -> Self:
        """Read a model file or the best model of a run folder.

        It forecasts what `predict(df=...)` is given. Raises `FormatError` where there is no model.
        """
        made = cls()
        made.model = SeriesModel.load(path, **engine)
        made.settings = made.model.settings
        return made

    def _required(self) -> SeriesModel:
        if self.model is None:
            raise ConfigError("there is no model yet; call fit first.")
        return self.model

    def _history(self, df: Frame | None, static_df: Frame | None) -> tuple[Panel, Origin]:
        self._required()
        if df is not None:
            return panel_of_frame(df, self.columns, static_df)
        if self._panel is None:
            raise ConfigError("a model that was loaded knows no series; give their history as df.")
        return self._panel, self._origin

    def _forecast(
        self,
        panel: Panel,
        h: int | None,
        level: Sequence[float],
        futr_df: Frame | None,
        *,
        paths: int,
        seed: int,
        keep_paths: bool = False,
    ) -> PanelForecast:
        model = self._required()
        ahead = None
        if futr_df is not None and model.future:
            ahead = ahead_of_frame(futr_df, self.columns, panel, model.future)
        return model.forecast(
            panel, h, levels=_levels(level), ahead=ahead, paths=paths, keep_paths=keep_paths,
            seed=seed,
        )  # fmt: skip


def _levels(level: Sequence[float]) -> list[float]:
    """Return the quantiles that intervals in per cent need, the median first."""
    if not all(0 < one < 100 for one in level):
        raise ConfigError("levels are in per cent, between 0 and 100, as [80, 90].", "level")
    return [0.5, *(0.5 + side * one / 200 for one in level for side in (-1, 1))]


def table_of(
    found: PanelForecast, level: Sequence[float], columns: ColumnOptions
) -> dict[str, Array]:
    """Return the columns of a forecast with intervals in per cent, in the field's order."""
    table: dict[str, Array] = {
        columns.id_column: np.repeat(np.array(found.names), found.steps),
        columns.time_column: np.concatenate(found.stamps),
        NAME: found.forecast.mean.reshape(-1),
        f"{NAME}-median": found.level(0.5).reshape(-1),
    }
    for one in sorted(level, reverse=True):
        table[f"{NAME}-lo-{one:g}"] = found.level(0.5 - one / 200).reshape(-1)
    for one in sorted(level):
        table[f"{NAME}-hi-{one:g}"] = found.level(0.5 + one / 200).reshape(-1)
    return table


def table_of_paths(found: PanelForecast, columns: ColumnOptions) -> dict[str, Array]:
    """Return the columns of drawn futures: series, time, sample and value, a row a value."""
    drawn = np.asarray(found.forecast.paths, np.float64)
    _, count, steps = drawn.shape
    return {
        columns.id_column: np.repeat(np.array(found.names), count * steps),
        columns.time_column: np.concatenate([np.tile(s, count) for s in found.stamps]),
        "sample": np.tile(np.repeat(np.arange(count), steps), len(found.names)),
        NAME: drawn.reshape(-1),
    }
