"""The weights of a network: their names, shapes and first values, from its description alone.

Names are PyTorch's where PyTorch has them, so that a model file loads into `torch.nn.LSTM`:

    embedding.weight       [V, E]       Embedding input only
    weight_ih_l{k}         [G*H, F]     layer k reads its input; row blocks in `Cell.gates` order
    weight_hh_l{k}         [G*H, H]     layer k reads its own hidden state
    bias_ih_l{k}           [G*H]        the one bias
    bias_hh_l{k}           [3*H]        GRU only: its third block stands inside the reset product
    peephole_l{k}          [P, H]       rows in `Cell.sigmoid_gates` order
    weight_gg_l{k}         [P*H, P*H]   full gate recurrence
    norm_ih_l{k}, norm_hh_l{k}  [G*H]   gains of the two normalised sums
    norm_c_l{k}            [2, H]       gain and bias of the normalised cell state
    head.weight            [V, H]       absent when tied to embedding.weight
    head.bias              [V]
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray

from recurra.core import random
from recurra.core.errors import FormatError
from recurra.core.spec import Embedding, Spec

Params = dict[str, NDArray[np.floating]]


def parameter_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every weight, in the order of the module's table."""
    shapes: dict[str, tuple[int, ...]] = {}
    cell = spec.stack.cell
    if isinstance(spec.input, Embedding):
        shapes["embedding.weight"] = (spec.input.vocabulary_size, spec.input.size)
    for k, (width, units) in enumerate(zip(spec.layer_inputs(), spec.stack.sizes, strict=True)):
        rows = len(cell.gates) * units
        shapes[f"weight_ih_l{k}"] = (rows, width)
        shapes[f"weight_hh_l{k}"] = (rows, units)
        shapes[f"bias_ih_l{k}"] = (rows,)
        gates = len(cell.sigmoid_gates)
        if cell.gru:
            shapes[f"bias_hh_l{k}"] = (rows,)
        if cell.peephole and gates:
            shapes[f"peephole_l{k}"] = (gates, units)
        if cell.full_gate_recurrence and gates:
            shapes[f"weight_gg_l{k}"] = (gates * units, gates * units)
        if cell.layer_norm:
            shapes[f"norm_ih_l{k}"] = (rows,)
            shapes[f"norm_hh_l{k}"] = (rows,)
            shapes[f"norm_c_l{k}"] = (2, units)
    if not spec.head.tied:
        shapes["head.weight"] = (spec.head.outputs, spec.stack.sizes[-1])
    shapes["head.bias"] = (spec.head.outputs,)
    return shapes


def parameter_count(spec: Spec) -> int:
    """Return how many numbers the network learns."""
    return sum(math.prod(shape) for shape in parameter_shapes(spec).values())


def initialise(spec: Spec, seed: int, dtype: DTypeLike = np.float32) -> Params:
    """Draw the first weights; the same seed gives the same weights for every engine.

    Matrices, peepholes and biases of a layer of H units are uniform in +-1/sqrt(H), as in
    `torch.nn.LSTM`, but the bias of the forget gate is `Cell.forget_bias`; the embedding is normal
    with standard deviation 1 (0.1 when tied: it is then a head too); gains are 1.
    """
    params: Params = {}
    gates = spec.stack.cell.gates
    for lane, (name, shape) in enumerate(parameter_shapes(spec).items()):
        count = math.prod(shape)
        if name == "embedding.weight":
            scale = 0.1 if spec.head.tied else 1.0
            values = scale * random.normals(seed, random.INITIALISE, count, lane=lane)
        elif name.startswith("norm_c"):
            values = np.repeat([1.0, 0.0], shape[1])
        elif name.startswith("norm_"):
            values = np.ones(count)
        else:
            layer = spec.stack.sizes[_layer(name, spec)]
            bound = 1.0 / math.sqrt(layer)
            values = random.uniforms(seed, random.INITIALISE, count, lane=lane)
            values *= 2.0
            values -= 1.0
            values *= bound
            if name.startswith("bias_ih") and "f" in gates:
                block = gates.index("f") * layer
                values[block : block + layer] = spec.stack.cell.forget_bias
        params[name] = values.reshape(shape).astype(dtype)
    return params


def _layer(name: str, spec: Spec) -> int:
    """Return the layer that a weight belongs to; the head's count as the last one's."""
    return len(spec.stack.sizes) - 1 if name.startswith("head.") else int(name.rpartition("_l")[2])


def check_parameters(spec: Spec, shapes: dict[str, tuple[int, ...]]) -> None:
    """Raise `FormatError` unless the names and shapes are those that `spec` asks for."""
    wanted = parameter_shapes(spec)
    for name, shape in wanted.items():
        if name not in shapes:
            raise FormatError(f"the weights lack '{name}' {list(shape)}, which the network needs.")
        if tuple(shapes[name]) != shape:
            raise FormatError(
                f"the weight '{name}' is {list(shapes[name])}, but the network needs {list(shape)}."
            )
    for name in shapes:
        if name not in wanted:
            raise FormatError(f"the weights hold '{name}', which the network does not have.")
