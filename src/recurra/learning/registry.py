"""Which task a run folder belongs to. A new kind of sequence is one line here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from recurra.core.errors import FormatError
from recurra.learning.task import Task

# Each function takes the data of `run.json` and returns the task as it was when the run started.
TASKS = {
    "text": "recurra.tasks.text.task:restore",
    "music": "recurra.tasks.music.task:restore",
    "series": "recurra.tasks.series.training:restore",
    "numbers": "recurra.tasks.series.numbers.task:restore",
    "labels": "recurra.tasks.series.labels.task:restore",
}


def restore(run: Mapping[str, Any]) -> Task:
    """Rebuild the task of a run from what `run.json` holds.

    Raises `FormatError` for a kind of task that this version does not know, and whatever the
    task's own function raises, such as for a text that has changed since.
    """
    task = run.get("task")
    kind = task.get("kind") if isinstance(task, Mapping) else None
    if not isinstance(kind, str) or kind not in TASKS:
        known = ", ".join(TASKS)
        raise FormatError(f"run.json: task.kind is {kind!r}, but this version knows {known}.")
    module, _, name = TASKS[kind].partition(":")
    task_: Task = getattr(importlib.import_module(module), name)(run)
    return task_
