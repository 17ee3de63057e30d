"""Forecasting as a training task: windows of many series, drawn step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core import random
from recurra.core.errors import ConfigError
from recurra.engines.base import Batch, Network, Report
from recurra.learning.task import Sample, Window
from recurra.tasks.series.encode import Scaled, encode_series
from recurra.tasks.series.encoding import Encoding, choose_encoding
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.settings import Settings
from recurra.tasks.series.windows import Buffer, cut, read_inputs, wanted

Array = NDArray[Any]
VALIDATION_ROWS = 64
"""Series that a validation reads side by side."""
VALIDATION_LIMIT = 1 << 20
"""Most positions that one validation reads; of more series every n-th is taken."""


class SeriesTask:
    """Many series to learn. See `learning.task.Task` for the contract.

    The last `held_out` values of each series are kept aside: neither a target nor a scale is made
    of them.

    Args:
        panel: the series.
        settings: every setting of the training.
        inputs: what a person called the data, for the model's provenance.
        provenance: more to keep about where it came from.
    Raises:
        ConfigError: no series is long enough to learn from.
    """

    kind = "series"
    unit = "value"

    def __init__(
        self,
        panel: Panel,
        settings: Settings,
        inputs: Sequence[str] = (),
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.panel = panel
        self.settings = settings
        self.inputs = list(inputs)
        self.options = settings.series
        self.parts = settings.train.accumulate
        self.held_out = self.options.held_out(int(np.median([len(one) for one in panel.series])))
        """Last values of each series that are neither learned from nor scaled by."""
        learned_from = panel.without_last(self.held_out)
        self.encoding: Encoding = choose_encoding(learned_from, self.options)
        self.spec = settings.spec(self.encoding.features)
        self.calibration: tuple[float, ...] = ()
        self._provenance = dict(provenance or {})
        if self.encoding.counts:
            _refuse_negative(panel)
        statics = panel.static or (None,) * len(panel)
        self.kept = [_kept(len(one), self.held_out) for one in panel.series]
        self.rows = [
            encode_series(one, self.encoding, known=kept, static=static, frequency=panel.frequency)
            for one, kept, static in zip(panel.series, self.kept, statics, strict=True)
        ]
        self.train_rows = [
            _until(row, kept) for row, kept in zip(self.rows, self.kept, strict=True)
        ]
        self._set_chances()
        learned = int(sum(row.seen.sum() for row in self.train_rows))
        per_step = self.options.batch_size * self.options.window * self.parts
        self.steps_per_epoch = max(1, -(-learned // per_step))

    def _set_chances(self) -> None:
        """Set how often each last position of a window is drawn."""
        origins = np.array([max(0, len(row.z) - 1) for row in self.train_rows], np.float64)
        if not origins.any():
            longest = max(len(row.z) for row in self.rows)
            raise ConfigError(
                f"no series is long enough to learn from: the longest has {longest:,} values, of "
                f"which {self.held_out:,} are held out; give more, or a smaller horizon "
                "or validation.",
                "horizon",
            )
        self.origins = origins.astype(np.int64)
        how = self.options.draw_by
        if how == "equal":
            origins = np.minimum(origins, 1.0)
        elif how == "scale":
            origins = origins * np.array([row.scale for row in self.rows])
        self.chances = np.cumsum(origins) / origins.sum()

    def window(self, step: int, part: int = 0) -> Window:
        """Return the window of a step: pieces of series, each from a state of zero."""
        o = self.options
        seed, index = self.settings.train.seed, step * self.parts + part
        draws = random.uniforms(
            seed, random.SHUFFLE, 2 * o.batch_size, index=index * (o.batch_size + 1)
        ).reshape(2, -1)
        chosen = np.minimum(np.searchsorted(self.chances, draws[0], "right"), len(self.rows) - 1)
        last = (draws[1] * self.origins[chosen]).astype(np.int64)
        rows = [self.train_rows[n] for n in chosen]
        firsts = last - o.window + 1
        buffer = cut(rows, firsts.tolist(), o.window, self.encoding)
        batch = self._batch(rows, buffer)
        positions = np.arange(o.window)[:, None]
        learned = (positions >= buffer.starts) & (
            (o.window - 1 - positions) % o.positions_apart == 0
        )
        # What came before a window that cuts into a series is not known to it: it reads itself in.
        learned &= (positions >= o.read_only) | (buffer.starts >= 0)
        weights = np.asarray(batch.weights) * learned[..., None]
        if not weights.any():
            weights = np.asarray(batch.weights)
        return Window(
            Batch(batch.inputs, batch.targets, weights, batch.resets),
            carries=False,
            tokens=o.window * o.batch_size,
        )

    def _batch(self, rows: Sequence[Scaled], buffer: Buffer) -> Batch:
        centres = np.array([row.centre for row in rows])
        scales = np.array([row.scale for row in rows])
        targets, there = wanted(buffer, self.encoding, centres, scales)
        there *= (np.arange(buffer.length)[:, None] >= buffer.starts)[..., None]
        return Batch(read_inputs(buffer, self.encoding), targets, there, begins(buffer))

    def validation(self) -> Iterator[Window]:
        """Yield the held-out values, each series read from one window before them.

        Reading ends at the last position that is asked for: one horizon before the end.
        """
        held = self.held_out
        if not held:
            return
        chosen = [n for n, row in enumerate(self.rows) if len(row.z) > self.kept[n]]
        before = min(self.options.window, max(len(row.z) for row in self.rows))
        ahead = self.encoding.horizon
        length = before + held - (ahead if held >= ahead else 1)
        most = max(1, VALIDATION_LIMIT // length)
        chosen = chosen[:: -(-len(chosen) // most)] if chosen else []
        # The first of them is predicted at position before - 1.
        held_out = (np.arange(length) >= before - 1)[:, None, None]
        for first in range(0, len(chosen), VALIDATION_ROWS):
            rows = [self.rows[n] for n in chosen[first : first + VALIDATION_ROWS]]
            firsts = [len(row.z) - held - before for row in rows]
            batch = self._batch(rows, cut(rows, firsts, length, self.encoding))
            weights = np.asarray(batch.weights) * held_out
            yield Window(
                Batch(batch.inputs, batch.targets, weights, batch.resets),
                carries=False,
                tokens=length * len(rows),
            )

    def measures(self, report: Report) -> dict[str, float]:
        """Return the loss under the name that it has in the field."""
        name = "pinball" if self.options.head == "quantiles" else "nats_per_value"
        return {name: report.loss_nats}

    def sample(self, network: Network, step: int) -> list[Sample]:
        """Return nothing: forecasts are shown by those who ask for them."""
        return []

    def document(self) -> dict[str, Any]:
        """Return what the model file and `run.json` keep of the task."""
        panel = self.panel
        return {
            "kind": self.kind,
            "options": self.settings.to_json(),
            "encoding": self.encoding.model_dump(mode="json"),
            "frequency": panel.frequency.to_json(),
            "past": list(panel.past_names),
            "future": list(panel.future_names),
            "static": [name for name, _ in self.encoding.static],
            "dated": panel.dated,
        }

    def provenance(self) -> dict[str, Any]:
        """Return where the series came from."""
        return {
            "inputs": self.inputs,
            "series": len(self.panel),
            "values": self.panel.values,
            **self._provenance,
        }


def begins(buffer: Buffer) -> NDArray[np.bool_] | None:
    """Return where a series begins inside its window [T, B], or None where none does."""
    if not (buffer.starts > 0).any():
        return None
    return np.asarray(np.arange(buffer.length)[:, None] == buffer.starts)


def _refuse_negative(panel: Panel) -> None:
    for one in panel.series:
        if np.nanmin(one.y) < 0:
            raise ConfigError(
                f"series '{one.name}' goes down to {np.nanmin(one.y):g}, but the head "
                "negative_binomial predicts counts, which are 0 or more; take another head.",
                "head",
            )


def _kept(length: int, held: int) -> int:
    """Return how many values of a series are learned from: a short one keeps all."""
    return length - held if length >= held + 2 else length


def _until(row: Scaled, count: int) -> Scaled:
    return Scaled(
        row.z[:count], row.seen[:count], row.centre, row.scale, row.extra[:count], row.future,
        row.fixed, row.series,
    )  # fmt: skip
