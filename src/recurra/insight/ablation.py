"""What a network loses without some of its units.

A unit is taken out by holding its memory at one value: its forget gate is wedged open and nothing
is added, so that the cell state stays where it started. Other units go on seeing that constant
through the output gate, but nothing that the unit has learned to remember. Because this is done in
the weights, any engine runs the network that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.core.parameters import Params
from recurra.core.spec import Spec, Vector
from recurra.engines.base import Batch, Network
from recurra.insight.trace import Unit

Array = NDArray[Any]

WEDGE = 60.0
"""A gate's sum that leaves it open: sigmoid(60) is 1 and sigmoid(-60) is 1e-26 in any precision."""
CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Loss:
    """Mean nats a token, inside and outside of some context. nan where there are no such tokens."""

    whole: float
    inside: float
    outside: float


@dataclass(frozen=True, slots=True)
class Ablation:
    """The loss of a network with all of its units, and with some of them held still."""

    units: tuple[Unit, ...]
    values: tuple[float, ...]
    """Where their memories were held."""
    intact: Loss
    ablated: Loss
    inside: int
    """Tokens inside the context."""
    outside: int

    @property
    def cost_inside(self) -> float:
        """Nats a token that the units save inside their context."""
        return self.ablated.inside - self.intact.inside

    @property
    def cost_outside(self) -> float:
        """Nats a token that the units save outside of it."""
        return self.ablated.outside - self.intact.outside


def frozen(spec: Spec, params: Params, units: Sequence[Unit]) -> Params:
    """Return weights in which the memories of some units never change.

    Raises: `ConfigError` for layer norm and full gate recurrence, where a unit cannot be held
        without moving the others.
    """
    cell = spec.stack.cell
    if cell.layer_norm or cell.full_gate_recurrence:
        what = "layer norm" if cell.layer_norm else "full gate recurrence"
        raise ConfigError(f"a unit cannot be taken out of a network with {what}.")
    made = {name: np.array(array) for name, array in params.items()}
    # Nothing new comes in (g = 0, or i = 0) and everything is kept (f = 1, z = 1).
    wedges = {"z": WEDGE} if cell.gru else {"i": -WEDGE, "f": WEDGE, "g": 0.0}
    if cell.no_forget_gate or cell.coupled:
        wedges.pop("f")
    for k, n in units:
        size = spec.stack.sizes[k]
        for gate, bias in wedges.items():
            if gate not in cell.gates:
                continue
            row = cell.gates.index(gate) * size + n
            for name in (f"weight_ih_l{k}", f"weight_hh_l{k}"):
                made[name][row] = 0.0
            made[f"bias_ih_l{k}"][row] = bias
            if cell.gru:
                made[f"bias_hh_l{k}"][row] = 0.0
            if f"peephole_l{k}" in made and gate in cell.sigmoid_gates:
                made[f"peephole_l{k}"][cell.sigmoid_gates.index(gate), n] = 0.0
    return made


def losses(
    network: Network, inputs: Array, targets: Array, state: Mapping[str, Array] | None = None
) -> Array:
    """Return the nats [T] that each of `targets` costs, read as one stream.

    Args:
        inputs: [T] tokens or [T, F] vectors. targets: [T] what should follow each.
        state: before the first, [1, H] arrays; zero where nothing is said.
    """
    now = network.zero_state(1) if state is None else network.import_state(state)
    rows = []
    for first in range(0, len(inputs), CHUNK):
        batch = Batch(inputs[first : first + CHUNK, None], targets[first : first + CHUNK, None])
        _, log_probs, now = network.evaluate(batch, now)
        rows.append(-np.asarray(log_probs, np.float64)[:, 0])
    return np.concatenate(rows)


def ablate(
    build: Callable[[Params], Network],
    network: Network,
    units: Sequence[Unit],
    values: Sequence[float],
    inputs: Array,
    targets: Array,
    inside: Array,
) -> Ablation:
    """Measure what some units are worth inside and outside of a context.

    Args:
        build: makes a network of the same spec from weights.
        network: the whole one.
        units: those to hold still. values: where to hold each: its mean cell state, or zero.
        inputs: [T] tokens (or [T, F] vectors). targets: [T] what should follow each.
        inside: [T] bool: whether the context holds once each input has been read.
    """
    spec = network.spec
    inputs = np.asarray(inputs)
    if not isinstance(spec.input, Vector):
        inputs = inputs.astype(np.int64)
    targets = np.asarray(targets, np.int64)
    without = build(frozen(spec, network.weights(), units))
    state = without.export_state(without.zero_state(1))
    memory = "h" if spec.stack.cell.gru else "c"
    for (k, n), value in zip(units, values, strict=True):
        state[f"{memory}_l{k}"][0, n] = value
    before, after = losses(network, inputs, targets), losses(without, inputs, targets, state)
    held = np.asarray(inside, bool)
    return Ablation(
        tuple(Unit(*unit) for unit in units),
        tuple(float(value) for value in values),
        _split(before, held),
        _split(after, held),
        int(held.sum()),
        int((~held).sum()),
    )


def _split(nats: Array, inside: Array) -> Loss:
    means = [
        float(part.mean()) if len(part) else float("nan")
        for part in (nats, nats[inside], nats[~inside])
    ]
    return Loss(*means)
