"""The contract of `engines.base.Network`, kept by the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurra.core.errors import ShapeError
from recurra.core.parameters import Params, check_parameters
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Spec, ValueHead, Vector
from recurra.engines.base import (
    Array,
    Batch,
    Drawn,
    Gradients,
    OptimiserOptions,
    Report,
    check_inputs,
    state_shapes,
)
from recurra.engines.heads import check_values, window_loss
from recurra.engines.native.layout import (
    Layout,
    NativeState,
    accept,
    address,
    aligned,
    describe,
    float32_only,
    state_views,
)
from recurra.engines.native.threads import pool
from recurra.engines.reference.network import Ready
from recurra.engines.reference.optimisers import check_moments, moment_names
from recurra.kernel.library import ABI, Job, Kernel

FORWARD, EVALUATE, BACKWARD, GRADIENTS, TRAIN, GENERATE = range(6)
RULES = ("sgd", "adagrad", "rmsprop", "adam", "adamw")
FIRST = ("momentum", "mean")

CHUNK_POSITIONS = 1024
"""Longer windows are run in pieces when nothing is learned from them: memory stays small."""
SPLIT_BATCH = 32
"""From as many sequences on, learning in float32 takes the kernel's products of three parts where
it has them. With fewer, the way of weights half as large again from the caches takes the gain."""


class NativeNetwork:
    """A network of any `Spec`, in C. `jobs` counts what the kernel was asked to do."""

    def __init__(
        self,
        spec: Spec,
        params: Params,
        optimiser: OptimiserOptions,
        kernel: Kernel,
        *,
        threads: int,
        learns_in: str = "float32",
        runs_in: str = "float32",
        scores_in: str = "float32",
        draws_in: str = "float32",
    ) -> None:
        check_parameters(spec, {name: array.shape for name, array in params.items()})
        self.spec = spec
        self.dtype = np.dtype(np.float32)
        self.jobs = 0
        self._kernel = kernel
        self._options = optimiser
        self._threads = threads
        # Of the factors of products. Each precision has packed weights of its own.
        self.precisions = {
            TRAIN: learns_in, FORWARD: runs_in, EVALUATE: scores_in, GENERATE: draws_in
        }  # fmt: skip
        self._splits = kernel.splits and not float32_only(spec)
        self._descriptions: dict[str, Array] = {}
        self._packed: dict[str, Array] = {}
        self._current: set[str] = set()
        self._layout = Layout.of(kernel, spec, describe(spec))
        self._flat = aligned(self._layout.size)
        self._moments = {n: aligned(self._layout.size) for n in moment_names(optimiser)}
        self._step = 0
        self._grads = self._gathered = aligned(0)
        self._workspace = aligned(0)
        self.load_weights(params)

    # Weights and state

    def weights(self) -> Params:
        self._rest()
        return self._layout.copies(self._flat)

    def load_weights(self, params: Params) -> None:
        """Replace the weights and start the optimiser afresh."""
        check_parameters(self.spec, {name: array.shape for name, array in params.items()})
        for name, view in self._layout.views(self._flat).items():
            view[...] = params[name]
        for flat in self._moments.values():
            flat[...] = 0
        self._step = 0
        self._current.clear()

    def optimiser_state(self) -> Params:
        self._rest()
        state: Params = {"step": np.array([self._step], np.float64)}
        for moment, flat in self._moments.items():
            state.update({f"{moment}/{n}": a for n, a in self._layout.copies(flat).items()})
        return state

    def load_optimiser_state(self, moments: Params) -> None:
        shapes = {name: place[-1] for name, place in self._layout.places.items()}
        wanted = {f"{m}/{name}": shape for m in self._moments for name, shape in shapes.items()}
        check_moments(moments, wanted)
        self._step = int(moments["step"][0])
        for moment, flat in self._moments.items():
            for name, view in self._layout.views(flat).items():
                view[...] = moments[f"{moment}/{name}"]

    def zero_state(self, batch: int) -> NativeState:
        return NativeState(batch, np.zeros(self._state_size(batch), np.float32))

    def export_state(self, state: NativeState) -> dict[str, Array]:
        return {name: view.copy() for name, view in state_views(self.spec, state).items()}

    def import_state(self, arrays: Mapping[str, Array]) -> NativeState:
        batch = len(arrays["h_l0"])
        state = self.zero_state(batch)
        for name, view in state_views(self.spec, state).items():
            view[...] = arrays[name]
        return state

    def _state_size(self, batch: int) -> int:
        return sum(rows * columns for rows, columns in state_shapes(self.spec, batch).values())

    # Forward and backward

    def forward(
        self, inputs: Array, state: NativeState, resets: Array | None = None
    ) -> tuple[Array, NativeState]:
        check_inputs(self.spec, inputs, state.batch)
        time, batch = inputs.shape[:2]
        outputs = np.empty((time, batch, self.spec.head.outputs), np.float32)
        for piece in self._pieces(time, batch):
            arrays = self._window(inputs[piece], None if resets is None else resets[piece])
            state = self._run(FORWARD, state, arrays, outputs=outputs[piece])
        return outputs, state

    def advance(
        self, inputs: Array, state: NativeState, resets: Array | None = None
    ) -> NativeState:
        check_inputs(self.spec, inputs, state.batch)
        for piece in self._pieces(*inputs.shape[:2]):
            arrays = self._window(inputs[piece], None if resets is None else resets[piece])
            state = self._run(FORWARD, state, arrays)
        return state

    def trace(
        self, inputs: Array, state: NativeState, resets: Array | None = None
    ) -> dict[str, Array]:
        check_inputs(self.spec, inputs, state.batch)
        cell, (time, batch) = self.spec.stack.cell, inputs.shape[:2]
        names = cell.gates if cell.gru else (*cell.gates, "c")
        rows = {
            f"{name}_l{k}": units
            for k, units in enumerate(self.spec.stack.sizes)
            for name in (*names, "h")
        }
        found = {n: np.empty((time, batch, units), np.float32) for n, units in rows.items()}
        found["logits"] = np.empty((time, batch, self.spec.head.outputs), np.float32)
        for piece in self._pieces(time, batch):
            arrays = self._window(inputs[piece], None if resets is None else resets[piece])
            length = len(inputs[piece])
            flat = np.empty(length * batch * sum(rows.values()), np.float32)
            state = self._run(FORWARD, state, arrays, outputs=found["logits"][piece], trace=flat)
            cursor = 0
            for name, units in rows.items():
                size = length * batch * units
                found[name][piece] = flat[cursor : cursor + size].reshape(length, batch, units)
                cursor += size
        return found

    def backward(
        self,
        inputs: Array,
        state: NativeState,
        doutputs: Array,
        resets: Array | None = None,
    ) -> Gradients:
        check_inputs(self.spec, inputs, state.batch)
        wanted = (*inputs.shape[:2], self.spec.head.outputs)
        if doutputs.shape != wanted:
            raise ShapeError(
                f"doutputs are {list(doutputs.shape)}, the outputs are {list(wanted)}."
            )
        arrays = self._window(inputs, resets)
        return self._gradients(BACKWARD, state, arrays, doutputs=_place(doutputs, np.float32))

    def gradients(self, batch: Batch, state: NativeState) -> tuple[Report, Gradients]:
        self._check(batch, state)
        if isinstance(self.spec.head, ValueHead):
            return self._value_gradients(self.spec.head, batch, state)
        report = np.zeros(5)
        gradients = self._gradients(GRADIENTS, state, self._batch(batch), report=report)
        return _report(report, learned=False), gradients

    def _value_gradients(
        self, head: ValueHead, batch: Batch, state: NativeState
    ) -> tuple[Report, Gradients]:
        outputs, _ = self.forward(batch.inputs, state, batch.resets)
        loss = window_loss(head, outputs, batch, learn=True)
        gradients = self._gradients(
            BACKWARD, state, self._window(batch.inputs, batch.resets), doutputs=loss.doutputs
        )
        return loss.report, gradients

    def _gradients(
        self, mode: int, state: NativeState, arrays: dict[str, Array | None], **more: Array | None
    ) -> Gradients:
        inputs = arrays["tokens"] if arrays["vectors"] is None else arrays["vectors"]
        shape = inputs.shape[:2] if inputs is not None else (0, 0)
        grads = aligned(self._layout.size)
        dinputs = np.zeros((*shape, self.spec.input.features), np.float32)
        dstate = self.zero_state(state.batch)
        self._run(
            mode, state, arrays, None, grads=grads, dinputs=dinputs, dstate=dstate.flat, **more
        )
        return Gradients(self._layout.copies(grads), dinputs, self.export_state(dstate))

    def evaluate(self, batch: Batch, state: NativeState) -> tuple[Report, Array, NativeState]:
        self._check(batch, state)
        if isinstance(self.spec.head, ValueHead):
            outputs, after = self.forward(batch.inputs, state, batch.resets)
            loss = window_loss(self.spec.head, outputs, batch, learn=False)
            return loss.report, loss.log_probs, after
        arrays = self._batch(batch)
        log_probs = np.zeros(batch.targets.shape)
        sums = np.zeros(4)
        for piece in self._pieces(*batch.targets.shape):
            part = {name: None if a is None else a[piece] for name, a in arrays.items()}
            report = np.zeros(5)
            state = self._run(EVALUATE, state, part, log_probs=log_probs[piece], report=report)
            sums += report[:4] * [report[3], report[3], report[3], 1.0]
        sums[:3] /= max(sums[3], 1e-30)
        return _report(sums, learned=False), log_probs, state

    # Learning

    def train_step(
        self,
        batch: Batch,
        state: NativeState,
        *,
        learning_rate: float,
        step: int,
        seed: int,
        part: int = 0,
        parts: int = 1,
    ) -> tuple[Ready, NativeState]:
        self._check(batch, state)
        if not len(self._grads):
            self._grads = aligned(self._layout.size)
        if parts > 1 and not len(self._gathered):
            self._gathered = aligned(self._layout.size)
        o, report = self._options, np.zeros(5)
        first = next((m for name, m in self._moments.items() if name in FIRST), None)
        last = part == parts - 1
        options = {
            "dropout": self.spec.stack.dropout,
            "recurrent_dropout": self.spec.stack.recurrent_dropout,
            "seed": _signed(seed),
            "index": step * parts + part,
            "part": part,
            "parts": parts,
            "rule": RULES.index(o.optimiser),
            "rate": learning_rate,
            "momentum": o.momentum,
            "beta1": o.beta1,
            "beta2": o.beta2,
            "rho": o.rho,
            "epsilon": o.epsilon,
            "decay": o.weight_decay,
            "clip_norm": o.clip_norm,
            "clip_value": o.clip_value,
            "step": self._step + 1,
        }
        more = {
            "report": report,
            "grads": self._grads,
            "gathered": self._gathered if parts > 1 else None,
            "first": first,
            "second": self._moments.get("square"),
        }
        if isinstance(self.spec.head, ValueHead):
            after = self._learn_values(self.spec.head, batch, state, options, more)
        else:
            after = self._run(TRAIN, state, self._batch(batch), options, **more)
        if last:
            self._step += 1
            self._current.clear()
        return Ready(_report(report, learned=last)), after

    def _learn_values(
        self,
        head: ValueHead,
        batch: Batch,
        state: NativeState,
        options: Mapping[str, Any],
        more: dict[str, Array | None],
    ) -> NativeState:
        """Run forward in the kernel, compute the loss here, and let the kernel go on from there."""
        arrays = self._window(batch.inputs, batch.resets)
        outputs = np.empty((*batch.inputs.shape[:2], head.outputs), np.float32)
        after = self._run(TRAIN, state, arrays, options, outputs=outputs, **more)
        loss = window_loss(head, outputs, batch, learn=True)
        self._run(TRAIN, state, arrays, options, doutputs=loss.doutputs, **more)
        report = loss.report
        numbers = report.loss_nats, report.accuracy, report.mean_posterior, report.positions
        if more["report"] is not None:
            more["report"][:4] = numbers
        return after

    # Generation

    def generate(
        self,
        tokens: Array,
        state: NativeState,
        count: int,
        sampling: SamplingOptions,
        *,
        seed: int,
        start: int = 0,
        lanes: Array | None = None,
    ) -> Drawn:
        tokens = _place(tokens, np.int64)
        check_inputs(self.spec, tokens[None], state.batch)
        width = len(tokens)
        lanes = np.arange(width) if lanes is None else lanes
        drawn = np.empty((count, width), np.int64)
        log_probs = np.empty((count, width))
        options = {
            "count": count,
            "start": start,
            "seed": _signed(seed),
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "resample": int(sampling.resample),
            "greedy": int(sampling.greedy),
        }
        after = self._run(
            GENERATE,
            state,
            {"tokens": tokens},
            options,
            lanes=_place(lanes, np.int64),
            drawn=drawn,
            log_probs=log_probs,
        )
        return Drawn(drawn, log_probs, after)

    # Parts

    def _rest(self) -> None:
        """Give the workspace back until the next job.

        Whoever asks for the weights is about to write a file, in memory as large again; with both,
        a training of two layers of 256 would hold a third more. A new workspace costs 10 ms.
        """
        self._workspace = aligned(0)

    def _run(
        self,
        mode: int,
        state: NativeState,
        arrays: Mapping[str, Array | None],
        options: Mapping[str, Any] | None = None,
        **more: Array | None,
    ) -> NativeState:
        """Do one job and return the state after it. Raises before anything has changed."""
        precision = self.form(mode, state.batch)
        description = self._describe(precision)
        given = {**arrays, **more}
        inputs = arrays["tokens"] if arrays.get("vectors") is None else arrays["vectors"]
        after = np.empty_like(state.flat)
        job = Job(
            abi=ABI,
            mode=mode,
            time=1 if mode == GENERATE or inputs is None else len(inputs),
            batch=state.batch,
            # One text may be shared among threads, too; the kernel says.
            threads=self._threads if mode == GENERATE else min(self._threads, state.batch),
            description_length=len(description),
            description=address(description),
            params=address(self._flat),
            state_in=address(state.flat),
            state_out=address(after),
            **{name: address(array) for name, array in given.items()},
            **(options or {}),
        )
        learns = BACKWARD <= mode <= TRAIN
        job.pack = int(learns or precision not in self._current)
        job.packed = address(self._packed[precision])
        size = accept(self._kernel.functions.recurra_workspace_size(job))
        if size > len(self._workspace):
            self._workspace = aligned(size, np.uint8)
        job.workspace, job.workspace_bytes = address(self._workspace), size
        if job.threads > 1:
            threads = pool(self._kernel, self._threads)
            with threads.lock:
                job.pool = address(threads.memory)
                accept(self._kernel.functions.recurra_run(job))
        else:
            accept(self._kernel.functions.recurra_run(job))
        self.jobs += 1
        self._current.add(precision)
        return NativeState(state.batch, after)

    def form(self, mode: int, batch: int) -> str:
        """Return in which form the kernel's products take their factors.

        A function of the batch and not of the threads, which may not show in results; and of what
        is learned only, for a text may not depend on how many are written at once.
        """
        precision = self.precisions.get(mode, "float32")
        learns = BACKWARD <= mode <= TRAIN
        if learns and precision == "float32" and self._splits and batch >= SPLIT_BATCH:
            return "split"
        return precision

    def _describe(self, precision: str) -> Array:
        """Return the description of a precision; room for its packed weights is made with it."""
        if precision not in self._descriptions:
            description = describe(self.spec, precision)
            size = self._kernel.functions.recurra_packed_size(
                address(description), len(description)
            )
            self._packed[precision] = aligned(accept(size))
            self._descriptions[precision] = description
        return self._descriptions[precision]

    def _window(self, inputs: Array, resets: Array | None) -> dict[str, Array | None]:
        vectors = isinstance(self.spec.input, Vector)
        return {
            "tokens": None if vectors else _place(inputs, np.int64),
            "vectors": _place(inputs, np.float32) if vectors else None,
            "resets": None if resets is None else _place(resets, np.bool_),
        }

    def _batch(self, batch: Batch) -> dict[str, Array | None]:
        weights = None if batch.weights is None else _place(batch.weights, np.float32)
        targets = _place(batch.targets, np.int64)
        return {**self._window(batch.inputs, batch.resets), "targets": targets, "weights": weights}

    def _pieces(self, time: int, batch: int) -> list[slice]:
        length = max(1, CHUNK_POSITIONS // max(batch, 1))
        return [slice(t, min(t + length, time)) for t in range(0, time, length)]

    def _check(self, batch: Batch, state: NativeState) -> None:
        check_inputs(self.spec, batch.inputs, state.batch)
        if isinstance(self.spec.head, ValueHead):
            check_values(self.spec.head, batch)
            return
        window = batch.inputs.shape[:2]
        for name in ("targets", "weights", "resets"):
            array = getattr(batch, name)
            if array is not None and array.shape != window:
                raise ShapeError(f"{name} are {list(array.shape)}, the inputs {list(window)}.")


def _place(array: Array, dtype: type) -> Array:
    """Return the array as the kernel reads it: contiguous, of this type."""
    return np.ascontiguousarray(array, dtype)


def _signed(seed: int) -> int:
    """Return the signed number with the same lower 64 bits."""
    seed &= 2**64 - 1
    return seed - 2**64 if seed >= 2**63 else seed


def _report(numbers: Array, *, learned: bool) -> Report:
    loss, accuracy, posterior, positions = (float(n) for n in numbers[:4])
    return Report(
        loss, accuracy, posterior, positions, float(numbers[4]) if learned else float("nan")
    )
