"""What every unit of a network did while it read a sequence: gates, states, predictions, surprise.

A trace is arrays with named axes. Row n belongs to token n of the sequence: the gates and states
are those that reading it left behind, `logits` what was then expected next, and `surprise` how
unexpected the token itself had been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, ShapeError
from recurra.core.sampling import log_softmax
from recurra.core.spec import Cell, Spec, Vector
from recurra.engines.base import Network

Array = NDArray[Any]

CHUNK = 1024
"""Steps traced at once. The state is carried across, so only memory depends on it."""


class Unit(NamedTuple):
    """One unit: its layer and its number in it, both from 0, as in the names of the weights."""

    layer: int
    unit: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.unit}"

    @classmethod
    def parse(cls, text: str, sizes: Sequence[int]) -> Unit:
        """Read "L:N". Raises `ConfigError` where there is no such unit among layers of `sizes`."""
        layer, colon, number = text.partition(":")
        if not (colon and layer.strip().isdecimal() and number.strip().isdecimal()):
            raise ConfigError(f"'{text}' names no unit; write LAYER:UNIT, such as 0:17.", "unit")
        found = cls(int(layer), int(number))
        if found.layer >= len(sizes) or found.unit >= sizes[found.layer]:
            have = ", ".join(f"{k}:0 to {k}:{size - 1}" for k, size in enumerate(sizes))
            raise ConfigError(f"there is no unit {found}; this network has {have}.", "unit")
        return found


@dataclass(frozen=True, slots=True)
class Named:
    """An array whose axes have names and whose places have labels."""

    values: Array
    axes: tuple[str, ...]
    """Of "time", "unit", "token", in the order of the array's axes."""
    labels: tuple[Sequence[Any], ...]
    """For each axis one label a place: what was read, `Unit`s, tokens."""

    def at(
        self,
        *,
        time: int | slice | None = None,
        layer: int | None = None,
        unit: Unit | int | None = None,
    ) -> Named:
        """Return a part: one place drops its axis, a slice or a whole layer keeps it.

        Args:
            time: a place or a slice of the time axis.
            layer: only the units of this layer.
            unit: one unit; a number counts within `layer`, or over all layers without it.
        Raises: `ShapeError` where the array has no such axis or place.
        """
        part = self
        if layer is not None and not isinstance(unit, Unit):
            unit = unit if unit is None else Unit(layer, unit)
            if unit is None:
                units = part._axis("unit")
                where = [n for n, one in enumerate(part.labels[units]) if one.layer == layer]
                if not where:
                    raise ShapeError(f"there is no layer {layer} in this trace.")
                part = part._take("unit", slice(where[0], where[-1] + 1))
        if isinstance(unit, Unit):
            labels = list(part.labels[part._axis("unit")])
            if unit not in labels:
                raise ShapeError(f"there is no unit {unit} in this trace.")
            unit = labels.index(unit)
        if unit is not None:
            part = part._take("unit", unit)
        return part if time is None else part._take("time", time)

    def _axis(self, name: str) -> int:
        if name not in self.axes:
            raise ShapeError(f"this array has the axes {', '.join(self.axes)}, but no '{name}'.")
        return self.axes.index(name)

    def _take(self, name: str, place: int | slice) -> Named:
        axis = self._axis(name)
        count = self.values.shape[axis]
        if isinstance(place, int) and not -count <= place < count:
            raise ShapeError(f"the axis '{name}' has {count} places, so there is no {place}.")
        index = tuple(place if n == axis else slice(None) for n in range(len(self.axes)))
        axes, labels = list(self.axes), list(self.labels)
        if isinstance(place, int):
            del axes[axis], labels[axis]
        else:
            labels[axis] = labels[axis][place]
        return Named(self.values[index], tuple(axes), tuple(labels))


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that a network did on one sequence of T tokens or vectors."""

    labels: Sequence[Any]
    """What was read at each step: T of them."""
    sizes: tuple[int, ...]
    """Units of each layer, bottom first; their sum is U."""
    cell: Cell
    units: Mapping[str, Array]
    """[T, U] for each gate that the cell has ("i", "f", "g", "o"; "r", "z", "n" in a GRU), the cell
    state "c" (not in a GRU) and the hidden state "h". Layers side by side, bottom first."""
    logits: Array
    """[T, V]: what is expected after each step."""
    surprise: Array
    """[T] nats: -log p of what was read, given all before it; nan where nothing predicted it."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, name: str) -> Named:
        """Return an array by its name, with named axes: trace["c"].at(layer=1, unit=7)."""
        if name == "surprise":
            return Named(self.surprise, ("time",), (self.labels,))
        if name == "logits":
            tokens = range(self.logits.shape[1])
            return Named(self.logits, ("time", "token"), (self.labels, tokens))
        if name not in self.units:
            known = ", ".join([*self.units, "logits", "surprise"])
            raise ConfigError(f"a trace of this network has {known}, but no '{name}'.")
        return Named(self.units[name], ("time", "unit"), (self.labels, self.unit_labels))

    @property
    def unit_labels(self) -> list[Unit]:
        """The units in the order of the arrays' last axis."""
        return [Unit(k, n) for k, size in enumerate(self.sizes) for n in range(size)]

    @property
    def memory(self) -> Array:
        """[T, U] what the units remember: the cell state, or the hidden state of a GRU."""
        return self.units["h" if self.cell.gru else "c"]

    @property
    def kept(self) -> Array:
        """[T, U] the share of the memory that each step kept: the forget gate.

        It is 1 - i where the gates are coupled, z in a GRU, and 1 without a forget gate.
        """
        if self.cell.gru:
            return self.units["z"]
        if self.cell.coupled:
            return np.asarray(1.0 - self.units["i"])
        return self.units["f"] if "f" in self.units else np.ones_like(self.units["c"])

    def state_after(self, steps: Array | Sequence[int]) -> dict[str, Array]:
        """Return the states after some steps, side by side: [B, .] as `state_shapes` names them."""
        found: dict[str, Array] = {}
        first = 0
        for k, size in enumerate(self.sizes):
            part = slice(first, first + size)
            for name in self.cell.states:
                if name == "gates":
                    gates = [self.units[gate][steps, part] for gate in self.cell.sigmoid_gates]
                    found[f"gates_l{k}"] = np.concatenate(gates, axis=-1)
                else:
                    found[f"{name}_l{k}"] = self.units[name][steps, part]
            first += size
        return found

    def part(self, steps: slice) -> Trace:
        """Return the trace of some of the steps."""
        return replace(
            self,
            labels=self.labels[steps],
            units={name: array[steps] for name, array in self.units.items()},
            logits=self.logits[steps],
            surprise=self.surprise[steps],
        )


def trace(
    network: Network,
    inputs: Array,
    *,
    start: int | None = None,
    labels: Sequence[Any] | None = None,
    chunk: int = CHUNK,
) -> Trace:
    """Read one sequence from the state zero and keep everything.

    Args:
        network: on any engine.
        inputs: [T] tokens, or [T, F] vectors.
        start: a token that is read first, to predict the first of `inputs`; it gets no row.
        labels: what to call each step; the tokens themselves where nothing is said.
        chunk: steps at once; only memory depends on it.
    Raises:
        ShapeError: the inputs do not suit the network, or there are none.
    """
    spec = network.spec
    vectors = isinstance(spec.input, Vector)
    inputs = np.asarray(inputs)
    if inputs.ndim != (2 if vectors else 1) or not len(inputs):
        wanted = "[time, features] vectors" if vectors else "[time] tokens"
        raise ShapeError(f"a trace reads {wanted}, at least one, but was given {inputs.shape}.")
    read = inputs if vectors else inputs.astype(np.int64)
    opened = 0
    if start is not None and not vectors:
        read, opened = np.concatenate([[start], read]), 1
    state = network.zero_state(1)
    pieces: list[dict[str, Array]] = []
    for first in range(0, len(read), chunk):
        found = network.trace(read[first : first + chunk, None], state)
        pieces.append({name: array[:, 0] for name, array in found.items()})
        if first + chunk < len(read):
            state = network.import_state(_last_state(spec, found))
    whole = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    logits = whole.pop("logits")
    surprise = np.full(len(read), np.nan)
    if not vectors:
        before = log_softmax(logits[:-1])
        surprise[1:] = -np.take_along_axis(before, read[1:, None], axis=1)[:, 0]
    # In one order, whoever computed it: gates, cell state, hidden state.
    cell = spec.stack.cell
    names = [*cell.gates, *(() if cell.gru else ("c",)), "h"]
    layers = range(len(spec.stack.sizes))
    return Trace(
        labels=list(inputs.tolist() if labels is None else labels),
        sizes=spec.stack.sizes,
        cell=spec.stack.cell,
        units={
            name: np.concatenate([whole[f"{name}_l{k}"][opened:] for k in layers], axis=1)
            for name in names
        },
        logits=logits[opened:],
        surprise=surprise[opened:],
    )


def _last_state(spec: Spec, found: Mapping[str, Array]) -> dict[str, Array]:
    """Return the state after a traced window, from what was traced."""
    state: dict[str, Array] = {}
    for k in range(len(spec.stack.sizes)):
        for name in spec.stack.cell.states:
            if name == "gates":
                gates = [found[f"{g}_l{k}"][-1] for g in spec.stack.cell.sigmoid_gates]
                state[f"gates_l{k}"] = np.concatenate(gates, axis=-1)
            else:
                state[f"{name}_l{k}"] = found[f"{name}_l{k}"][-1]
    return state
