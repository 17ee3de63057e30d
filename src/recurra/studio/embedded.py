"""Texts that go along with the site, so that a browser alone has something to learn at once.

Only what is on this computer already and may be passed on: nothing is downloaded for it. An export
takes them along; a server writes them into the user's cache when first asked for one. The page
reads `corpora/index.json` and loads a text when it is first used, from its own origin.
"""

from __future__ import annotations

import hashlib
import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recurra.core.errors import RecurraError
from recurra.datasets import registry
from recurra.datasets.catalogue import Dataset
from recurra.datasets.shelves import find
from recurra.formats.atomic import atomic_write
from recurra.formats.encodings import detect_encoding
from recurra.formats.jsonl import unwritable
from recurra.formats.places import cache_folder
from recurra.version import VERSION

FOLDER, INDEX = "corpora", "index.json"
NAMES = ("shakespeare", "python-reference")
"""Texts whose licence lets anyone pass them on with no more than a notice."""
_PSF = "PSF-2.0"


def embed(site: Path) -> list[str]:
    """Write the texts that are here into a site's folder; return the names of those written.

    A text that is not installed, or is damaged, is left out.
    """
    folder = site / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, Any]] = []
    for name in NAMES:
        dataset = find(name, "text")
        notice = _notice(dataset)
        try:
            text = _text(dataset) if notice is not None else None
        except RecurraError:
            text = None
        if not text or notice is None:
            continue
        _write(folder / f"{name}.txt", text)
        _write(folder / f"{name}.LICENCE.txt", notice.encode())
        index.append(
            {
                "id": name,
                "name": dataset.title,
                "file": f"{name}.txt",
                "bytes": len(text),
                "characters": len(text.decode()),
                "sha256": hashlib.sha256(text).hexdigest(),
                "licence": dataset.licence,
                "about": dataset.what,
            }
        )
    _write(folder / INDEX, json.dumps(index, indent=1).encode())
    return [one["id"] for one in index]


def embedded() -> Path:
    """Write the texts that are here into the user's cache; return the site's folder there.

    Raises: `ResourceError` where the cache cannot be written.
    """
    folder = cache_folder("site", VERSION)
    try:
        embed(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def _text(dataset: Dataset) -> bytes | None:
    """Return all documents one after the other, as UTF-8; None where the text is not here."""
    if registry.whereabouts(dataset) is None:
        return None

    def blocks() -> Iterator[bytes]:
        for document in registry.open_dataset(dataset.name):
            yield from (block for block, _ in document.blocks())

    text = b"".join(blocks())
    return text if detect_encoding(text[:8192]) == "utf-8" else None


def _notice(dataset: Dataset) -> str | None:
    """Return what has to go along with a text; None where its licence's own words are not here."""
    words = f"{dataset.title}\n{dataset.what}\nFrom: {dataset.origin}\n{dataset.home}\n"
    words += f"Licence: {dataset.licence}\n"
    if dataset.licence != _PSF:
        return words
    for parent in ("stdlib", "platstdlib"):
        path = Path(sysconfig.get_path(parent)) / "LICENSE.txt"
        if path.is_file():
            return words + "\n" + path.read_text("utf-8", "replace")
    return None


def _write(path: Path, data: bytes) -> None:
    with atomic_write(path) as file:
        file.write(data)
