"""Public series by name, to forecast ("series") or with a class each ("labels"): get their file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from recurra.datasets.download import Progress
from recurra.datasets.files import files_of, get_files
from recurra.datasets.shelves import find, set_name

Shelf = Literal["series", "labels"]


def resolve_series(given: str, shelf: Shelf, progress: Progress | None = None) -> str:
    """Return the file of the set that an input stands for, brought here first; a file as it is.

    Raises:
        ConfigError: it is nearly the name of a set.
        ResourceError: the set cannot be brought here; the message says how else to get it.
        FormatError: it is not what it should be.
    """
    name = set_name(given, shelf)
    return given if name is None else str(get_files(find(name, shelf), progress)[0])


def file_here(given: str, shelf: Shelf) -> Path | None:
    """Return the file that an input stands for where it is on this computer."""
    name = set_name(given, shelf)
    if name is None:
        return Path(given) if Path(given).is_file() else None
    return next(iter(files_of(find(name, shelf)) or []), None)
