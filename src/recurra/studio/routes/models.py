"""Models: what there is, moving one in and out, and what is asked of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from recurra.studio import lens, streams, uploads
from recurra.studio import models as store
from recurra.studio.routes.common import (
    BYTES,
    FILE_BODY,
    LINES,
    Id,
    NewName,
    WithStudio,
    problems,
)
from recurra.studio.schema import (
    Continuation,
    CopiesAnswer,
    GenerateRequest,
    InsideRequest,
    ModelEntry,
    NextRequest,
    Piece,
    Rename,
    SaliencyAnswer,
    SaliencyRequest,
    TextRequest,
)
from recurra.studio.studio import Studio

Pieces = Generator[Piece, None, None]

router = APIRouter(prefix="/api/models", tags=["models"], responses=problems(400, 404, 409))


@router.get("")
async def list_models(studio: WithStudio) -> list[ModelEntry]:
    """Return every model, the best one of each run among them, newest first."""
    return await studio.files.run(studio.models.entries)


@router.post("", status_code=201, openapi_extra=FILE_BODY, responses=problems(408, 413, 507))
async def add_model(studio: WithStudio, request: Request, name: NewName = "model") -> ModelEntry:
    """Take in a `.safetensors` model file, checked to the last claim; the body is the file."""
    aside = await uploads.receive(studio, request, studio.home.models, store.FILE)
    return await studio.slow.run(studio.models.take_in, aside, name)


@router.get("/{id}")
async def get_model(studio: WithStudio, id: Id) -> ModelEntry:
    """Return what a model is."""
    return await studio.files.run(studio.models.get, id)


@router.get("/{id}/file", response_class=Response, responses={200: {"content": BYTES}})
async def model_file(studio: WithStudio, id: Id) -> Response:
    """Return the model's file, whole or the ranges that are asked for."""
    path, name = await studio.files.run(studio.models.file, id)
    return FileResponse(path, media_type="application/octet-stream", filename=name)


@router.patch("/{id}")
async def rename_model(studio: WithStudio, id: Id, change: Rename) -> ModelEntry:
    """Call a model otherwise."""
    return await studio.files.run(studio.models.rename, id, change.name)


@router.delete("/{id}", status_code=204)
async def remove_model(studio: WithStudio, id: Id) -> None:
    """Remove a model that is no run's."""
    await studio.files.run(studio.models.remove, id)


@router.post("/{id}/generate", response_class=Response, responses={200: {"content": LINES}})
async def generate(studio: WithStudio, id: Id, request: GenerateRequest) -> Response:
    """Write: a stream of pieces, one JSON object a line, until the end or until nobody listens."""
    loaded = await studio.slow.run(studio.models.load, id)
    pieces = await studio.quick.run(lens.write, loaded, request)
    # The first piece shows whether it works, while the answer can still be a refusal.
    first = await studio.quick.run(next, pieces, None)
    return streams.Stream(_lines(studio, _joined(first, pieces)), streams.NDJSON)


def _joined(
    first: Piece | None, rest: Generator[Piece, None, None]
) -> Generator[Piece, None, None]:
    with closing(rest):
        if first is not None:
            yield first
            yield from rest


async def _lines(studio: Studio, pieces: Pieces) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(studio.quick.each(pieces)) as drawn:
            async for piece in drawn:
                if studio.closing.is_set():
                    return
                yield _line(piece)
    except Exception as error:  # noqa: BLE001 - told to the client, bugs to the terminal
        yield streams.failure(error)


def _line(piece: Piece) -> bytes:
    return streams.line(piece.model_dump(mode="json"))


@router.post("/{id}/next")
async def next_tokens(studio: WithStudio, id: Id, request: NextRequest) -> list[Continuation]:
    """Return the likeliest tokens after a text, unchanged by any sampling rule."""
    loaded = await studio.slow.run(studio.models.load, id)
    return await studio.quick.run(lens.next_tokens, loaded, request.text, request.count)


@router.post("/{id}/copies")
async def copies(studio: WithStudio, id: Id, request: TextRequest) -> CopiesAnswer:
    """Return what a text has word for word from the training text."""
    loaded = await studio.slow.run(studio.models.load, id)
    return await studio.slow.run(lens.copies, loaded, studio.corpora, request.text)


@router.post("/{id}/trace", response_class=Response, responses={200: {"content": BYTES}})
async def trace(studio: WithStudio, id: Id, request: TextRequest) -> Response:
    """Return every gate and state while a text was read, as a safetensors file."""
    loaded = await studio.slow.run(studio.models.load, id)
    content = await studio.slow.run(lens.trace_file, loaded, request.text)
    return Response(content, media_type="application/octet-stream")


@router.post("/{id}/saliency")
async def saliency(studio: WithStudio, id: Id, request: SaliencyRequest) -> SaliencyAnswer:
    """Return what moved one prediction: the gradient back to the inputs."""
    loaded = await studio.slow.run(studio.models.load, id)
    asked = (request.text, request.position, request.target)
    return await studio.slow.run(lens.saliency, loaded, *asked)


@router.post("/{id}/inside", response_class=Response, responses={200: {"content": LINES}})
async def inside(studio: WithStudio, id: Id, request: InsideRequest) -> Response:
    """Return what the units respond to and how long they remember: progress, then the answer."""
    loaded = await studio.slow.run(studio.models.load, id)

    def work(told: Any) -> Any:
        return lens.inside(loaded, request.text, request.pattern, told).model_dump(mode="json")

    return streams.Stream(studio.slow.told(work), streams.NDJSON)
