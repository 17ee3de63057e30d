"""Classification as a training task: whole series, the class asked for at their end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError
from recurra.core.options import Options, knob
from recurra.core.spec import Softmax, Spec, Stack, Vector
from recurra.datasets.series import resolve_series
from recurra.engines import EngineOptions
from recurra.engines.base import Batch, Network, OptimiserOptions, Report
from recurra.formats.labelled import Labelled, read_labelled
from recurra.learning.options import TrainOptions
from recurra.learning.task import Sample, Window

Array = NDArray[Any]
STREAM = 9
"""Of the generator that batches are drawn from."""
STEPS = 40
"""Steps that a series is read in, about, where that is not said."""


class LabelOptions(Options):
    """How series are read and learned."""

    label: str = knob("auto", "of a table: column of the class; first, last or its name")
    channels: int = knob(1, "of a table: channels that take turns in a row", low=1, high=10_000)
    patch: int | None = knob(
        None, "values read at once; automatic: so many that a series is about 40 steps", low=1,
        high=10_000, unit="values",
    )  # fmt: skip
    noise: float = knob(
        0.1, "noise that is added while it learns, as a share of a standard deviation", low=0,
        high=10,
    )  # fmt: skip
    stretch: float = knob(
        0.1, "how much series are sped up, slowed down and scaled while it learns", low=0, below=1
    )
    early: float = knob(
        0.5, "share of each series, at its end, where the class is asked for while it learns; 0 "
        "asks at the last step only", low=0, high=1, advanced=True,
    )  # fmt: skip
    batch_size: int = knob(
        32, "series read side by side in one step", low=1, high=65536, unit="series"
    )
    validation: float = knob(0.0, "share of the series held out to validate on", low=0, below=1)


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """The option classes of one training."""

    labels: LabelOptions
    stack: Stack
    train: TrainOptions
    optimiser: OptimiserOptions
    engine: EngineOptions

    def to_json(self) -> dict[str, Any]:
        """Return every setting, class by class, as JSON data."""
        return {name: getattr(self, name).model_dump(mode="json") for name in CLASSES}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LabelSettings:
        """Build from what `to_json` gave; raises `ConfigError` naming the field."""
        return cls(**{name: kind.parse(data.get(name, {})) for name, kind in CLASSES.items()})


CLASSES: dict[str, Any] = {
    "labels": LabelOptions,
    "stack": Stack,
    "train": TrainOptions,
    "optimiser": OptimiserOptions,
    "engine": EngineOptions,
}
DEFAULTS: dict[str, Any] = {
    "sizes": (64,),
    "dropout": 0.2,
    "learning_rate": 5e-3,
    "steps": 1000,
    "sample_every": 0,
    "weight_decay": 1e-3,
}


class Reading(Options):
    """How a series becomes what the network reads; kept with the model."""

    patch: int
    channels: int
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    classes: tuple[str, ...]

    @property
    def features(self) -> int:
        """Numbers that a step reads: values and their slopes."""
        return 2 * self.patch * self.channels

    def steps(self, series: Array) -> NDArray[np.float32]:
        """Return a series [T, channels] as what is read [steps, features], ending at its end."""
        z = (series - np.array(self.means)) / np.array(self.deviations)
        z = np.nan_to_num(z)
        slopes = np.diff(z, axis=0, prepend=z[:1])
        both = np.concatenate([z, 4.0 * slopes], axis=1)
        count = -(-len(both) // self.patch)
        whole = np.zeros((count * self.patch, both.shape[1]))
        whole[: count * self.patch - len(both)] = both[0]
        whole[-len(both) :] = both
        return whole.reshape(count, -1).astype(np.float32)


def choose_reading(data: Labelled, options: LabelOptions) -> Reading:
    """Settle what is automatic. Raises `ConfigError` where there is only one class."""
    classes = sorted(set(data.labels), key=_by_number)
    if len(classes) < 2:
        raise ConfigError(
            f"{data.name} has only the class '{classes[0]}'; there is nothing to tell apart."
        )
    longest = max(len(one) for one in data.series)
    every = np.concatenate(data.series)
    deviations = np.nanstd(every, axis=0)
    return Reading(
        patch=options.patch or max(1, round(longest / STEPS)),
        channels=data.channels,
        means=tuple(float(m) for m in np.nan_to_num(np.nanmean(every, axis=0))),
        deviations=tuple(float(d) if d > 0 else 1.0 for d in np.nan_to_num(deviations)),
        classes=tuple(classes),
    )


def _by_number(label: str) -> tuple[int, float, str]:
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label


def side_by_side(
    rows: Sequence[Array],
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None, NDArray[np.int64]]:
    """Return series of different length ending together: inputs [T, B, F], where each begins
    [T, B] (None where all do at once), and the beginnings [B].
    """
    length = max(len(row) for row in rows)
    x = np.zeros((length, len(rows), rows[0].shape[1]), np.float32)
    starts = np.array([length - len(row) for row in rows], np.int64)
    for b, row in enumerate(rows):
        x[starts[b] :, b] = row
    resets = np.arange(length)[:, None] == starts
    return x, resets if (starts > 0).any() else None, starts


class LabelTask:
    """See `learning.task.Task` for the contract.

    Args:
        data: series with their classes. inputs: what a person called the data.
    """

    kind = "labels"
    unit = "example"

    def __init__(
        self, data: Labelled, settings: LabelSettings, inputs: Sequence[str] = (), sha256: str = ""
    ) -> None:
        self.data, self.settings = data, settings
        self.options = settings.labels
        self.inputs, self.sha256 = list(inputs), sha256
        self.parts = settings.train.accumulate
        self.reading = choose_reading(data, self.options)
        self.spec = Spec(
            input=Vector(size=self.reading.features), stack=settings.stack,
            head=Softmax(vocabulary_size=len(self.reading.classes)),
        )  # fmt: skip
        places = {name: n for n, name in enumerate(self.reading.classes)}
        self.targets = np.array([places[label] for label in data.labels], np.int64)
        order = _generator(settings.train.seed, 0, 1).permutation(len(data.series))
        held = round(self.options.validation * len(order))
        self.held_out, self.learned = np.sort(order[:held]), np.sort(order[held:])
        per_step = self.options.batch_size * self.parts
        self.steps_per_epoch = max(1, -(-len(self.learned) // per_step))

    def window(self, step: int, part: int = 0) -> Window:
        """Return the window of a step: series drawn anew, each a little changed."""
        o = self.options
        rng = _generator(self.settings.train.seed, step * self.parts + part, 0)
        count = min(o.batch_size, 4 * len(self.learned))
        chosen = self.learned[rng.integers(0, len(self.learned), count)]
        rows = [self.reading.steps(self._changed(self.data.series[n], rng)) for n in chosen]
        return self._window(rows, self.targets[chosen], o.early)

    def _changed(self, series: Array, rng: np.random.Generator) -> Array:
        """Return a series as it might have come: stretched in time, scaled, with noise."""
        o = self.options
        if o.stretch and len(series) > 2:
            length = max(2, round(len(series) * (1 + o.stretch * (2 * rng.random() - 1))))
            # Time runs unevenly: twice as fast in places, for a large stretch.
            bends = np.cumsum(1 + o.stretch * rng.standard_normal((length,)).clip(-3, 3))
            bends = (bends - bends[0]) / max(bends[-1] - bends[0], 1e-9) * (len(series) - 1)
            low = np.clip(bends.astype(np.int64), 0, len(series) - 2)
            share = (bends - low)[:, None]
            series = series[low] * (1 - share) + series[low + 1] * share
            centre = np.array(self.reading.means)
            factor = 1 + o.stretch * rng.standard_normal((series.shape[1],)).clip(-3, 3)
            series = centre + factor * (series - centre)
        if o.noise:
            spread = o.noise * np.array(self.reading.deviations)
            series = series + spread * rng.standard_normal(series.shape)
        return series

    def _window(self, rows: Sequence[Array], targets: Array, early: float) -> Window:
        x, resets, starts = side_by_side(rows)
        length = len(x)
        lengths = length - starts
        # What is asked early counts less: a class need not show before the end.
        after = (np.arange(length)[:, None] - starts + 1) / lengths
        rising = np.maximum(0, after - (1 - early))
        weights = (0.5 * rising / np.maximum(rising.sum(axis=0), 1e-9)).astype(np.float32)
        weights[-1] += 0.5 if early else 1.0
        repeated = np.broadcast_to(targets, (length, len(rows)))
        return Window(
            Batch(x, np.ascontiguousarray(repeated), weights, resets), carries=False,
            tokens=len(rows),
        )  # fmt: skip

    def validation(self) -> Iterator[Window]:
        """Yield the held-out series, asked at their end."""
        for first in range(0, len(self.held_out), 256):
            chosen = self.held_out[first : first + 256]
            rows = [self.reading.steps(self.data.series[n]) for n in chosen]
            yield self._window(rows, self.targets[chosen], 0.0)

    def measures(self, report: Report) -> dict[str, float]:
        """Return nothing beyond loss and accuracy."""
        return {}

    def sample(self, network: Network, step: int) -> list[Sample]:
        """Return nothing: a classifier writes nothing."""
        return []

    def document(self) -> dict[str, Any]:
        """Return what the model file and `run.json` keep of the task."""
        return {
            "kind": self.kind,
            "options": self.settings.to_json(),
            "reading": self.reading.model_dump(mode="json"),
        }

    def provenance(self) -> dict[str, Any]:
        """Return where the series came from."""
        return {"inputs": self.inputs, "series": len(self.data.series), "sha256": self.sha256}


def read_training_data(path: str, options: LabelOptions) -> tuple[Labelled, str]:
    """Read labelled series, from a file or a public set, and the sha256 of their values."""
    data = read_labelled(resolve_series(path, "labels"), options.label, options.channels)
    if not all(data.labels):
        raise FormatError(f"{data.name} has series without a class; nothing is learned from them.")
    digest = hashlib.sha256(repr(data.labels).encode())
    for one in data.series:
        digest.update(np.ascontiguousarray(one).tobytes())
    return data, digest.hexdigest()


def restore(run: Mapping[str, Any]) -> LabelTask:
    """Return the task of a run as it was. Raises `FormatError` where its data have changed."""
    inputs = run.get("inputs") or []
    if not inputs:
        raise FormatError("this run learned series from memory; train anew from a file.")
    settings = LabelSettings.from_json(run["task"].get("options") or {})
    data, digest = read_training_data(inputs[0], settings.labels)
    provenance = run.get("provenance") or {}
    if digest != provenance.get("sha256"):
        raise FormatError(f"the series of this run have changed since it began ({inputs[0]}).")
    return LabelTask(data, settings, provenance.get("inputs") or [], digest)


def _generator(seed: int, index: int, lane: int) -> np.random.Generator:
    return np.random.Generator(
        np.random.Philox(
            key=np.array([seed & (2**64 - 1), STREAM], np.uint64),
            counter=np.array([0, 0, index, lane], np.uint64),
        )
    )
