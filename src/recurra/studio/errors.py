"""Errors as the HTTP interface tells them: problem details (RFC 9457) whose `detail` is a sentence.

A `RecurraError` keeps its sentence and gets a status; anything else is a bug, which the server's
terminal shows and the answer does not.
"""

from __future__ import annotations

import errno
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from recurra.core.errors import (
    ConfigError,
    FormatError,
    RecurraError,
    ResourceError,
)

MEDIA_TYPE = "application/problem+json"
BUG = (
    "Something went wrong inside Recurra. The terminal in which the studio runs shows what; please "
    "report it."
)
_FULL = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger("recurra.studio")


class MissingError(RecurraError):
    """There is no such corpus, run or model."""


class ConflictError(RecurraError):
    """It cannot be done as things stand: a run that has ended cannot be paused."""


class Problem(HTTPException):
    """An answer that is no success, from code that knows the status."""

    def __init__(
        self, status: int, sentence: str, *, field: str | None = None, close: bool = False
    ) -> None:
        super().__init__(status, sentence, {"connection": "close"} if close else None)
        self.field = field


def status_of(error: RecurraError) -> int:
    """Return the HTTP status that suits an error."""
    match error:
        case MissingError():
            return 404
        case ConflictError():
            return 409
        case ConfigError():
            return 422
        case FormatError():
            return 400
        case ResourceError():
            cause = error.__cause__
            return 507 if isinstance(cause, OSError) and cause.errno in _FULL else 409
        case _:
            return 400


def problem(status: int, sentence: str, field: str | None = None) -> dict[str, Any]:
    """Return problem details."""
    made: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
    }
    if field is not None:
        made["field"] = field
    return made


def problem_of(error: BaseException) -> dict[str, Any]:
    """Return problem details of an error, for the end of a stream that has begun already."""
    match error:
        case RecurraError():
            return problem(status_of(error), str(error), getattr(error, "field", None))
        case HTTPException():
            return problem(error.status_code, error.detail, getattr(error, "field", None))
        case MemoryError():
            return problem(507, "Memory ran out; a shorter text or a smaller model needs less.")
        case OSError() if error.errno in _FULL:
            return problem(507, "The disk is full; make room and try again.")
    log.error("a bug", exc_info=error)
    return problem(500, BUG)


def answer(details: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    """Return problem details as a response."""
    return JSONResponse(details, details["status"], headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make the application answer every error with problem details."""

    async def told(request: Request, error: Exception) -> Response:
        return answer(problem_of(error), getattr(error, "headers", None))

    async def invalid(request: Request, error: Exception) -> Response:
        first: Any = error.errors()[0] if isinstance(error, RequestValidationError) else {}
        path = [str(part) for part in first.get("loc", ())]
        # A position in the text of the body is no field, and "body" is where all fields are.
        names = [part for part in path[1:] if first.get("type") != "json_invalid"]
        field = ".".join(names) or None
        reason = str(first.get("msg", "it cannot be read")).removeprefix("Value error, ")
        where = field or ("the body" if path[:1] == ["body"] else "the request")
        return answer(problem(422, f"{where}: {reason[:1].lower()}{reason[1:]}.", field))

    for kind in (RecurraError, HTTPException, MemoryError, OSError, Exception):
        app.add_exception_handler(kind, told)
    app.add_exception_handler(RequestValidationError, invalid)
