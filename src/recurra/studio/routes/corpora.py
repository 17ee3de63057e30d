"""Texts: what there is, bringing one, and what is in it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from starlette.responses import Response

from recurra.studio import corpora as texts
from recurra.studio import streams, uploads
from recurra.studio.routes.common import FILE_BODY, LINES, Id, NewName, WithStudio, problems
from recurra.studio.schema import CorpusEntry, Rename, Survey

router = APIRouter(prefix="/api/corpora", tags=["corpora"], responses=problems(404, 409))

TextSettings = Annotated[dict[str, Any], Body(description="settings of the text group")]
Length = Annotated[int, Query(ge=1, le=100_000, description="characters")]
Seed = Annotated[int, Query(ge=0, lt=2**64)]


@router.get("")
async def list_corpora(studio: WithStudio) -> list[CorpusEntry]:
    """Return the texts that a person brought, newest first, and the public ones."""
    return await studio.files.run(studio.corpora.entries)


@router.post("", status_code=201, openapi_extra=FILE_BODY, responses=problems(400, 408, 413, 507))
async def add_corpus(studio: WithStudio, request: Request, name: NewName = "text") -> CorpusEntry:
    """Take in a text; the body is the file. It may be packed with gzip or xz."""
    aside = await uploads.receive(studio, request, studio.home.corpora, texts.TEXT)
    return await studio.slow.run(studio.corpora.take_in, aside, name)


@router.post("/{id}/fetch", response_class=Response, responses={200: {"content": LINES}})
async def fetch_corpus(studio: WithStudio, id: Id) -> Response:
    """Get a public text that is not here yet: a stream of its progress, then the text's entry."""
    studio.corpora.get(id)

    def work(told: Any) -> Any:
        return studio.corpora.fetch(id, told).model_dump(mode="json")

    return streams.Stream(studio.slow.told(work), streams.NDJSON)


@router.post("/{id}/survey", responses=problems(400))
async def survey_corpus(studio: WithStudio, id: Id, options: TextSettings) -> Survey:
    """Say what is in a text: how much, which characters, how it is split, and advice."""
    return await studio.slow.run(studio.corpora.survey, id, options)


@router.get("/{id}/passage")
async def passage(studio: WithStudio, id: Id, length: Length = 200, seed: Seed = 0) -> str:
    """Return a random passage, of the held-out part where there is one; the same for a seed."""
    return await studio.slow.run(studio.corpora.passage, id, length, seed)


@router.patch("/{id}")
async def rename_corpus(studio: WithStudio, id: Id, change: Rename) -> CorpusEntry:
    """Call a text otherwise."""
    return await studio.files.run(studio.corpora.rename, id, change.name)


@router.delete("/{id}", status_code=204)
async def remove_corpus(studio: WithStudio, id: Id) -> None:
    """Remove a text that a person brought."""
    await studio.files.run(studio.corpora.remove, id)
