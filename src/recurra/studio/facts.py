"""What this place is and what can be set here, derived from the option classes."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import Any

from recurra.core.options import Options
from recurra.engines import EngineOptions, has_cuda, make
from recurra.studio.kinds import registry
from recurra.studio.schema import OptionGroup, PlaceFacts, Preset, Storage
from recurra.studio.studio import Studio
from recurra.version import VERSION


def place_facts(studio: Studio) -> PlaceFacts:
    """Return what this place is."""
    used = studio.home.used_bytes()
    free = studio.home.free_bytes()
    affinity = hasattr(os, "sched_getaffinity")
    return PlaceFacts(
        version=VERSION,
        engine=_engine(),
        threads=len(os.sched_getaffinity(0)) if affinity else os.cpu_count() or 1,
        upload_limit=studio.options.upload_limit,
        storage=Storage(used=used, quota=None if free is None else used + free, persistent=True),
        device="an NVIDIA GPU" if has_cuda() else "no GPU",
    )


def _engine() -> str:
    for name in ("native", "reference"):
        engine = make(name, EngineOptions())
        if engine.available() is None:
            return engine.describe()
    return "none"


def option_groups(kind: str = "text") -> list[OptionGroup]:
    """Return every setting of a kind, group by group. Raises `ConfigError` for no kind."""
    known = registry.find(kind)
    unavailable, below = _unavailable(), known.defaults()
    return [
        OptionGroup(
            name=group.name,
            title=group.title,
            schema_=_schema(group.classes, below),
            unavailable={
                field: reason
                for field, reason in unavailable.items()
                if any(field in cls.model_fields for cls in group.classes)
            },
        )
        for group in known.groups()
    ]


def _schema(classes: tuple[type[Options], ...], below: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of some classes as one, without definitions.

    Args:
        below: defaults of the kind, over those of the classes.
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    for cls in classes:
        schema = cls.model_json_schema()
        for name, field in schema["properties"].items():
            if "$ref" not in field and name != "cell":
                properties[name] = {key: v for key, v in field.items() if key != "title"}
                if name in below:
                    value = below[name]
                    properties[name]["default"] = list(value) if isinstance(value, tuple) else value
        required += [name for name in schema.get("required", []) if name in properties]
    made: dict[str, Any] = {"type": "object", "properties": properties}
    required = [name for name in required if name not in below]
    return made | ({"required": required} if required else {})


def _unavailable() -> dict[str, str]:
    if importlib.util.find_spec("torch") is None:
        return {"device": "Only the torch engine has devices, and PyTorch is not installed here."}
    return {}


def presets(kind: str = "text") -> list[Preset]:
    """Return the named sets of settings of a kind. Raises `ConfigError` for no kind."""
    return registry.find(kind).presets()
