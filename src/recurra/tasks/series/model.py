"""A trained forecasting model: its weights and what they mean, ready to forecast any series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.core.spec import ValueHead
from recurra.formats.dates import Frequency
from recurra.learning.trained import TrainedModel
from recurra.tasks.series.conformal import GRID, correction, cut_offs, levels_of
from recurra.tasks.series.encode import Scaled, encode_series
from recurra.tasks.series.encoding import Encoding
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.predict import Forecast, Progress, forecast
from recurra.tasks.series.settings import Settings

Array = NDArray[Any]
PATHS = 200


@dataclass(frozen=True, slots=True)
class PanelForecast:
    """The forecast of a panel, with what each step is called."""

    names: tuple[str, ...]
    stamps: tuple[Array, ...]
    """[h] int64 or datetime64[s], of each series."""
    forecast: Forecast

    @property
    def steps(self) -> int:
        return int(self.forecast.mean.shape[1])

    def level(self, level: float) -> NDArray[np.float64]:
        """Return a quantile [S, h] that was asked for."""
        place = int(np.argmin(np.abs(np.array(self.forecast.levels) - level)))
        return self.forecast.quantiles[..., place]


class SeriesModel(TrainedModel):
    """A forecasting model, built and loaded as every `TrainedModel` is."""

    KIND = "series"
    CALLED = "of series"
    PURPOSE = "train"

    def _open(self, task: Mapping[str, Any]) -> None:
        self.encoding = Encoding.parse(task["encoding"])
        self.settings = Settings.from_json(task["options"])
        self.frequency = Frequency(**task["frequency"])
        self.calibration = np.array(task.get("calibration") or (), np.float64)
        self.past = tuple(task["past"])
        self.future = tuple(task["future"])
        self.static = tuple(task["static"])
        head, width = self.spec.head, self.spec.input.features
        if not isinstance(head, ValueHead) or head.horizon != self.encoding.horizon:
            raise self._refusal("the network's head is not one of this model's forecasts.")
        if width != self.encoding.features:
            raise self._refusal(
                f"the network reads {width} numbers, but the encoding makes "
                f"{self.encoding.features}."
            )

    @property
    def horizon(self) -> int:
        """How far ahead it was trained to forecast."""
        return self.settings.series.horizon

    def encode(self, panel: Panel, ahead: Mapping[str, Array] | None = None) -> list[Scaled]:
        """Bring series to what the network reads.

        Args:
            ahead: covariates of the steps after the end [n, F], by series.
        Raises: `ConfigError` where the panel lacks a covariate of the model.
        """
        for what, mine, theirs in (
            ("past", self.past, panel.past_names),
            ("future", self.future, panel.future_names),
            ("static", self.static, tuple(panel.static[0]) if panel.static else ()),
        ):
            missing = [name for name in mine if name not in theirs]
            if missing:
                raise ConfigError(
                    f"this model reads the {what} covariate '{missing[0]}', which the data lack.",
                    what,
                )
        statics = panel.static or (None,) * len(panel)
        return [
            encode_series(
                one, self.encoding, static=static,
                ahead=None if ahead is None else ahead.get(one.name), frequency=panel.frequency,
            )
            for one, static in zip(panel.series, statics, strict=True)
        ]  # fmt: skip

    def forecast(
        self,
        panel: Panel,
        steps: int | None = None,
        *,
        levels: Sequence[float] = (0.5,),
        ahead: Mapping[str, Array] | None = None,
        paths: int = PATHS,
        keep_paths: bool = False,
        seed: int = 0,
        calibrated: bool = True,
        progress: Progress | None = None,
    ) -> PanelForecast:
        """Forecast the steps after the end of each series.

        Args:
            steps: how many; by default as many as it was trained for.
            levels: of the quantiles that are wanted, between 0 and 1.
            ahead: covariates known into the future, [steps, F] by series.
            paths: futures drawn for each series, where forecasts are made of them.
            keep_paths: whether to return them.
            seed: the same seed gives the same paths.
            calibrated: whether to use the conformal correction, where the model has one.
        Raises:
            ConfigError: a level that cannot be, too many steps at once, missing covariates.
        """
        steps = self.horizon if steps is None else steps
        if steps < 1:
            raise ConfigError(f"horizon is {steps}, but has to be 1 or more.", "horizon")
        if not all(0 < level < 1 for level in levels):
            raise ConfigError("levels lie between 0 and 100 %, both excluded.", "level")
        if self.future:
            self._check_ahead(panel, ahead, steps)
        asked = [self._level(level) if calibrated else level for level in levels]
        stamps = tuple(panel.frequency.stamps_after(one.last, steps) for one in panel.series)
        found = forecast(
            self.network(), self.encode(panel, ahead), self.encoding, steps, levels=asked,
            paths=paths, keep_paths=keep_paths, seed=seed,
            stamps=stamps if panel.dated else None, progress=progress,
        )  # fmt: skip
        names = tuple(one.name for one in panel.series)
        told = Forecast(found.mean, tuple(levels), found.quantiles, found.paths)
        return PanelForecast(names, stamps, told)

    def _check_ahead(self, panel: Panel, ahead: Mapping[str, Array] | None, steps: int) -> None:
        for one in panel.series:
            given = 0 if ahead is None or one.name not in ahead else len(ahead[one.name])
            if given < steps:
                raise ConfigError(
                    f"this model reads {', '.join(self.future)} of the future, but for series "
                    f"'{one.name}' {given} of {steps} steps are given.",
                    "future",
                )

    def _level(self, level: float) -> float:
        """Return the level at which the share `level` of held-out values really fell below."""
        if not len(self.calibration):
            return level
        known = np.linspace(0, 1, len(self.calibration))
        return float(np.clip(np.interp(level, known, self.calibration), 1e-3, 1 - 1e-3))

    def calibrate(self, panel: Panel, held: int) -> None:
        """Learn the conformal correction from the last values of a panel, which were held out.

        Every part of them as long as a forecast is forecast from what came before it, half a
        forecast apart; see `conformal`.

        Raises: `ConfigError` where no series is long enough.
        """
        long = [n for n, one in enumerate(panel.series) if len(one) >= held + 2]
        if not long:
            raise ConfigError("no series is long enough to be held out and calibrated on.")
        whole = replace(
            panel, series=tuple(panel.series[n] for n in long),
            static=tuple(panel.static[n] for n in long) if panel.static else (),
        )  # fmt: skip
        steps = min(held, self.horizon)
        found = []
        for back in cut_offs(held, steps):
            ends = [len(one) - back for one in whole.series]
            ahead = {
                one.name: one.future[end : end + steps]
                for one, end in zip(whole.series, ends, strict=True)
            }
            told = self.forecast(
                whole.without_last(back), steps, levels=GRID, ahead=ahead, calibrated=False
            )
            y = np.stack(
                [one.y[end : end + steps] for one, end in zip(whole.series, ends, strict=True)]
            )
            found.append(levels_of(y, told.forecast.quantiles))
        self.calibration = correction(np.concatenate(found))
        self.document["task"] = {
            **self.document["task"], "calibration": [float(c) for c in self.calibration],
        }  # fmt: skip

    def __repr__(self) -> str:
        sizes = ",".join(map(str, self.spec.stack.sizes))
        return (
            f"<SeriesModel: {sizes} units, {self.parameters:,} parameters, "
            f"{self.settings.series.head}, {self.frequency}>"
        )
