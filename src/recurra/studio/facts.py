"""What this place is and what can be set here, derived from the option classes."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import Any

from recurra.core.options import Options
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Cell
from recurra.engines import EngineOptions, has_cuda, make
from recurra.studio.schema import OptionGroup, PlaceFacts, Preset, Storage
from recurra.studio.studio import Studio
from recurra.tasks.text.generate import GenerateOptions
from recurra.tasks.text.presets import PRESETS
from recurra.tasks.text.settings import CLASSES
from recurra.version import VERSION

# One group may hold several classes; "Cell" is a setting of the stack that is shown by its own.
_GROUPS: tuple[tuple[str, str, tuple[type[Options], ...]], ...] = (
    ("text", "Text", (CLASSES["text"],)),
    ("network", "Network", (CLASSES["stack"], CLASSES["model"], Cell)),
    ("training", "Training", (CLASSES["windows"], CLASSES["train"])),
    ("optimiser", "Optimiser", (CLASSES["optimiser"],)),
    ("samples", "Samples on the way", (CLASSES["samples"],)),
    ("engine", "Engine", (CLASSES["engine"],)),
    ("sampling", "Writing", (GenerateOptions, SamplingOptions)),
)


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


def option_groups() -> list[OptionGroup]:
    """Return every setting of a text training and of writing, group by group."""
    unavailable = _unavailable()
    return [
        OptionGroup(
            name=name,
            title=title,
            schema_=_schema(classes),
            unavailable={
                field: reason
                for field, reason in unavailable.items()
                if any(field in cls.model_fields for cls in classes)
            },
        )
        for name, title, classes in _GROUPS
    ]


def _schema(classes: tuple[type[Options], ...]) -> dict[str, Any]:
    """Return the JSON schema of some classes as one, without definitions."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for cls in classes:
        schema = cls.model_json_schema()
        for name, field in schema["properties"].items():
            if "$ref" not in field and name != "cell":
                properties[name] = {key: v for key, v in field.items() if key != "title"}
        required += [name for name in schema.get("required", []) if name in properties]
    made: dict[str, Any] = {"type": "object", "properties": properties}
    return made | ({"required": required} if required else {})


def _unavailable() -> dict[str, str]:
    if importlib.util.find_spec("torch") is None:
        return {"device": "Only the torch engine has devices, and PyTorch is not installed here."}
    return {}


def presets() -> list[Preset]:
    """Return the named sets of settings of a text training."""
    return [
        Preset(
            name=name,
            about=preset.about,
            values=_plain(preset.values),
            parameters=preset.parameters(),
        )
        for name, preset in PRESETS.items()
    ]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
