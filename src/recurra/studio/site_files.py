"""The built front end: served to a browser, or copied out as a static site."""

from __future__ import annotations

import mimetypes
import os
import shutil
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from recurra.core.errors import ConfigError, ResourceError
from recurra.formats.jsonl import unwritable
from recurra.studio.embedded import embed

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
    """The site's files. Those with a digest in their name may be kept, the others are asked for."""

    def __init__(self, folder: Path = SITE) -> None:
        self.built = (folder / INDEX).is_file()
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
        hashed = path.replace(os.sep, "/").startswith("assets/")
        kept = "public, max-age=31536000, immutable" if hashed else "no-cache"
        response.headers["cache-control"] = kept
        return response


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
