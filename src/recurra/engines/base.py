"""The contract between whoever trains or generates and whoever computes.

An `Engine` says what it supports and builds a `Network`: weights in place, ready to run. Networks
of different engines with the same weights and inputs agree within the bounds of
`tests/parity/bounds.py`. A network never modifies an array it was given, checks shapes before it
computes, and changes nothing when it raises.

Shapes are time-major. `inputs` is [T, B] integers for token inputs, [T, B, F] floats for vectors.
A `State` is whatever the engine carries between windows; `export_state` turns it into NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from recurra.core.errors import ShapeError
from recurra.core.options import Options, knob
from recurra.core.parameters import Params
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Spec, Vector

State = Any
Array = NDArray[Any]


class OptimiserOptions(Options):
    """How gradients become weight updates. The learning rate comes with every step."""

    optimiser: Literal["sgd", "adagrad", "rmsprop", "adam", "adamw"] = knob(
        "adamw", "update rule", advanced=True
    )
    momentum: float = knob(0.0, "momentum of SGD", low=0, below=1, advanced=True)
    beta1: float = knob(0.9, "Adam: decay of the mean gradient", low=0, below=1, advanced=True)
    beta2: float = knob(0.99, "Adam: decay of the squared one", low=0, below=1, advanced=True)
    rho: float = knob(0.95, "RMSProp: decay of the squared gradient", low=0, below=1, advanced=True)
    epsilon: float = knob(1e-8, "added to the denominator", low=0, high=1, advanced=True)
    weight_decay: float = knob(0.0, "decay of the weights a step", low=0, high=1, advanced=True)
    clip_norm: float = knob(
        1.0, "largest norm of the whole gradient; 0 does not clip", low=0, advanced=True
    )
    clip_value: float = knob(
        0.0, "largest size of one gradient entry; 0 does not clip", low=0, advanced=True
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """One window of sequences, side by side."""

    inputs: Array
    """[T, B] int64 tokens, or [T, B, F] float32 vectors."""
    targets: Array
    """[T, B] int64: what should follow each position. For a head of values [T, B, N] float32, as
    `core.spec.ValueHead` says."""
    weights: Array | None = None
    """[T, B] float32: how much a position counts in the mean loss (0 leaves it out); None: 1. For a
    head of values [T, B, values]: each value on its own."""
    resets: Array | None = None
    """[T, B] bool: the state is zero before this position is read; None: never."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one window cost. Every number is a weighted mean over the window's positions.

    For a head of values a position is one value, and accuracy and posterior are NaN.
    """

    loss_nats: float
    accuracy: float
    mean_posterior: float
    """Mean probability given to the targets."""
    positions: float
    """Sum of the weights: how many positions the means are over."""
    gradient_norm: float = float("nan")
    """Norm of the whole gradient before clipping; NaN when nothing was learned."""


class Pending(Protocol):
    """A report that may still be on its way from a device. `read` waits for it."""

    def read(self) -> Report: ...


@dataclass(frozen=True, slots=True)
class Gradients:
    """Derivatives of a scalar with respect to everything that it depends on."""

    params: Params
    inputs: Array | None
    """[T, B, F] with respect to the input vectors, or to the embedded (or one-hot) tokens."""
    state: dict[str, Array]
    """With respect to the state before the window, under the names of `state_shapes`."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Tokens that `generate` drew."""

    tokens: Array
    """[N, B] int64."""
    log_probs: Array
    """[N, B] float64: log-probability of each under the model itself, before any sampling rule."""
    state: State
    """State after the last token but one was read: the last drawn token is read next."""


class Network(Protocol):
    """Weights of one spec, on one engine."""

    spec: Spec

    def weights(self) -> Params:
        """Return a copy of the weights as NumPy arrays in the network's own precision."""
        ...

    def load_weights(self, params: Params) -> None:
        """Replace the weights; raises `FormatError` where names or shapes differ."""
        ...

    def optimiser_state(self) -> Params:
        """Return the optimiser's moments and its step count, flat, under names of their own."""
        ...

    def load_optimiser_state(self, moments: Params) -> None: ...

    def zero_state(self, batch: int) -> State: ...

    def export_state(self, state: State) -> dict[str, Array]:
        """Return the state as arrays named and shaped as `state_shapes` says."""
        ...

    def import_state(self, arrays: Mapping[str, Array]) -> State: ...

    def forward(
        self, inputs: Array, state: State, resets: Array | None = None
    ) -> tuple[Array, State]:
        """Return outputs [T, B, V] (logits for a softmax) and the state after the window."""
        ...

    def advance(self, inputs: Array, state: State, resets: Array | None = None) -> State:
        """Read a window and return the state after it; the head computes nothing."""
        ...

    def backward(
        self, inputs: Array, state: State, doutputs: Array, resets: Array | None = None
    ) -> Gradients:
        """Return the derivatives of sum(outputs * doutputs), nothing else changed."""
        ...

    def gradients(self, batch: Batch, state: State) -> tuple[Report, Gradients]:
        """Return the loss of a window and its derivatives, without dropout, nothing changed."""
        ...

    def evaluate(self, batch: Batch, state: State) -> tuple[Report, Array, State]:
        """Return the report, the log-probability of each target [T, B] in nats, the new state."""
        ...

    def train_step(
        self,
        batch: Batch,
        state: State,
        *,
        learning_rate: float,
        step: int,
        seed: int,
        part: int = 0,
        parts: int = 1,
    ) -> tuple[Pending, State]:
        """Learn from one window and return its report and the state after it.

        Dropout masks are a function of (seed, step, part). With `parts` > 1 the gradients of parts
        0 .. parts-1 are averaged and the weights move with the last one. The state that comes back
        carries no gradient (truncated backpropagation through time).
        """
        ...

    def generate(
        self,
        tokens: Array,
        state: State,
        count: int,
        sampling: SamplingOptions,
        *,
        seed: int,
        start: int = 0,
        lanes: Array | None = None,
    ) -> Drawn:
        """Read `tokens` [B], draw the next, read that, and so on: `count` draws a sequence.

        Draw n of sequence b uses the block at counter (start + n, lanes[b]) of the SAMPLE stream,
        so a text does not depend on what is generated beside it, nor on how it is cut into calls.
        """
        ...

    def trace(self, inputs: Array, state: State, resets: Array | None = None) -> dict[str, Array]:
        """Return every gate and state by name.

        `{name}_l{k}` [T, B, H] for each gate of the cell, c (not in a GRU) and h; `logits`
        [T, B, V].
        """
        ...


class Engine(Protocol):
    """Builds networks."""

    name: str

    def available(self) -> str | None:
        """Return None when it can run on this machine, else one sentence that says why not."""
        ...

    def unsupported(self, spec: Spec) -> str | None:
        """Return None when it runs `spec`, else one sentence that says why not."""
        ...

    def describe(self) -> str:
        """Return where and how it computes, in a few words ("CPU, 2 threads, float32")."""
        ...

    def build(
        self, spec: Spec, params: Params, optimiser: OptimiserOptions | None = None
    ) -> Network: ...


def state_shapes(spec: Spec, batch: int) -> dict[str, tuple[int, ...]]:
    """Return the arrays that a stack carries from step to step, named `{state}_l{k}`."""
    shapes: dict[str, tuple[int, ...]] = {}
    for k, units in enumerate(spec.stack.sizes):
        for name in spec.stack.cell.states:
            blocks = len(spec.stack.cell.sigmoid_gates) if name == "gates" else 1
            shapes[f"{name}_l{k}"] = (batch, blocks * units)
    return shapes


def check_inputs(spec: Spec, inputs: Array, batch: int | None = None) -> None:
    """Raise `ShapeError` unless `inputs` suits the network's input and the state's batch."""
    wanted = 3 if isinstance(spec.input, Vector) else 2
    if inputs.ndim != wanted:
        axes = "[time, batch, features]" if wanted == 3 else "[time, batch]"
        raise ShapeError(f"inputs have {inputs.ndim} axes, but this network reads {axes}.")
    if isinstance(spec.input, Vector):
        if inputs.shape[2] != spec.input.size:
            raise ShapeError(
                f"inputs have {inputs.shape[2]} features, but this network reads {spec.input.size}."
            )
    elif inputs.size and not (
        int(inputs.min()) >= 0 and int(inputs.max()) < spec.input.vocabulary_size
    ):
        raise ShapeError(
            f"tokens run from {inputs.min()} to {inputs.max()}, but the vocabulary has "
            f"{spec.input.vocabulary_size}."
        )
    if batch is not None and inputs.shape[1] != batch:
        raise ShapeError(f"inputs hold {inputs.shape[1]} sequences, but the state holds {batch}.")
