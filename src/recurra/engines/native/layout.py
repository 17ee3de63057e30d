"""A network as the kernel sees it: its description, and names for parts of flat arrays."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, ResourceError, ShapeError
from recurra.core.parameters import Params, parameter_shapes
from recurra.core.spec import Embedding, OneHot, Spec, Vector
from recurra.engines.base import state_shapes
from recurra.kernel.library import ABI, Kernel

Array = NDArray[Any]

_FLAGS = (
    "coupled",
    "peephole",
    "no_input_gate",
    "no_forget_gate",
    "no_output_gate",
    "no_input_activation",
    "no_output_activation",
    "full_gate_recurrence",
    "layer_norm",
    "gru",
)
_INPUTS = (OneHot, Embedding, Vector)

_REFUSALS: dict[int, Exception] = {
    -1: ResourceError("the kernel's library is of another version than this package."),
    -2: ConfigError("the kernel does not run this network."),
    -3: ShapeError("the window is empty or larger than the kernel's 2^26 positions."),
    -4: ResourceError("the kernel was given too little memory."),
    -5: ShapeError("a token or a target is outside the vocabulary."),
    -6: ConfigError("the kernel does not know this option."),
}


def accept(result: int) -> int:
    """Return a kernel function's result, or raise what its refusal means."""
    if result < 0:
        raise _REFUSALS[result]
    return result


def aligned(count: int, dtype: type = np.float32) -> Array:
    """Return zeros that start at a cache line, as vectors like it."""
    size = np.dtype(dtype).itemsize
    raw = np.zeros(count * size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count * size].view(dtype)


PRECISIONS = ("float32", "bfloat16", "int8", "split")
"""Of the factors of matrix products, in the order of recurra.h; "split" is float32, too."""


def float32_only(spec: Spec) -> bool:
    """Return whether the kernel multiplies in plain float32 only, because of what the cell is."""
    return spec.stack.cell.layer_norm or spec.stack.cell.full_gate_recurrence


def describe(spec: Spec, precision: str = "float32") -> NDArray[np.int64]:
    """Return the description of recurra.h."""
    cell = spec.stack.cell
    flags = sum(1 << bit for bit, name in enumerate(_FLAGS) if getattr(cell, name))
    tokens = 0 if isinstance(spec.input, Vector) else spec.input.vocabulary_size
    return np.array(
        [
            ABI,
            _INPUTS.index(type(spec.input)),
            tokens,
            spec.input.features,
            spec.head.outputs,
            spec.head.tied,
            flags,
            spec.stack.residual,
            PRECISIONS.index(precision),
            len(spec.stack.sizes),
            *spec.stack.sizes,
        ],
        np.int64,
    )


@dataclass(frozen=True)
class Layout:
    """Where each weight lies in a flat array, rows padded to multiples of 16 numbers."""

    size: int
    places: dict[str, tuple[int, int, int, int, tuple[int, ...]]]
    """By name: offset, rows, columns, floats from row to row, shape."""

    @classmethod
    def of(cls, kernel: Kernel, spec: Spec, description: NDArray[np.int64]) -> Layout:
        """Ask the kernel."""
        shapes = parameter_shapes(spec)
        table = np.zeros((len(shapes), 4), np.int64)
        size = accept(
            kernel.functions.recurra_parameters(
                address(description), len(description), address(table)
            )
        )
        rows = [tuple(int(n) for n in row) for row in table]
        return cls(
            size,
            {
                name: (row[0], row[1], row[2], row[3], shape)
                for (name, shape), row in zip(shapes.items(), rows, strict=True)
            },
        )

    def views(self, flat: Array) -> Params:
        """Return the weights in a flat array, by name, without a copy."""
        return {
            name: flat[offset : offset + rows * stride]
            .reshape(rows, stride)[:, :columns]
            .reshape(shape)
            if len(shape) == 1
            else flat[offset : offset + rows * stride].reshape(rows, stride)[:, :columns]
            for name, (offset, rows, columns, stride, shape) in self.places.items()
        }

    def copies(self, flat: Array) -> Params:
        """Return the weights in a flat array, by name, each on its own."""
        return {name: np.array(view) for name, view in self.views(flat).items()}


@dataclass(frozen=True, slots=True)
class NativeState:
    """What a stack carries between windows. Never changed: every call makes a new one."""

    batch: int
    flat: Array


def state_views(spec: Spec, state: NativeState) -> dict[str, Array]:
    """Return the parts of a state, by the names of `state_shapes`, without a copy."""
    views, cursor = {}, 0
    for name, shape in state_shapes(spec, state.batch).items():
        size = shape[0] * shape[1]
        views[name] = state.flat[cursor : cursor + size].reshape(shape)
        cursor += size
    return views


def address(array: Array | ctypes.Array[Any] | None) -> int:
    """Return where an array's numbers are; 0 for none."""
    if array is None:
        return 0
    return int(array.ctypes.data) if isinstance(array, np.ndarray) else ctypes.addressof(array)
