"""Arrays by name in one `.safetensors` file, with one JSON document in its header.

Nothing in such a file is executed. The header says how long it is and where each array lies;
`safetensors` compares every claim with the bytes that are there before anything is allocated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError
from recurra.formats import documents
from recurra.formats.atomic import atomic_write

Array = NDArray[Any]
Shape = tuple[int, ...]

_DTYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64}


@dataclass(frozen=True, slots=True)
class TensorFile:
    """An open file whose header has been checked; no array has been read."""

    path: Path
    document: dict[str, Any]
    shapes: dict[str, Shape]
    dtypes: dict[str, str]
    """safetensors' names: "F32", "F64" or "I64"."""
    read: Callable[[str], Array]
    """Return a copy of one array."""


@contextmanager
def open_tensors(path: str | Path, key: str) -> Iterator[TensorFile]:
    """Open a file and check its header; arrays are read one by one inside the `with` block.

    Args:
        key: name of the header's metadata entry that holds the document.
    Raises:
        FormatError: the file is missing, cut short, or not what it claims to be.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FormatError(f"{path} {what}; name a .safetensors file.")
    try:
        file: Any = safe_open(path, framework="np")
    except SafetensorError as error:
        raise FormatError(
            f"{path}: the header does not fit the file ({_reason(error)}); it was cut short or is "
            "not a .safetensors file."
        ) from None
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror or error}.") from None
    with file:
        metadata = file.metadata() or {}
        if key not in metadata:
            raise FormatError(
                f"{path}: the header's metadata has no '{key}'; this file is not Recurra's."
            )
        shapes: dict[str, Shape] = {}
        dtypes: dict[str, str] = {}
        for name in file.keys():  # noqa: SIM118 - not a mapping
            part = file.get_slice(name)
            shapes[name] = tuple(part.get_shape())
            dtypes[name] = str(part.get_dtype())
            if dtypes[name] not in _DTYPES:
                raise FormatError(
                    f"{path}: '{name}' holds {dtypes[name]} numbers, but only "
                    f"{', '.join(_DTYPES)} are read here."
                )
        document = documents.parse(metadata[key], f"{path}: '{key}'")
        yield TensorFile(path, document, shapes, dtypes, file.get_tensor)


def write_tensors(
    path: str | Path, tensors: Mapping[str, Array], key: str, document: Mapping[str, Any]
) -> None:
    """Write arrays and a document; the file appears whole or not at all.

    Raises: `ResourceError` when the disk is full or the folder cannot be written.
    Cost: as much memory again as the arrays take.
    """
    from safetensors.numpy import save

    text = documents.dump(document).decode()
    content = save({n: np.ascontiguousarray(a) for n, a in tensors.items()}, {key: text})
    with atomic_write(path, "wb") as file:
        file.write(content)


def _reason(error: Exception) -> str:
    return str(error).rstrip(".")[:160] or type(error).__name__
