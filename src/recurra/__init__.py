"""Recurra, the LSTM studio: train, generate from and look inside recurrent sequence models.

    import recurra

    model = recurra.train("poems.txt", run="runs/poems", seconds=60)
    print(model.generate("The ", length=500, temperature=0.7))

Nothing is imported until it is used, so `import recurra` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from recurra.version import VERSION as __version__

if TYPE_CHECKING:
    from recurra.api import resume, train
    from recurra.core.errors import (
        ConfigError,
        FormatError,
        NumericError,
        RecurraError,
        ResourceError,
        ShapeError,
    )
    from recurra.formats.sources import Document
    from recurra.tasks.series.forecaster import Forecaster
    from recurra.tasks.text.model import Model

_HOMES = {
    "train": "recurra.api",
    "resume": "recurra.api",
    "Model": "recurra.tasks.text.model",
    "Forecaster": "recurra.tasks.series.forecaster",
    "Document": "recurra.formats.sources",
    "RecurraError": "recurra.core.errors",
    "ConfigError": "recurra.core.errors",
    "FormatError": "recurra.core.errors",
    "NumericError": "recurra.core.errors",
    "ResourceError": "recurra.core.errors",
    "ShapeError": "recurra.core.errors",
}

__all__ = [
    "ConfigError",
    "Document",
    "Forecaster",
    "FormatError",
    "Model",
    "NumericError",
    "RecurraError",
    "ResourceError",
    "ShapeError",
    "__version__",
    "load",
    "resume",
    "train",
]


def load(path: Any, **engine: Any) -> Any:
    """Open a model file, or the best model of a run folder, as whatever it is a model of.

    A text's is a `Model`, a forecast's a `SeriesModel`, and so on; see `learning.registry.load`.
    """
    from recurra.learning import registry

    return registry.load(path, **engine)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'recurra' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
