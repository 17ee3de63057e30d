"""What the HTTP interface says of series of numbers: sequences, forecasts, classes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from recurra.studio.schema import Body, Name


class AskRequest(Body):
    """Whole numbers, and how much is wanted of what comes after them."""

    numbers: list[Annotated[int, Field(ge=-(10**18), le=10**18)]] = Field(max_length=200)
    count: int = Field(5, ge=1, le=12)
    terms: int = Field(1, ge=1, le=20)


class NumberAnswer(BaseModel):
    number: int
    probability: float


class AskAnswer(BaseModel):
    answers: list[NumberAnswer]
    """What may come next, likeliest first."""
    weights: list[float]
    """How much each number that was given moved the first answer: shares of 1."""
    notes: list[str]
    terms: list[NumberAnswer]
    """The likeliest way to go on, one after the other."""
    below: int
    """The size that the numbers of the training stayed below."""


class DataRequest(Body):
    """Data by their id; left out, those that the model learned from."""

    data: Name | None = None


class SeriesFacts(BaseModel):
    names: list[str]
    lengths: list[int]
    horizon: int
    season: int
    frequency: str
    dated: bool
    head: str
    direct: bool
    notes: list[str]


Levels = Annotated[list[Annotated[float, Field(gt=0, lt=100)]], Field(min_length=1, max_length=6)]


class ForecastRequest(DataRequest):
    series: Name | None = None
    horizon: int | None = Field(None, ge=1, le=10_000)
    levels: Levels = Field(default_factory=lambda: [80.0, 95.0])
    """Of the intervals, per cent."""
    held_out: bool = True
    """Whether the end of the series is forecast from what came before it, to be compared."""


class Interval(BaseModel):
    level: float
    low: list[float | None]
    high: list[float | None]


class ForecastAnswer(BaseModel):
    """One series and its fan. Times are ISO 8601, or whole numbers where there are no dates."""

    series: str
    history_stamps: list[str]
    history: list[float | None]
    stamps: list[str]
    mean: list[float | None]
    median: list[float | None]
    intervals: list[Interval]
    """Widest first."""
    truth: list[float | None] | None
    naive: list[float | None]


class EvaluateRequest(DataRequest):
    horizon: int | None = Field(None, ge=1, le=10_000)


class MemoryRequest(DataRequest):
    series: Name | None = None


class MemoryLayer(BaseModel):
    units: int
    values: list[float]
    """[steps, units], row by row."""


class MemoryAnswer(BaseModel):
    series: str
    stamps: list[str]
    y: list[float | None]
    layers: list[MemoryLayer]


class ClassFigures(BaseModel):
    precision: float
    recall: float
    f1: float
    count: int


class ClassifiedSeries(BaseModel):
    label: str | None
    said: str
    probability: float
    length: int


class ClassAnswer(BaseModel):
    classes: list[str]
    accuracy: float | None
    """None, as the other figures, where the data do not say what the series are."""
    f1: float | None
    confusion: list[list[int]] | None
    """Rows what it is, columns what was said."""
    per_class: list[ClassFigures] | None
    series: list[ClassifiedSeries]
    count: int


class RowRequest(DataRequest):
    row: int = Field(0, ge=0)


class SeriesSaliency(BaseModel):
    row: int
    label: str | None
    said: str
    probabilities: list[float]
    values: list[list[float | None]]
    """[channels][time]"""
    saliency: list[float]
    """How much each moment moved what was said: shares of 1."""
