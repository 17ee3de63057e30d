"""Public texts by name: say where one is, get it, open it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from recurra.core.errors import FormatError, ResourceError
from recurra.datasets import installed
from recurra.datasets.catalogue import Dataset
from recurra.datasets.download import Progress, download
from recurra.datasets.readers import assemble
from recurra.datasets.shelves import find, set_name
from recurra.formats.atomic import atomic_write
from recurra.formats.places import cache_folder, data_folder
from recurra.formats.sources import Document

Input = str | os.PathLike[str] | Document


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
    dataset = find(name, "text")
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
    dataset = find(name, "text")
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
    """Replace names of texts (`set_name`) by their documents, and leave everything else.

    Raises: as `open_dataset` and `set_name`.
    """
    found: list[Input] = []
    for given in inputs:
        name = set_name(given, "text") if isinstance(given, str) else None
        if name is None:
            found.append(given)
        else:
            found += open_dataset(name, progress)
    return found


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
