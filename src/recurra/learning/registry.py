"""Which task a run and a model belong to. A new kind of sequence is one line in each table."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

from recurra.core.errors import FormatError
from recurra.engines import EngineOptions
from recurra.formats.model_file import load_model
from recurra.learning.locate import find_model
from recurra.learning.task import Task
from recurra.learning.trained import TrainedModel

# Each function takes the data of `run.json` and returns the task as it was when the run started.
TASKS = {
    "text": "recurra.tasks.text.task:restore",
    "music": "recurra.tasks.music.task:restore",
    "series": "recurra.tasks.series.training:restore",
    "numbers": "recurra.tasks.series.numbers.task:restore",
    "labels": "recurra.tasks.series.labels.task:restore",
}

MODELS = {
    "text": "recurra.tasks.text.model:Model",
    "music": "recurra.tasks.music.model:MusicModel",
    "series": "recurra.tasks.series.model:SeriesModel",
    "numbers": "recurra.tasks.series.numbers.model:NumberModel",
    "labels": "recurra.tasks.series.labels.model:Classifier",
}
"""The `TrainedModel` of each kind."""


def restore(run: Mapping[str, Any]) -> Task:
    """Rebuild the task of a run from what `run.json` holds.

    Raises `FormatError` for a kind of task that this version does not know, and whatever the
    task's own function raises, such as for a text that has changed since.
    """
    task: Task = _named(TASKS, run, "run.json: ")(run)
    return task


def load(path: str | os.PathLike[str], **engine: Any) -> TrainedModel:
    """Open a model file, or the best model of a run folder, as whatever it is a model of.

    Args:
        path: the file, the folder, or the folder's name alone where it lies in `runs`.
        engine: settings of `EngineOptions`, such as engine="torch".
    Raises:
        FormatError: there is none, it is damaged, or of a kind that this version does not know.
    """
    file = find_model(path)
    weights, document = load_model(file)
    kind = _named(MODELS, document, f"{file}: ")
    model: TrainedModel = kind(weights, document, engine=EngineOptions(**engine), path=file)
    return model


def _named(table: Mapping[str, str], document: Mapping[str, Any], where: str) -> Any:
    task = document.get("task")
    kind = task.get("kind") if isinstance(task, Mapping) else None
    if not isinstance(kind, str) or kind not in table:
        raise FormatError(
            f"{where}task.kind is {kind!r}, but this version knows {', '.join(table)}."
        )
    module, _, name = table[kind].partition(":")
    return getattr(importlib.import_module(module), name)
