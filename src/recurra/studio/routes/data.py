"""Data that are no texts: what there is of a kind, bringing some, and what is in it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from starlette.responses import Response

from recurra.studio import data, streams, uploads
from recurra.studio.kinds import registry
from recurra.studio.routes.common import FILE_BODY, LINES, Id, NewName, WithStudio, problems
from recurra.studio.schema import DataEntry, Rename

router = APIRouter(prefix="/api/data", tags=["data"], responses=problems(404, 409))

KindName = Annotated[str, Query(max_length=40, description=", ".join(registry.KINDS))]
ReadSettings = Annotated[dict[str, Any], Body(description="settings that say how it is read")]
REFUSED = problems(400, 408, 413, 422, 507)


@router.get("")
async def list_data(studio: WithStudio, kind: KindName) -> list[DataEntry]:
    """Return the data of a kind: a person's own, newest first, the examples, public sets."""
    return await studio.files.run(studio.data.entries, kind)


@router.post("", status_code=201, openapi_extra=FILE_BODY, responses=REFUSED)
async def add_data(
    studio: WithStudio, request: Request, kind: KindName, name: NewName = "data"
) -> DataEntry:
    """Take in a file; the body is the file. Its name's ending may tell what it is."""
    registry.find(kind)
    aside = await uploads.receive(studio, request, studio.home.data, data.CONTENT)
    return await studio.slow.run(studio.data.take_in, aside, kind, name)


@router.post("/{id}/files", status_code=201, openapi_extra=FILE_BODY, responses=REFUSED)
async def add_file(
    studio: WithStudio, id: Id, request: Request, name: NewName = "data"
) -> DataEntry:
    """Add a file to data that may be several; the body is the file."""
    studio.data.get(id)
    aside = await uploads.receive(studio, request, studio.home.data, data.CONTENT)
    return await studio.slow.run(studio.data.take_more, aside, id, name)


@router.post("/{id}/fetch", response_class=Response, responses={200: {"content": LINES}})
async def fetch_data(studio: WithStudio, id: Id) -> Response:
    """Get a public set, or look into one that is here: a stream of progress, then its entry."""
    studio.data.get(id)

    def work(told: Any) -> Any:
        return studio.data.fetch(id, told).model_dump(mode="json")

    return streams.Stream(studio.slow.told(work), streams.NDJSON)


@router.post("/{id}/survey", responses=problems(400, 422))
async def survey_data(studio: WithStudio, id: Id, options: ReadSettings) -> dict[str, Any]:
    """Say what is in the data; which facts depends on the kind."""
    return await studio.slow.run(studio.data.survey, id, options)


@router.patch("/{id}")
async def rename_data(studio: WithStudio, id: Id, change: Rename) -> DataEntry:
    """Call data otherwise."""
    return await studio.files.run(studio.data.rename, id, change.name)


@router.delete("/{id}", status_code=204)
async def remove_data(studio: WithStudio, id: Id) -> None:
    """Remove data that a person brought."""
    await studio.files.run(studio.data.remove, id)
