"""Where public sets stand, a shelf for each kind of what learns from them; find one by name."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from recurra.core.errors import ConfigError
from recurra.datasets.catalogue import CATALOGUE, PREFIX, Dataset
from recurra.datasets.music_catalogue import MUSIC
from recurra.datasets.series_catalogue import LABELLED, SERIES

Name = Literal["text", "music", "series", "labels"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Sets of one kind."""

    sets: tuple[Dataset, ...]
    called: str
    """What one of them is, with its article."""
    no: str
    """What another one is not."""
    command: str
    """What learns from them."""

    def named(self, name: str) -> Dataset | None:
        """Return the set of that name, in whatever case."""
        return next((one for one in self.sets if one.name == name.lower()), None)


SHELVES: dict[Name, Shelf] = {
    "text": Shelf(CATALOGUE, "a text", "text", "recurra train"),
    "music": Shelf(MUSIC, "music", "set of music", "recurra music train"),
    "series": Shelf(SERIES, "a set of series", "set of series", "recurra forecast train"),
    "labels": Shelf(
        LABELLED, "a set of labelled series", "set of labelled series", "recurra classify train"
    ),
}


def every() -> list[Dataset]:
    """Return all sets, shelf by shelf."""
    return [dataset for shelf in SHELVES.values() for dataset in shelf.sets]


def shelf_of(dataset: Dataset) -> Name:
    """Return the shelf that a set stands on."""
    return next(name for name, shelf in SHELVES.items() if dataset in shelf.sets)


def command(dataset: Dataset) -> str:
    """Return the command that learns from a set."""
    return f"{SHELVES[shelf_of(dataset)].command} {dataset.name}"


def find(name: str, shelf: Name | None = None) -> Dataset:
    """Return a set by name, from any shelf where none is said.

    Raises: `ConfigError` with the nearest name, or with what learns from a set of another shelf.
    """
    for other, place in SHELVES.items():
        dataset = place.named(name)
        if dataset is None:
            continue
        if shelf is None or shelf == other:
            return dataset
        raise ConfigError(
            f"{dataset.name} is {place.called} and no {SHELVES[shelf].no}; "
            f"`{command(dataset)}` learns it."
        )
    called = "data set" if shelf is None else SHELVES[shelf].no
    raise ConfigError(f"there is no {called} '{name}'; {_hint(name, shelf)}")


def set_name(given: str, shelf: Name) -> str | None:
    """Return the name of the set that an input stands for; None where it is a file or a pattern.

    "data:dickens" is always the set; "dickens" is, where there is no such file.

    Raises: `ConfigError` for a word that is nearly the name of a set, or the name of one of another
        shelf.
    """
    if given.startswith(PREFIX):
        return find(given.removeprefix(PREFIX), shelf).name
    if not given.replace("-", "").isalnum() or os.path.lexists(given):
        return None
    if any(one.name == given.lower() for one in every()):
        return find(given, shelf).name
    if _near(given, shelf):
        raise ConfigError(
            f"there is neither a file nor a {SHELVES[shelf].no} '{given}'; {_hint(given, shelf)}"
        )
    return None


def found_again(given: str, shelf: Name) -> str:
    """Return what a run keeps to find an input from whatever folder: its name, or its path."""
    name = set_name(given, shelf)
    return os.path.abspath(given) if name is None else f"{PREFIX}{name}"


def licence_of(inputs: Iterable[str], shelf: Name) -> str | None:
    """Return the licences of the sets that were read; None where other files were too."""
    found = [_meant(given, shelf) for given in inputs]
    licences = sorted({dataset.licence for dataset in found if dataset})
    return "; ".join(licences) if found and all(found) else None


def _meant(given: str, shelf: Name) -> Dataset | None:
    """Return the set that was read as an input; None where it was a file."""
    if not given.startswith(PREFIX) and os.path.lexists(given):
        return None
    return SHELVES[shelf].named(given.removeprefix(PREFIX))


def _near(name: str, shelf: Name | None) -> str | None:
    """Return the name that was probably meant."""
    sets = every() if shelf is None else SHELVES[shelf].sets
    names = [dataset.name for dataset in sets]
    return next(iter(difflib.get_close_matches(name.lower(), names, n=1)), None)


def _hint(name: str, shelf: Name | None) -> str:
    near = _near(name, shelf)
    return f"did you mean '{near}'?" if near else "`recurra data list` names them."
