"""A model from a run as it is now: the weights of its last checkpoint, made into a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recurra.core.errors import ConfigError
from recurra.core.parameters import Params
from recurra.formats.jsonl import read_lines
from recurra.learning.checkpoint import load_checkpoint
from recurra.learning.run_folder import CHECKPOINT, METRICS, read_document
from recurra.version import VERSION

_SCORES = ("loss_nats", "accuracy", "mean_posterior", "positions")


def snapshot(run: str | Path) -> tuple[Params, dict[str, Any]]:
    """Return the weights of a run's last checkpoint and a model file's document for them.

    It holds the scores of the validation at that very step, where there was one. The run may be
    training meanwhile.

    Raises:
        FormatError: the folder is no run, or its checkpoint is damaged.
        ConfigError: it has not learned anything yet.
    """
    run = Path(run)
    document = read_document(run)
    path = run / CHECKPOINT
    checkpoint = load_checkpoint(path) if path.exists() else None
    if checkpoint is None or not checkpoint.progress.step:
        raise ConfigError("this run has not taken a step yet, so there is nothing to keep.")
    step = checkpoint.progress.step
    progress = document.get("progress") or {}
    return checkpoint.weights, {
        "spec": document["spec"],
        "task": document["task"],
        "provenance": {
            "data": document.get("provenance") or {},
            "options": document.get("options") or {},
            "engine": document.get("engine", ""),
            "steps": step,
            "epochs": progress.get("epoch") if progress.get("step") == step else None,
            "scores": _scores(run, step),
            "recurra": VERSION,
        },
    }


def _scores(run: Path, step: int) -> dict[str, float]:
    """Return what the validation after `step` steps found, nothing where there was none."""
    for event in reversed(read_lines(run / METRICS)):
        if event.get("event") == "validated" and event.get("step") == step:
            measures = event.get("measures") or {}
            found = {name: event[name] for name in _SCORES if name in event} | measures
            return {f"held_out_{name}": value for name, value in found.items()}
    return {}
