"""Weights between this project's names and `torch.nn.LSTM`'s or `GRU`'s, in NumPy alone.

The names and the order of the gates agree; only the bias differs. PyTorch keeps two per layer,
`bias_ih` and `bias_hh`, which an LSTM merely adds up: we keep one. A GRU needs both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recurra.core.errors import FormatError
from recurra.core.parameters import Params

Array = NDArray[Any]


def params_from_torch(tensors: Mapping[str, ArrayLike], *, gru: bool = False) -> Params:
    """Return our weights from a `state_dict` of arrays: `bias_hh` is added into `bias_ih`.

    Args:
        tensors: arrays (or CPU tensors, which NumPy reads), none of them modified. Names other
            than `bias_hh_l{k}` pass through as they are.
        gru: keep both biases.
    Raises:
        FormatError: a `bias_hh_l{k}` has no `bias_ih_l{k}` of its shape beside it.
    """
    params: Params = {name: np.asarray(value).copy() for name, value in tensors.items()}
    if gru:
        return params
    for name in [name for name in params if name.startswith("bias_hh_l")]:
        inner = name.replace("bias_hh", "bias_ih")
        second = params.pop(name)
        if inner not in params or params[inner].shape != second.shape:
            raise FormatError(f"'{name}' has no '{inner}' of the same shape beside it.")
        # Adding zero would turn -0.0 into 0.0: a file then would not come back bit for bit.
        if second.any():
            params[inner] = params[inner] + second
    return params


def params_to_torch(params: Mapping[str, Array], *, gru: bool = False) -> dict[str, Array]:
    """Return the weights with a zero `bias_hh_l{k}` beside every `bias_ih_l{k}`; a GRU has its own.

    `{n: t for n, t in result.items() if "_l" in n}` is what `torch.nn.LSTM.load_state_dict` takes.
    """
    tensors: dict[str, Array] = dict(params)
    if not gru:
        for name in [name for name in tensors if name.startswith("bias_ih_l")]:
            tensors[name.replace("bias_ih", "bias_hh")] = np.zeros_like(tensors[name])
    return tensors
