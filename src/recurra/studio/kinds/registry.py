"""The kinds of sequences that the studio trains. A new one is a module here, and one line."""

from __future__ import annotations

import importlib
from typing import cast

from recurra.core.errors import ConfigError
from recurra.studio.kinds.base import Kind

# Named as in `run.json` and in model files (`learning.registry`).
KINDS = {
    "text": "recurra.studio.kinds.text",
    "series": "recurra.studio.kinds.series",
    "numbers": "recurra.studio.kinds.numbers",
    "labels": "recurra.studio.kinds.labels",
    "music": "recurra.studio.kinds.music",
}


def find(name: str) -> Kind:
    """Return a kind. Raises `ConfigError` for one that there is not."""
    if name not in KINDS:
        raise ConfigError(f"kind is {name!r}, but the kinds are {', '.join(KINDS)}.", "kind")
    return cast(Kind, importlib.import_module(KINDS[name]))
