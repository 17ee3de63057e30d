"""The studio's folder, and the ids that stand for what is in it.

    corpora/ID/    text (the file as it was brought) and corpus.json
    data/ID/       files of other kinds and data.json (`data.py`)
    runs/ID/       a run folder (`learning.run_folder`) and studio.json
    models/ID/     model.safetensors and model.json
    token          what a browser has to show; kept, so that an open page survives a restart

An id is drawn, never made from a name, and is checked before it becomes part of a path.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.formats import documents
from recurra.formats.atomic import atomic_write
from recurra.formats.jsonl import unwritable

_ID = re.compile(r"[0-9a-f]{16}")
_PART = ".part"
_STALE_S = 86_400.0


class Home:
    """The folder with everything that the studio keeps."""

    def __init__(self, path: Path) -> None:
        """Take a folder, made where it is not there. Raises `ResourceError` where it cannot be."""
        self.path = path
        self.corpora, self.data, self.runs, self.models = (
            path / name for name in ("corpora", "data", "runs", "models")
        )
        try:
            for folder in (self.corpora, self.data, self.runs, self.models):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        for folder in (self.corpora, self.data, self.runs, self.models):
            _sweep(folder)

    def token(self) -> str:
        """Return the token, drawn when it is first asked for. Only this user may read its file."""
        path = self.path / "token"
        with suppress(OSError, UnicodeDecodeError):
            found = path.read_text("ascii").strip()
            if len(found) >= 32:
                return found
        token = secrets.token_urlsafe(32)
        try:
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(token + "\n")
        except OSError as error:
            raise unwritable(path, error) from error
        return token

    def used_bytes(self) -> int:
        """Return what everything takes on the disk."""
        total = 0
        for parent, _, names in os.walk(self.path):
            for name in names:
                with suppress(OSError):
                    total += os.lstat(os.path.join(parent, name)).st_size
        return total

    def free_bytes(self) -> int | None:
        """Return what is free on its disk, None where that cannot be told."""
        try:
            return shutil.disk_usage(self.path).free
        except OSError:
            return None


def default_folder() -> Path:
    """Return where the studio keeps things if nothing is said: the system's place for data."""
    import platformdirs

    return Path(platformdirs.user_data_dir("recurra", appauthor=False)) / "studio"


def new_id() -> str:
    """Draw an id."""
    return secrets.token_hex(8)


def member(folder: Path, id: str, mark: str) -> Path | None:
    """Return the sub-folder of that id if it is one and holds the file `mark`."""
    if not _ID.fullmatch(id):
        return None
    path = folder / id
    return path if (path / mark).is_file() else None


def members(folder: Path, mark: str) -> Iterator[Path]:
    """Yield the sub-folders that hold the file `mark`, in no order."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _ID.fullmatch(path.name) and (path / mark).is_file():
                yield path


def make_aside(folder: Path) -> Path:
    """Make a sub-folder that no listing shows until `reveal` gives it its id."""
    path = folder / f".{new_id()}{_PART}"
    try:
        path.mkdir()
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def reveal(aside: Path) -> Path:
    """Let a finished sub-folder appear, whole, and return it."""
    path = aside.with_name(aside.name.removeprefix(".").removesuffix(_PART))
    try:
        aside.rename(path)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def discard(folder: Path) -> None:
    """Remove a sub-folder: out of the listings at once, then from the disk."""
    gone = folder.with_name(f".{folder.name.strip('.')}{_PART}")
    try:
        if gone != folder:
            folder.rename(gone)
    except OSError as error:
        raise ResourceError(f"it could not be removed: {error.strerror or error}.") from error
    shutil.rmtree(gone, ignore_errors=True)


def read(path: Path) -> dict[str, Any]:
    """Return a JSON file, {} where there is none that can be read."""
    try:
        return documents.parse(path.read_bytes(), path.name)
    except (OSError, FormatError):
        return {}


def write(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    with atomic_write(path, "wb") as file:
        file.write(documents.dump(document, indent=2) + b"\n")


def clean_name(name: str, otherwise: str) -> str:
    """Return a name that can be shown on one line; `otherwise` where nothing is left of it.

    Raises: `ConfigError` where it is longer than 200 characters.
    """
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    shown = " ".join(shown.split())
    if len(shown) > 200:
        raise ConfigError("the name is longer than 200 characters; shorten it.", "name")
    return shown or otherwise


def now() -> str:
    """Return the time as files and answers have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _sweep(folder: Path) -> None:
    """Remove what uploads and removals that were cut off have left."""
    for path in folder.glob(f".*{_PART}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_S:
                shutil.rmtree(path, ignore_errors=True)
