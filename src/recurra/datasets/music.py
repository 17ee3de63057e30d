"""Sets of music by name: find their files, get them, check them."""

from __future__ import annotations

import difflib
import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.datasets import installed
from recurra.datasets.catalogue import CATALOGUE, PREFIX, Dataset
from recurra.datasets.download import Progress, download
from recurra.datasets.music_catalogue import MUSIC
from recurra.formats.places import cache_folder, data_folder
from recurra.formats.sources import Document


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


def music_files(dataset: Dataset) -> list[Path] | None:
    """Return the files of a set that is on this computer, in order; None where it is not."""
    if dataset.package:
        return next(filter(None, (_shipped(dataset, at) for at in _packages(dataset))), None)
    for folder in _folders(dataset):
        found = [_unpacked_or_not(folder / name) for name in _names(dataset, folder)]
        if all(found):
            return [path for path in found if path]
    return None


def get_music(name: str, progress: Progress | None = None) -> list[Path]:
    """Return the files of a set, brought to this computer first where they are not here.

    `RECURRA_DATA` is searched first, then the user's cache, and the Python packages for what a
    package brings. Every set is compared with the catalogue's digest.

    Raises:
        ConfigError: there is no such set.
        ResourceError: it cannot be downloaded or installed; the message says how else to get it.
        FormatError: it is not what it should be.
    """
    dataset = find(name)
    found = music_files(dataset)
    if found is None and dataset.package:
        installed.install(dataset)
        found = music_files(dataset)
    if found is None:
        return _download(dataset, progress)
    _verify(dataset, found)
    return found


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


def _folders(dataset: Dataset) -> Iterator[Path]:
    if folder := data_folder():
        yield folder
    yield _cached(dataset)


def _cached(dataset: Dataset) -> Path:
    return cache_folder("data") / dataset.name


def _names(dataset: Dataset, folder: Path) -> list[str]:
    """Return the names of a set's files in a folder; the cache keeps them without folders."""
    plain = folder == _cached(dataset)
    return [Path(name).name if plain else name for name in dataset.files]


def _unpacked_or_not(path: Path) -> Path | None:
    places = (path.with_name(path.name + suffix) for suffix in ("", ".xz", ".gz"))
    return next((place for place in places if place.is_file()), None)


def _packages(dataset: Dataset) -> Iterator[Path]:
    """Yield where the package is installed, whatever its version: the digest decides."""
    name = str(dataset.package).partition("==")[0]
    if folder := data_folder():
        yield folder
    yield cache_folder("data", dataset.name, "package")
    try:
        yield Path(str(importlib.metadata.distribution(name).locate_file("")))
    except importlib.metadata.PackageNotFoundError:
        return


def _shipped(dataset: Dataset, root: Path) -> list[Path]:
    folder, pattern = (root / dataset.files[0]).parent, Path(dataset.files[0]).name
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if fnmatch(path.name, pattern))


def _download(dataset: Dataset, progress: Progress | None) -> list[Path]:
    """Download and check a set, and keep it in the cache, whole or not at all."""
    place = os.path.commonpath([os.path.dirname(name) for name in dataset.files])
    by_hand = f"put {', '.join(map(os.path.basename, dataset.files))} into the folder {place} of "
    by_hand += "the one that RECURRA_DATA names."
    if not dataset.addresses:
        raise ResourceError(
            f"{dataset.name} has no public address. It comes from {dataset.origin} To use it, "
            f"{by_hand}"
        )
    target = _cached(dataset)
    aside = cache_folder("data", f"{dataset.name}.part-{os.getpid()}")
    try:
        paths = [
            download(address, aside, Path(name).name, dataset.name, progress)
            for address, name in zip(dataset.addresses, dataset.files, strict=True)
        ]
        _verify(dataset, paths)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(aside, target)
    except ResourceError as error:
        raise ResourceError(f"{error} Try again when online, or {by_hand}") from None
    except OSError as error:
        raise ResourceError(
            f"{dataset.name} could not be kept in {target}: {error.strerror}."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return [target / path.name for path in paths]


def _verify(dataset: Dataset, paths: Sequence[Path]) -> None:
    """Raise `FormatError` unless the files are what the catalogue says."""
    digest = hashlib.sha256()
    for path in paths:
        for block, _ in Document.of_file(path).blocks():
            digest.update(block)
    if digest.hexdigest() != dataset.sha256:
        again = (
            f"install {dataset.package}, or name the files themselves to use them as they are."
            if dataset.package
            else "get it again, or name the files themselves to use them as they are."
        )
        raise FormatError(
            f"{dataset.name} is not what it should be: its sha256 is {digest.hexdigest()[:12]}..., "
            f"but {str(dataset.sha256)[:12]}... is expected; {again}"
        )
