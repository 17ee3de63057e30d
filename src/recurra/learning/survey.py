"""What run folders tell whoever only looks: how each run stands, without touching it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from recurra.core.errors import FormatError
from recurra.formats.jsonl import read_lines
from recurra.learning.lock import read_holder
from recurra.learning.run_folder import LOCK, METRICS, RUN, Status, read_document

FRESH_S = 600.0
"""A run on another computer counts as running while its curve is younger than this."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run stands."""

    path: Path
    status: Status
    """As it is, not as `run.json` says: a run whose process is gone is interrupted."""
    message: str | None
    """Why it failed, or why its folder cannot be read."""
    step: int = 0
    steps: int | None = None
    seconds: float | None = None
    elapsed_s: float = 0.0
    best_loss_nats: float | None = None
    curve: tuple[float, ...] = ()
    """Held-out losses; those of training where nothing is held out."""
    created: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        created = self.created.isoformat() if self.created else None
        return {**asdict(self), "path": str(self.path), "created": created}


def survey(folder: str | Path) -> list[RunSummary]:
    """Return the runs in a folder (or the folder itself, if it is one), oldest first.

    A damaged run is listed as failed, with the reason.
    """
    folder = Path(folder)
    if (folder / RUN).is_file():
        return [summarise(folder)]
    found = [summarise(path.parent) for path in sorted(folder.glob(f"*/{RUN}"))]
    return sorted(found, key=lambda run: (run.created.timestamp() if run.created else 0, run.path))


def summarise(path: str | Path) -> RunSummary:
    """Return how one run stands."""
    path = Path(path)
    try:
        document = read_document(path)
    except FormatError as error:
        return RunSummary(path, "failed", str(error))
    events = read_lines(path / METRICS)
    progress = document.get("progress")
    progress = progress if isinstance(progress, Mapping) else {}
    steps = [event for event in events if event.get("event") == "step"]
    held_out = [event for event in events if event.get("event") == "validated"]
    # The curve may be ahead of run.json, which is written at checkpoints.
    newest = max(events, key=lambda event: _number(event, "elapsed_s"), default={})
    losses = [_number(event, "loss_nats", math.nan) for event in held_out or steps]
    best = min((_number(event, "loss_nats", math.nan) for event in held_out), default=math.nan)
    return RunSummary(
        path=path,
        status=_status(path, document),
        message=document.get("message"),
        step=int(max(_number(newest, "step"), _number(progress, "step"))),
        steps=progress.get("steps"),
        seconds=progress.get("seconds"),
        elapsed_s=max(_number(newest, "elapsed_s"), _number(progress, "elapsed_s")),
        best_loss_nats=best if math.isfinite(best) else None,
        curve=tuple(losses),
        created=_time(document.get("created")),
    )


def _status(path: Path, document: Mapping[str, Any]) -> Status:
    status: Status = document.get("status", "failed")
    if status not in ("running", "paused"):
        return status
    holder = read_holder(path / LOCK)
    if holder is None:
        return "interrupted"
    alive = holder.alive()
    if alive is None:
        try:
            alive = time.time() - (path / METRICS).stat().st_mtime < FRESH_S
        except OSError:
            alive = False
    return status if alive else "interrupted"


def _number(values: Mapping[str, Any], name: str, absent: float = 0.0) -> float:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else absent


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
