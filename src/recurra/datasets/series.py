"""Public series by name, to forecast or with a class each: find one, and get its file."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal

from recurra.core.errors import ConfigError
from recurra.datasets.catalogue import PREFIX, Dataset
from recurra.datasets.download import Progress
from recurra.datasets.files import files_of, get_files
from recurra.datasets.series_catalogue import LABELLED, SERIES

Shelf = Literal["series", "labels"]
SHELVES: tuple[Shelf, ...] = ("series", "labels")
_SHELVES: dict[Shelf, tuple[tuple[Dataset, ...], str, str]] = {
    "series": (SERIES, "set of series", "recurra forecast train"),
    "labels": (LABELLED, "set of labelled series", "recurra classify train"),
}
"""The sets, what one is called, and what learns it."""


def sets(shelf: Shelf) -> tuple[Dataset, ...]:
    """Return the sets to forecast ("series"), or those with a class each ("labels")."""
    return _SHELVES[shelf][0]


def command(dataset: Dataset) -> str:
    """Return the command that learns from a set."""
    return next(said for known, _, said in _SHELVES.values() if dataset in known)


def find(name: str, shelf: Shelf | None = None) -> Dataset:
    """Return a set by name, from either shelf where none is said.

    Raises: `ConfigError` with the nearest name, or what to do with one of the other shelf.
    """
    every = [one for known, _, _ in _SHELVES.values() for one in known]
    for dataset in every:
        if dataset.name != name.lower():
            continue
        if shelf is None or dataset in sets(shelf):
            return dataset
        raise ConfigError(
            f"{dataset.name} is no {_SHELVES[shelf][1]}; `{command(dataset)} {dataset.name}` "
            "learns it."
        )
    known_here = [one.name for one in (every if shelf is None else sets(shelf))]
    near = difflib.get_close_matches(name.lower(), known_here, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "`recurra data list` names them."
    called = "set of series" if shelf is None else _SHELVES[shelf][1]
    raise ConfigError(f"there is no {called} '{name}'; {hint}")


def set_name(given: str, shelf: Shelf) -> str | None:
    """Return the name of the set that an input stands for; None where it is a file.

    "data:m4-hourly" is always the set; "m4-hourly" is, where there is no such file.

    Raises: `ConfigError` for a word that is nearly the name of one.
    """
    if given.startswith(PREFIX):
        return find(given.removeprefix(PREFIX), shelf).name
    if not given.replace("-", "").isalnum() or os.path.lexists(given):
        return None
    names = [one.name for known, _, _ in _SHELVES.values() for one in known]
    if difflib.get_close_matches(given.lower(), names, n=1):
        return find(given, shelf).name
    return None


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


def found_again(given: str, shelf: Shelf) -> str:
    """Return what a run keeps to find its data again: the set's name, or the whole path."""
    name = set_name(given, shelf)
    return os.path.abspath(given) if name is None else f"{PREFIX}{name}"
