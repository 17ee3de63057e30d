"""The folders of a user that the package reads and writes on its own account."""

from __future__ import annotations

import os
from pathlib import Path

from recurra.core.errors import ResourceError


def cache_root() -> Path:
    """Return where the user's cache is, whether or not it is there.

    It is `RECURRA_CACHE` if that is set, else the system's usual place for this user.
    """
    if named := os.environ.get("RECURRA_CACHE"):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("recurra", appauthor=False))


def cache_folder(*parts: str) -> Path:
    """Return a folder in the user's cache, made if need be.

    Everything in it can be made again, so it may be emptied at any time.
    """
    folder = cache_root().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            f"the cache folder {folder} could not be made ({error.strerror}): set RECURRA_CACHE to "
            "a folder that you can write."
        ) from error
    return folder


def data_folder() -> Path | None:
    """Return the folder of data sets that `RECURRA_DATA` names, or None."""
    named = os.environ.get("RECURRA_DATA")
    return Path(named).expanduser() if named else None
