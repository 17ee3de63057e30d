"""Trainings: start, watch, pause, step, resume, stop, keep."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from recurra.studio import feed, streams, watching
from recurra.studio.routes.common import EVENTS, Id, WithStudio, problems
from recurra.studio.schema import ModelEntry, Rename, ResumeRequest, RunEntry, StartRequest

router = APIRouter(prefix="/api/runs", tags=["runs"], responses=problems(404, 409))

OfKind = Annotated[str | None, Query(max_length=40, description="only those of this kind")]
LastEventId = Annotated[str | None, Header(max_length=200)]


@router.get("")
async def list_runs(studio: WithStudio, kind: OfKind = None) -> list[RunEntry]:
    """Return the runs as they stand, newest first."""
    return await studio.files.run(studio.trainings.entries, kind)


@router.post("", status_code=201)
async def start_run(studio: WithStudio, request: StartRequest) -> RunEntry:
    """Start a training, as a process that outlives this server."""
    return await studio.files.run(studio.trainings.start, request)


@router.get("/{id}")
async def get_run(studio: WithStudio, id: Id) -> RunEntry:
    """Return how one run stands."""
    return await studio.files.run(studio.trainings.get, id)


@router.get("/{id}/events", response_class=Response, responses={200: {"content": EVENTS}})
async def run_events(studio: WithStudio, id: Id, last_event_id: LastEventId = None) -> Response:
    """Tell everything that happens in a run, from its beginning, as server-sent events."""
    await feed.look(studio, id)
    await studio.wait_turn()  # all who asked together have been told together
    since = watching.parse_marks(last_event_id)
    return streams.Stream(watching.watch(studio, id, since), streams.SSE)


@router.post("/{id}/pause", status_code=204)
async def pause_run(studio: WithStudio, id: Id) -> None:
    """Let a training rest; the clock of its budget stands still."""
    await studio.files.run(studio.trainings.pause, id)


@router.post("/{id}/step", status_code=204)
async def step_run(studio: WithStudio, id: Id) -> None:
    """Let a run that is paused take one step; answers once it rests again."""
    await studio.slow.run(studio.trainings.step, id)


@router.post("/{id}/resume", status_code=204)
async def resume_run(studio: WithStudio, id: Id, request: ResumeRequest | None = None) -> None:
    """Go on with a run that is paused, was stopped, was cut off, or gets a larger budget."""
    changes = request.changes if request else {}
    await studio.files.run(studio.trainings.resume, id, changes)


@router.post("/{id}/stop", status_code=204)
async def stop_run(studio: WithStudio, id: Id) -> None:
    """End a training; its model so far stays."""
    await studio.files.run(studio.trainings.stop, id)


@router.post("/{id}/keep", status_code=201)
async def keep_model(studio: WithStudio, id: Id, change: Rename) -> ModelEntry:
    """Make a model of its own from a run as it is now."""
    kept = await studio.slow.run(studio.trainings.keep, id, change.name)
    return await studio.files.run(studio.models.get, kept)


@router.patch("/{id}")
async def rename_run(studio: WithStudio, id: Id, change: Rename) -> RunEntry:
    """Call a run otherwise."""
    return await studio.files.run(studio.trainings.rename, id, change.name)


@router.delete("/{id}", status_code=204)
async def remove_run(studio: WithStudio, id: Id) -> None:
    """Remove a run that has ended, with its model."""
    await studio.files.run(studio.trainings.remove, id)
