"""What a person can set about a forecast."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from recurra.core.options import Options, knob
from recurra.core.spec import (
    Gaussian,
    Mixture,
    NegativeBinomial,
    Quantiles,
    StudentT,
    ValueHead,
)

HeadName = Literal["student_t", "gaussian", "negative_binomial", "mixture", "quantiles"]
Scaling = Literal["auto", "seasonal", "standard", "robust", "mean", "none"]
Difference = Literal["auto", "season", "last", "none"]
CALIBRATED = 4
"""Horizons that are held out to correct intervals by."""


class SeriesOptions(Options):
    """What is predicted, and from what."""

    horizon: int = knob(24, "how far ahead to forecast", low=1, high=10_000, unit="steps")
    season: int | None = knob(
        None, "steps in a season; automatic: the usual one of the frequency (24 for hours)",
        low=1, high=100_000, unit="steps",
    )  # fmt: skip
    head: HeadName = knob("student_t", "kind of distribution that is predicted")
    components: int = knob(
        3, "with head=mixture: normal distributions in it", low=1, high=64, advanced=True
    )
    quantile_levels: tuple[float, ...] = knob(
        (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
        "with head=quantiles: which ones are learned", advanced=True,
    )  # fmt: skip
    direct: bool = knob(
        False, "predict all steps at once, rather than one after the other by sampling"
    )
    scaling: Scaling = knob(
        "auto", "how each series is brought to one scale: by the error of its seasonal-naive "
        "forecast, standard deviation, median and quartiles, or mean; automatic: seasonal, or "
        "mean for counts",
    )  # fmt: skip
    difference: Difference = knob(
        "auto", "what is predicted is the difference to the value one season before, to the last "
        "value, or the value itself; automatic: that of the first two that errs less by itself",
    )  # fmt: skip
    lags: tuple[int, ...] | None = knob(
        None, "values so many steps before the one that is predicted, read as inputs; automatic: "
        "the season, and for hours the week too", advanced=True,
    )  # fmt: skip
    calendar: bool = knob(
        True, "hour, weekday and day of the year are inputs where there are dates", advanced=True
    )
    window: int = knob(
        168, "how far back one step learns (truncated backpropagation through time)",
        low=1, high=65536, unit="steps",
    )  # fmt: skip
    warm_up: int | None = knob(
        None, "first positions of a window that are only read; automatic: a quarter of it",
        low=0, unit="steps", advanced=True,
    )  # fmt: skip
    every: int | None = knob(
        None, "learn from every so many positions; automatic: 1, or 4 with direct", low=1,
        high=65536, unit="steps", advanced=True,
    )  # fmt: skip
    batch_size: int = knob(
        64, "windows read side by side in one step", low=1, high=65536, unit="windows"
    )
    draw_by: Literal["length", "equal", "scale"] = knob(
        "length", "how often a series is learned from: by its length, all alike, or by its scale",
        advanced=True,
    )  # fmt: skip
    validation: int | None = knob(
        None, "last values of each series held out to validate on; automatic: the horizon, with "
        "conformal four of them but at most a fifth of a middling series; 0 none",
        low=0, unit="steps",
    )  # fmt: skip
    conformal: bool = knob(
        False, "correct the intervals by how often the held-out values fell into them"
    )

    @model_validator(mode="after")
    def _together(self) -> SeriesOptions:
        if self.head == "negative_binomial" and self.difference not in ("auto", "none"):
            raise ValueError("head negative_binomial predicts counts, which difference cannot be.")
        if self.head == "negative_binomial" and self.scaling not in ("auto", "mean", "none"):
            raise ValueError("head negative_binomial goes with scaling mean or none.")
        if self.lags is not None and any(lag < 1 for lag in self.lags):
            raise ValueError("lags have to be 1 or more: they are values that came before.")
        if self.conformal and self.validation == 0:
            raise ValueError("conformal needs held-out values, but validation is 0.")
        return self

    @property
    def steps_at_once(self) -> int:
        """How many values one position predicts."""
        return self.horizon if self.direct else 1

    @property
    def positions_apart(self) -> int:
        """Positions from one that is learned from to the next."""
        return self.every or (4 if self.direct and self.horizon > 1 else 1)

    @property
    def read_only(self) -> int:
        """First positions of a window that are only read."""
        return self.window // 4 if self.warm_up is None else min(self.warm_up, self.window - 1)

    def held_out(self, length: int) -> int:
        """Return how many last values of each series are held out, of series of a middling length.

        One cut-off is one draw of what happens to all series at once, so intervals are corrected by
        several: `CALIBRATED` horizons, as far as they are a fifth of what is there.
        """
        if self.validation is not None:
            return self.validation
        if not self.conformal:
            return self.horizon
        return max(self.horizon, min(CALIBRATED * self.horizon, length // 5))

    def head_spec(self) -> ValueHead:
        """Return the head as the network has it."""
        horizon = self.steps_at_once
        if self.head == "mixture":
            return Mixture(horizon=horizon, components=self.components)
        if self.head == "quantiles":
            return Quantiles(horizon=horizon, levels=self.quantile_levels)
        kinds = {
            "student_t": StudentT, "gaussian": Gaussian, "negative_binomial": NegativeBinomial,
        }  # fmt: skip
        return kinds[self.head](horizon=horizon)


class ColumnOptions(Options):
    """Which columns of a table mean what."""

    id_column: str = knob("unique_id", "column that names the series of a row", advanced=True)
    time_column: str = knob("ds", "column with the time of a row", advanced=True)
    target_column: str = knob("y", "column with the value to forecast", advanced=True)
    layout: Literal["auto", "long", "wide", "rows", "single"] = knob(
        "auto", "how a file is laid out: a value a row, a column a series, a row a series as in "
        "M4, or one series alone", advanced=True,
    )  # fmt: skip
    frequency: str | None = knob(
        None, "distance of two values: h, 15min, D, B, W, MS, QS, YS or a number; automatic: the "
        "commonest one",
    )  # fmt: skip
    date_format: str | None = knob(
        None, "how dates are written, as %d.%m.%Y; automatic: as they look", advanced=True
    )
    past: tuple[str, ...] = knob((), "columns known up to now, read as inputs")
    future: tuple[str, ...] = knob((), "columns known into the future, such as holidays")
    static: tuple[str, ...] = knob((), "columns that say one thing of a whole series")
