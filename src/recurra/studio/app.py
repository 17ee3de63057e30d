"""The application: routes, errors, and the checks before them, put together."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from recurra.studio import errors
from recurra.studio.deadlines import Bodies
from recurra.studio.routes import (
    corpora,
    data,
    labels,
    models,
    music,
    numbers,
    place,
    runs,
    series,
)
from recurra.studio.security import Gate, Security
from recurra.studio.site_files import Site
from recurra.studio.studio import Studio
from recurra.version import VERSION

ROUTERS = (
    place.router,
    corpora.router,
    data.router,
    runs.router,
    models.router,
    series.router,
    numbers.router,
    labels.router,
    music.router,
)
OPENAPI = "/api/openapi.json"


def create_app(studio: Studio, gate: Gate, site: Site | None = None) -> ASGIApp:
    """Return the whole application for one studio, behind its gate.

    Ending its lifespan closes the studio.
    """
    # The checks stand outside of everything, so that errors go through them too.
    return Paced(Security(Bodies(api(studio, site), studio.options.upload_limit), gate), studio)


class Paced:
    """ASGI middleware: requests for streams of events begin a few a turn of the event loop.

    Two hundred pages that come back together, as after a restart, are a tenth of a second of work;
    whoever asks for something else meanwhile is answered between them.
    """

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self.app = app
        self.studio = studio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/events"):
            await self.studio.wait_turn()
        await self.app(scope, receive, send)


def api(studio: Studio | None, site: Site | None = None) -> FastAPI:
    """Return the routes alone. Without a studio they can be described, but not used."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        # A router's parts are put together when it is first asked, which takes the event loop tens
        # of milliseconds: better now than while others wait.
        nowhere = {
            "type": "http",
            "method": "GET",
            "path": "/api/-",
            "root_path": "",
            "headers": [],
        }
        for route in app.router.routes:
            route.matches(nowhere)
        yield
        if studio is not None:
            studio.close()

    app = FastAPI(
        title="Recurra studio",
        version=VERSION,
        summary="Train LSTMs on sequences, generate from them, and look inside.",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=_operation,
        lifespan=lifespan,
    )
    app.state.studio = studio
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/", site or Site())
    return app


def _operation(route: Any) -> str:
    """Call an operation as its function is called."""
    return str(route.name)
