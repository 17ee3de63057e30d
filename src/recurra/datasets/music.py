"""Sets of music by name: get their files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from recurra.datasets.download import Progress
from recurra.datasets.files import get_files
from recurra.datasets.shelves import find, set_name


def get_music(name: str, progress: Progress | None = None) -> list[Path]:
    """Return the files of a set by name; see `get_files`. Raises `ConfigError`: there is none."""
    return get_files(find(name, "music"), progress)


def resolve_music(
    inputs: Sequence[str | os.PathLike[str]], progress: Progress | None = None
) -> list[str]:
    """Replace names of sets of music (`set_name`) by their files, and leave everything else.

    Raises: as `get_music` and `set_name`.
    """
    found: list[str] = []
    for given in [os.fspath(one) for one in inputs]:
        if name := set_name(given, "music"):
            found += map(str, get_music(name, progress))
        else:
            found.append(given)
    return found
