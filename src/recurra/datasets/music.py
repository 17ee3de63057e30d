"""Sets of music by name: find their files, get them, check them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from recurra.core.errors import ConfigError
from recurra.datasets.catalogue import CATALOGUE, PREFIX, Dataset
from recurra.datasets.download import Progress
from recurra.datasets.files import get_files
from recurra.datasets.music_catalogue import MUSIC


def names() -> list[str]:
    """Return the names of all sets of music."""
    return [dataset.name for dataset in MUSIC]


def find(name: str) -> Dataset:
    """Return a set of music. Raises `ConfigError`: there is none, or it is a text."""
    wanted = name.lower()
    for dataset in MUSIC:
        if dataset.name == wanted:
            return dataset
    if wanted in {dataset.name for dataset in CATALOGUE}:
        raise ConfigError(f"{wanted} is a text and no music; `recurra train {wanted}` learns it.")
    near = difflib.get_close_matches(wanted, names(), n=1)
    hint = f"did you mean '{near[0]}'?" if near else "`recurra data list` names them."
    raise ConfigError(f"there is no set of music '{name}'; {hint}")


def get_music(name: str, progress: Progress | None = None) -> list[Path]:
    """Return the files of a set by name; see `get_files`. Raises `ConfigError`: there is none."""
    return get_files(find(name), progress)


def resolve_music(
    inputs: Sequence[str | os.PathLike[str]], progress: Progress | None = None
) -> list[str]:
    """Replace names of sets of music by their files, and leave everything else.

    "data:nottingham" is always the set; "nottingham" is, where there is no such file.

    Raises: as `get_music`; `ConfigError` for a word that is nearly the name of one.
    """
    found: list[str] = []
    for given in [os.fspath(one) for one in inputs]:
        if name := set_name(given):
            found += map(str, get_music(name, progress))
        else:
            found.append(given)
    return found


def set_name(given: str) -> str | None:
    """Return the name of the set that an input stands for, None where it is a file or pattern.

    Raises `ConfigError` for a word that is nearly the name of one, or the name of a text.
    """
    if given.startswith(PREFIX):
        return find(given.removeprefix(PREFIX)).name
    if not given.replace("-", "").isalnum() or os.path.lexists(given):
        return None
    known = [*names(), *(dataset.name for dataset in CATALOGUE)]
    if difflib.get_close_matches(given.lower(), known, n=1):
        return find(given).name
    return None


def licence_of(inputs: Sequence[str]) -> str | None:
    """Return the licences of the sets that were read; None where other files were too."""
    found = [set_name(given) for given in inputs]
    if not found or not all(found):
        return None
    return "; ".join(sorted({find(name).licence for name in found if name}))
