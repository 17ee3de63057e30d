"""Music: composing, harmonising, reading and writing pieces, and what the cells did meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from recurra.core.errors import FormatError
from recurra.formats.music_files import KINDS
from recurra.studio import home, music, streams, uploads
from recurra.studio.music_schema import (
    ComposeRequest,
    PieceDocument,
    ReadAnswer,
    RenderRequest,
    TokensRequest,
    TuneFacts,
)
from recurra.studio.routes.common import (
    BYTES,
    FILE_BODY,
    LINES,
    Id,
    NewName,
    WithStudio,
    problems,
)

router = APIRouter(prefix="/api/music", tags=["music"], responses=problems(400, 404, 409))


@router.post("/models/{id}/compose", response_class=Response, responses={200: {"content": LINES}})
async def compose_music(studio: WithStudio, id: Id, request: ComposeRequest) -> Response:
    """Compose, go on with a piece, or write further voices to it: progress, then the piece."""
    loaded = await studio.slow.run(studio.models.load, id, "music")

    def work(told: Any) -> Any:
        return music.composed(loaded, request, told)

    return streams.Stream(studio.slow.told(work), streams.NDJSON)


@router.post("/models/{id}/tokens")
async def music_tokens(studio: WithStudio, id: Id, piece: PieceDocument) -> TuneFacts:
    """Return a piece as a model reads it: its tokens, and what they stand for."""
    loaded = await studio.slow.run(studio.models.load, id, "music")
    return TuneFacts.model_validate(await studio.slow.run(music.encoded, loaded, piece))


@router.post("/models/{id}/trace", response_class=Response, responses={200: {"content": BYTES}})
async def music_trace(studio: WithStudio, id: Id, request: TokensRequest) -> Response:
    """Return every gate and state while a piece was read, as a safetensors file."""
    loaded = await studio.slow.run(studio.models.load, id, "music")
    content = await studio.slow.run(music.trace_file, loaded, request.tokens)
    return Response(content, media_type="application/octet-stream")


@router.post("/read", openapi_extra=FILE_BODY, responses=problems(408, 413, 507))
async def read_music(
    studio: WithStudio, request: Request, name: NewName = "tune.mid"
) -> ReadAnswer:
    """Return the pieces in a file of music; the body is the file, `name` says of what kind.

    Nothing of it is kept.
    """
    shown = home.clean_name(name, "tune")
    ends = [one for one in (*KINDS, *(f"{k}.gz" for k in KINDS), *(f"{k}.xz" for k in KINDS))
            if shown.lower().endswith(one)]  # fmt: skip
    if not ends:
        raise FormatError(
            f"{shown} is no music that is read here; its name has to end in {', '.join(KINDS)}."
        )
    file = f"piece{max(ends, key=len)}"
    aside = await uploads.receive(studio, request, studio.home.corpora, file)
    try:
        found = await studio.slow.run(music.read_pieces, Path(aside / file), shown)
    finally:
        home.discard(aside)
    return ReadAnswer.model_validate(found)


@router.post("/render", response_class=Response, responses={200: {"content": BYTES}})
async def render_music(studio: WithStudio, request: RenderRequest) -> Response:
    """Return a piece as a file: MIDI, ABC, MusicXML, sound, or the picture of its piano roll."""
    content = await studio.slow.run(music.rendered, request.piece, request.format)
    # Never shown as a page of this origin, whatever is in it.
    headers = {"content-disposition": f'attachment; filename="tune.{request.format}"'}
    return Response(content, media_type=music.TYPES[request.format], headers=headers)
