"""The built front end: served to a browser, or copied out as a static site."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from recurra.core.errors import ConfigError, ResourceError
from recurra.formats.jsonl import unwritable
from recurra.studio.compression import Packed, is_worth_it, takes_gzip
from recurra.studio.embedded import FOLDER, embed, embedded

SITE = Path(__file__).with_name("site")
INDEX = "index.html"
NOT_BUILT = (
    "The web app is not in this installation of Recurra: it was installed from sources without "
    "Node. Install the wheel (pip install recurra), or install the sources again when online."
)

# Not left to the system's tables, in which any program may have written something else.
for _type, _suffix in (
    ("text/javascript", ".js"),
    ("text/css", ".css"),
    ("application/wasm", ".wasm"),
    ("application/manifest+json", ".webmanifest"),
    ("image/svg+xml", ".svg"),
):
    mimetypes.add_type(_type, _suffix)


class Site(StaticFiles):
    """The site's files. Those with a digest in their name may be kept, the others are asked for.

    The texts beside them are made when the first of them is asked for, so that a start waits for
    nothing.
    """

    def __init__(self, folder: Path = SITE) -> None:
        self.built = (folder / INDEX).is_file()
        self.packed = Packed()
        self._texts = threading.Lock()
        self._has_texts = False
        super().__init__(directory=folder, html=True, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not self.built:
            if scope["method"] in ("GET", "HEAD") and path in (".", INDEX):
                return HTMLResponse(f"<!doctype html><title>Recurra</title><p>{NOT_BUILT}")
            raise HTTPException(404, "There is nothing at this address.")
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code == 404:
                raise HTTPException(404, "There is nothing at this address.") from None
            raise
        response = await self._packed(response, Headers(scope=scope), scope["method"])
        hashed = path.replace(os.sep, "/").startswith("assets/")
        kept = "public, max-age=31536000, immutable" if hashed else "no-cache"
        response.headers["cache-control"] = kept
        return response

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return where a file is. Called in a thread; one beside the site comes from the cache."""
        if path.startswith(FOLDER + os.sep):
            self._make_texts()
        return super().lookup_path(path)

    def _make_texts(self) -> None:
        with self._texts:
            if self._has_texts:
                return
            self._has_texts = True
            # Where the cache cannot be written, the site's own list stands: it is empty.
            with suppress(ResourceError):
                self.all_directories = [embedded(), *self.all_directories]

    async def _packed(self, response: Response, asked: Headers, method: str) -> Response:
        """Return an answer packed, where that makes it smaller and the client takes it."""
        facts = response.stat_result if isinstance(response, FileResponse) else None
        if not isinstance(response, FileResponse) or facts is None:
            return response
        if not is_worth_it(response, facts):
            return response
        response.headers["vary"] = "Accept-Encoding"
        # A part is a part of the file as it lies.
        if "range" in asked or not takes_gzip(asked.get("accept-encoding", "")):
            return response
        content = await asyncio.to_thread(self.packed.content, Path(response.path), facts)
        if content is None:
            return response
        headers = {name: response.headers[name] for name in ("content-type", "last-modified")}
        headers |= {"vary": "Accept-Encoding", "content-encoding": "gzip"}
        # Another form of the file needs another tag (RFC 9110, section 8.8.3.3).
        headers["etag"] = response.headers["etag"].rstrip('"') + '-gzip"'
        tags = [one.strip() for one in asked.get("if-none-match", "").split(",")]
        if headers["etag"] in [one.removeprefix("W/") for one in tags]:
            return NotModifiedResponse(Headers(headers))
        headers["content-length"] = str(len(content))
        return Response(b"" if method == "HEAD" else content, response.status_code, headers)


def export(target: Path, site: Path = SITE) -> Path:
    """Copy the site to a folder that any web server can show.

    Raises: `ResourceError` where the site is not built or the folder cannot be written,
    `ConfigError` where it holds something else.
    """
    if not (site / INDEX).is_file():
        raise ResourceError(NOT_BUILT)
    index = target / INDEX
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        if not (index.is_file() and "recurra" in index.read_text("utf-8", "replace").lower()):
            raise ConfigError(
                f"{target} is there already and holds something else; name an empty folder.",
                "export",
            )
        shutil.rmtree(target / "assets", ignore_errors=True)
    try:
        shutil.copytree(site, target, dirs_exist_ok=True)
        embed(target)
    except OSError as error:
        raise unwritable(target, error) from error
    return target
