"""What the routes share."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import Depends, Path, Query, Request

from recurra.studio import streams
from recurra.studio.schema import ProblemDetails
from recurra.studio.studio import Studio


def _studio(request: Request) -> Studio:
    return cast(Studio, request.app.state.studio)


WithStudio = Annotated[Studio, Depends(_studio)]
Id = Annotated[str, Path(max_length=64, description="opaque; as a list gave it")]
NewName = Annotated[str, Query(max_length=400, description="what to call it")]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the refusals of a route, for the OpenAPI document."""
    content = {"application/problem+json": {"schema": ProblemDetails.model_json_schema()}}
    return {
        status: {"description": "refused, with a sentence", "content": content}
        for status in {401, 403, *statuses}
    }


FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
LINES: dict[str, Any] = {streams.NDJSON: {"schema": {"type": "string"}}}
EVENTS: dict[str, Any] = {streams.SSE: {"schema": {"type": "string"}}}
BYTES: dict[str, Any] = {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
}
