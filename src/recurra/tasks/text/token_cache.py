"""Encoded texts in the user's cache: a folder each, under a key of content and options.

KEY/tokens.bin       the tokens, little endian
KEY/positions.bin    beginnings of documents, then resets; int64, little endian
KEY/corpus.json      vocabulary and counts; written last, so a folder with it is complete
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from recurra.core.errors import FormatError, ResourceError
from recurra.formats.atomic import atomic_write, remove_leftovers
from recurra.formats.places import cache_folder
from recurra.formats.token_map import map_tokens
from recurra.tasks.text.encoding import Cut, Encoding, Facts
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.vocabulary import Tokens, Vocabulary, vocabulary_from_document

FORMAT = 1
"""Raise it when the same text and options give other tokens or another layout."""

_Folder = str | os.PathLike[str] | None
_Write = Callable[[Tokens], object]


def key_of(digest: str, documents: Sequence[tuple[int, str | None]], options: TextOptions) -> str:
    """Return the name of an encoded text: the same content and options give the same.

    Args:
        digest: sha256 of all documents' bytes.
        documents: how many bytes each has, and the encoding that it is known to be in.
    """
    facts = {
        "format": FORMAT,
        "unicode": unicodedata.unidata_version,  # Decides what is a letter, and what NFC is.
        "sha256": digest,
        "documents": list(documents),
        "options": options.model_dump(mode="json"),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def load(key: str, cache_dir: _Folder) -> tuple[Vocabulary, Encoding] | None:
    """Return an encoded text, or None when it is not there or not whole."""
    folder = _folder(key, cache_dir)
    try:
        document = json.loads((folder / "corpus.json").read_bytes())
        vocabulary = vocabulary_from_document(document["vocabulary"])
        cuts = [Cut(**cut) for cut in document["cuts"]]
        count = document["documents"]
        positions = np.frombuffer((folder / "positions.bin").read_bytes(), "<i8")
        if len(positions) != count + document["resets"]:
            return None
        tokens = map_tokens(folder / "tokens.bin", vocabulary.dtype, cuts[3].tokens)
        facts = Facts(**document["facts"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, FormatError):
        return None  # It is made again, and replaced.
    four = (cuts[0], cuts[1], cuts[2], cuts[3])
    return vocabulary, Encoding(tokens, positions[:count], positions[count:], four, facts)


def store(
    key: str, cache_dir: _Folder, vocabulary: Vocabulary, encode: Callable[[_Write], Encoding]
) -> Encoding:
    """Call `encode` with a function that writes tokens to the cache; return its result with them.

    Raises:
        ResourceError: the disk is full, or the folder cannot be written. Nothing half-written is
            left.
    """
    folder = _folder(key, cache_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            f"the cache folder {folder} could not be made ({error.strerror}): set RECURRA_CACHE to "
            "a folder that you can write."
        ) from error
    remove_leftovers(folder)
    with atomic_write(folder / "tokens.bin") as file:
        encoding = encode(lambda tokens: file.write(np.ascontiguousarray(tokens).data))
    positions = np.concatenate([encoding.document_starts, encoding.resets]).astype("<i8")
    with atomic_write(folder / "positions.bin") as file:
        file.write(positions.data)
    document = {
        "vocabulary": vocabulary.to_document(),
        "documents": len(encoding.document_starts),
        "resets": len(encoding.resets),
        "cuts": [asdict(cut) for cut in encoding.cuts],
        "facts": asdict(encoding.facts),
    }
    with atomic_write(folder / "corpus.json", "w") as text:
        json.dump(document, text)
    path = folder / "tokens.bin"
    return replace(encoding, tokens=map_tokens(path, vocabulary.dtype, encoding.cuts[3].tokens))


def _folder(key: str, cache_dir: _Folder) -> Path:
    return (Path(cache_dir) if cache_dir is not None else cache_folder("corpora")) / key
