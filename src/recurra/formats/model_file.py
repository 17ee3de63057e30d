"""The model file: one `.safetensors` with the weights and, in its header, what they mean.

The metadata key "recurra" holds one JSON document:

    format_version   1
    spec             the network (`core.spec.Spec`)
    task             what the task keeps of itself: kind, options, vocabulary
    provenance       data (name, sha256, licence), options, steps, scores, Recurra's version

Weights go by the names of `core.parameters`. A plain LSTM also gets a zero `bias_hh_l{k}` per
layer, so that its file loads into PyTorch in three lines:

    tensors = safetensors.torch.load_file("model.safetensors")
    lstm = torch.nn.LSTM(input_size, hidden_size, num_layers)
    lstm.load_state_dict({n: t for n, t in tensors.items() if "_l" in n})
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recurra.core.errors import ConfigError, FormatError
from recurra.core.parameters import Params, check_parameters
from recurra.core.spec import Spec
from recurra.formats.tensor_file import TensorFile, open_tensors, write_tensors
from recurra.formats.torch_layout import params_from_torch, params_to_torch

FORMAT_VERSION = 1
KEY = "recurra"


def save_model(path: str | Path, weights: Params, document: Mapping[str, Any]) -> None:
    """Write a model file, whole or not at all.

    Args:
        weights: float32 or float64, as `core.parameters.parameter_shapes(spec)` names them.
        document: JSON data with "spec", "task" and "provenance"; "format_version" is set here.
    Raises:
        FormatError: the weights are not the ones that the spec asks for.
        ResourceError: the disk is full or the folder cannot be written.
    """
    spec = Spec.parse(document["spec"])
    check_parameters(spec, {name: array.shape for name, array in weights.items()})
    cell = spec.stack.cell
    tensors = params_to_torch(weights) if cell.is_vanilla else dict(weights)
    write_tensors(path, tensors, KEY, {**document, "format_version": FORMAT_VERSION})


def load_model(path: str | Path) -> tuple[Params, dict[str, Any]]:
    """Return the weights and the document of a model file.

    Everything is checked before the first array is read: the header against the file's size, names,
    shapes and number formats against the spec.

    Raises: `FormatError` naming the file and what is wrong with it.
    """
    with open_tensors(path, KEY) as file:
        spec = _checked(file)
        tensors = {name: file.read(name) for name in file.shapes}
        document = file.document
    return params_from_torch(tensors, gru=spec.stack.cell.gru), document


def read_document(path: str | Path) -> dict[str, Any]:
    """Return the document of a model file without its weights; raises as `load_model`."""
    with open_tensors(path, KEY) as file:
        _checked(file)
        return file.document


def _checked(file: TensorFile) -> Spec:
    """Return the file's spec after comparing all that the header claims with it."""
    document = file.document
    version = document.get("format_version")
    if type(version) is not int or version < 1:
        raise FormatError(f"{file.path}: 'format_version' is {version!r}, but has to be a number.")
    if version > FORMAT_VERSION:
        raise FormatError(
            f"{file.path} has format version {version}, but this Recurra reads up to "
            f"{FORMAT_VERSION}; install a newer one."
        )
    for name in ("spec", "task", "provenance"):
        if not isinstance(document.get(name), dict):
            raise FormatError(f"{file.path}: the document lacks the object '{name}'.")
    try:
        spec = Spec.parse(document["spec"])
        shapes = dict(file.shapes)
        if not spec.stack.cell.gru:
            # PyTorch's second bias may stand beside the one of each layer; it is added in.
            for k in range(len(spec.stack.sizes)):
                if shapes.get(f"bias_hh_l{k}") == shapes.get(f"bias_ih_l{k}"):
                    shapes.pop(f"bias_hh_l{k}", None)
        check_parameters(spec, shapes)
    except (ConfigError, FormatError) as error:
        raise FormatError(f"{file.path}: {error}") from None
    formats = set(file.dtypes.values())
    if len(formats) > 1 or formats & {"I64"}:
        raise FormatError(
            f"{file.path}: the weights mix {', '.join(sorted(formats))}, but have to be all F32 or "
            "all F64."
        )
    return spec
