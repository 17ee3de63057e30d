"""All that a training needs to go on as if it had never stopped, in one file.

`last.checkpoint.safetensors` holds the arrays `weights/NAME`, `optimiser/NAME` and `state/NAME`
(the carried state of the network), and the document `Progress` under the metadata key
"recurra-checkpoint".
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError
from recurra.core.parameters import Params
from recurra.formats.tensor_file import open_tensors, write_tensors
from recurra.learning.meters import Mean
from recurra.learning.schedule import Plateau

FORMAT_VERSION = 1
KEY = "recurra-checkpoint"
_GROUPS = ("weights", "optimiser", "state")


@dataclass(slots=True)
class Progress:
    """Where a training stands: every number of the loop that the next step depends on."""

    step: int = 0
    """Steps done."""
    elapsed_s: float = 0.0
    mean: Mean = field(default_factory=Mean)
    """Of the steps since the last point of the curve."""
    learning_rate: float = 0.0
    """Of the last step."""
    posterior: float = 0.0
    """Mean posterior of the last point of the curve; samples wait for it."""
    plateau: Plateau = field(default_factory=Plateau)
    validated_step: int = 0
    sampled_step: int = 0
    best_loss: float = math.inf
    best_step: int = 0
    since_best: int = 0
    """Validations since the best one."""
    first_loss: float = math.nan
    """Loss of the first step, against which an explosion is judged."""
    finished: str = ""
    """Why the loop ended; empty while it has not."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        return asdict(self)

    @classmethod
    def parse(cls, data: Any, where: str) -> Progress:
        """Build from JSON data; raise `FormatError` where it does not fit."""
        try:
            values = dict(data)
            values["mean"] = Mean(**values["mean"])
            plateau = dict(values["plateau"])
            plateau["best"] = math.inf if plateau["best"] is None else float(plateau["best"])
            values["plateau"] = Plateau(**plateau)
            for name, absent in (("best_loss", math.inf), ("first_loss", math.nan)):
                values[name] = absent if values[name] is None else float(values[name])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"{where}: the progress cannot be read ({error}).") from None


@dataclass(slots=True)
class Checkpoint:
    """A training at rest."""

    progress: Progress
    weights: Params
    optimiser: Params
    state: dict[str, NDArray[Any]]
    """Empty where no state is carried."""
    metrics_bytes: int = 0
    """Length of `metrics.jsonl` at that moment; what comes after it never happened."""
    samples_bytes: int = 0


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all. Raises `ResourceError` when the disk is full."""
    tensors = {
        f"{group}/{name}": np.asarray(array)
        for group in _GROUPS
        for name, array in getattr(checkpoint, group).items()
    }
    document = {
        "format_version": FORMAT_VERSION,
        "progress": checkpoint.progress.to_json(),
        "metrics_bytes": checkpoint.metrics_bytes,
        "samples_bytes": checkpoint.samples_bytes,
    }
    write_tensors(path, tensors, KEY, document)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises `FormatError` where the file is not one, or of a newer version."""
    with open_tensors(path, KEY) as file:
        document = file.document
        version = document.get("format_version")
        if version != FORMAT_VERSION:
            raise FormatError(
                f"{path} has format version {version!r}, but this Recurra reads {FORMAT_VERSION}."
            )
        groups: dict[str, dict[str, NDArray[Any]]] = {group: {} for group in _GROUPS}
        for name in file.shapes:
            group, _, rest = name.partition("/")
            if group not in groups:
                raise FormatError(f"{path} holds '{name}', which no checkpoint has.")
            groups[group][rest] = file.read(name)
    metrics_bytes, samples_bytes = document.get("metrics_bytes"), document.get("samples_bytes")
    if not (isinstance(metrics_bytes, int) and isinstance(samples_bytes, int)):
        raise FormatError(f"{path}: 'metrics_bytes' and 'samples_bytes' have to be numbers.")
    progress = Progress.parse(document.get("progress"), str(path))
    return Checkpoint(progress, **groups, metrics_bytes=metrics_bytes, samples_bytes=samples_bytes)
