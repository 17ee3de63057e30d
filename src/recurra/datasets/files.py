"""Sets that stay in their files: found on this computer, got, and checked."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from recurra.core.errors import FormatError, ResourceError
from recurra.datasets import installed
from recurra.datasets.catalogue import Dataset
from recurra.datasets.download import Progress, download
from recurra.formats.places import cache_folder, cache_root, data_folder
from recurra.formats.sources import Document


def files_of(dataset: Dataset) -> list[Path] | None:
    """Return the files of a set that is on this computer, in order; None where it is not."""
    for folder in _folders(dataset):
        found = [_unpacked_or_not(folder / name) for name in _names(dataset, folder)]
        if all(found):
            return [path for path in found if path]
    if dataset.package:
        return next(filter(None, (_shipped(dataset, at) for at in _packages(dataset))), None)
    return None


def get_files(dataset: Dataset, progress: Progress | None = None) -> list[Path]:
    """Return the files of a set, brought to this computer first where they are not here.

    `RECURRA_DATA` is searched first, then the user's cache, and the Python packages for what a
    package brings. Every set is compared with the catalogue's digest.

    Raises:
        ResourceError: it cannot be downloaded or installed; the message says how else to get it.
        FormatError: it is not what it should be.
    """
    found = files_of(dataset)
    if found is None and dataset.package:
        installed.install(dataset)
        found = files_of(dataset)
    if found is None:
        return _download(dataset, progress)
    _verify(dataset, found)
    return found


def _folders(dataset: Dataset) -> Iterator[Path]:
    if folder := data_folder():
        yield folder
    yield _cached(dataset)


def _cached(dataset: Dataset) -> Path:
    return cache_root() / "data" / dataset.name


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
    place = root / (dataset.shipped_as or dataset.files[0])
    folder, pattern = place.parent, place.name
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
