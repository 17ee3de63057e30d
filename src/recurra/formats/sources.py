"""From what a person names (files, folders, patterns, standard input) to documents that open.

A document is a run of bytes with a name, which can be read as often as need be. Gzip and xz are
known by their first bytes, whatever the name, and opened on the fly.
"""

from __future__ import annotations

import glob
import gzip
import io
import lzma
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from recurra.core.errors import FormatError
from recurra.formats.encodings import looks_like_text

BLOCK_BYTES = 1 << 16
"""How much is read at a time: what streaming holds in memory is a small multiple of it."""

MEMORY_BYTES = 32 << 20
"""A stream that is longer than this is copied to a temporary file, not to memory."""


@dataclass(frozen=True, slots=True)
class Document:
    """One text, or one file of bytes."""

    name: str
    """What messages call it: the path as it was found, or "standard input"."""
    opener: Callable[[], IO[bytes]] = field(repr=False)
    """Opens the stored bytes, at their beginning, for a reader of its own."""
    stored_bytes: int
    """Size as stored, which is not the size of the text when it is compressed."""
    encoding: str | None = None
    """The encoding that it is known to be in; None: it is found out, or said by the reader."""

    @classmethod
    def of_file(cls, path: str | os.PathLike[str], name: str | None = None) -> Document:
        """Name a file. Raises `FormatError` when it is not there or not readable."""
        name = name or os.fspath(path)
        try:
            return cls(name, lambda: open(path, "rb"), os.stat(path).st_size)
        except (OSError, ValueError) as error:
            raise FormatError(f"{name} cannot be read: {reason(error)}.") from error

    @classmethod
    def of_text(cls, text: str | bytes, name: str = "text") -> Document:
        """Wrap what is in memory already. Raises `FormatError` for half a surrogate pair."""
        try:
            data = text.encode() if isinstance(text, str) else text
        except UnicodeEncodeError as error:
            raise FormatError(
                f"{name}: the character at position {error.start:,} is half of a surrogate pair, "
                "which no text file can hold; remove it."
            ) from None
        return cls(name, lambda: io.BytesIO(data), len(data))

    @classmethod
    def of_stream(cls, stream: IO[bytes], name: str) -> Document:
        """Keep a copy of a stream that can be read only once: in memory, or on disk if long."""
        blocks: list[bytes] = []
        size = 0
        try:
            while size <= MEMORY_BYTES and (block := stream.read(BLOCK_BYTES)):
                blocks.append(block)
                size += len(block)
            if size <= MEMORY_BYTES:
                return cls.of_text(b"".join(blocks), name)
            # Removed when the last reference to it goes, which is the opener's below.
            copy = tempfile.NamedTemporaryFile(prefix="recurra-")  # noqa: SIM115
            copy.writelines(blocks)
            while block := stream.read(BLOCK_BYTES):
                copy.write(block)
            copy.flush()
        except OSError as error:
            raise FormatError(f"{name} cannot be read: {reason(error)}.") from error
        return cls(name, lambda: open(copy.name, "rb"), copy.tell())

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """Yield the bytes, decompressed, a block at a time, with the stored bytes read by then.

        Raises:
            FormatError: the file cannot be read, or its compressed data are cut short or damaged.
        """
        given = 0
        try:
            with self.opener() as stored, _decompressed(stored) as plain:
                while block := plain.read(BLOCK_BYTES):
                    given += len(block)
                    yield block, stored.tell()
        except EOFError:
            raise FormatError(
                f"{self.name} is cut short: its compressed data end after {given:,} bytes of text; "
                "copy or download it again."
            ) from None
        except (gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
            raise FormatError(
                f"{self.name} is damaged: its compressed data cannot be read after {given:,} bytes "
                f"of text ({error}); copy or download it again."
            ) from None
        except OSError as error:
            raise FormatError(f"{self.name} cannot be read: {reason(error)}.") from error

    def beginning(self, count: int) -> bytes:
        """Return at most the first `count` bytes, decompressed."""
        for block, _ in self.blocks():
            return block[:count]
        return b""


@dataclass(frozen=True, slots=True)
class Found:
    """What `find_documents` came back with."""

    documents: tuple[Document, ...]
    notes: tuple[str, ...]
    """One sentence for each thing that was left out."""


def find_documents(inputs: Sequence[str | os.PathLike[str] | Document]) -> Found:
    """Resolve what a person named into documents, in a stable order.

    Inputs keep the order they are given in. Within a folder or a pattern, paths are sorted. Of a
    folder or a pattern, hidden files and files that are not text are left out; a file named
    outright is always taken. "-" is standard input. What comes twice is taken once.

    Raises:
        FormatError: an input does not exist, cannot be read, or there is no text among them.
    """
    documents: list[Document] = []
    not_text: list[str] = []
    seen: set[str] = set()
    repeated = 0
    for given in inputs:
        if isinstance(given, Document):
            documents.append(given)
            continue
        for document, key, certain in _resolve(os.fspath(given)):
            if key in seen:
                repeated += 1
            elif not certain and not looks_like_text(document.beginning(8192)):
                not_text.append(document.name)
            else:
                documents.append(document)
            seen.add(key)
    notes = []
    if not_text:
        some = ", ".join(not_text[:3]) + (", ..." if len(not_text) > 3 else "")
        files = "1 file is" if len(not_text) == 1 else f"{len(not_text):,} files are"
        notes.append(f"{files} not text and left out ({some}).")
    if repeated:
        files = "1 file was" if repeated == 1 else f"{repeated:,} files were"
        notes.append(f"{files} named twice and read once.")
    if not documents:
        named = ", ".join(str(given) for given in inputs) or "an empty list"
        raise FormatError(f"there is no text to read in {named}{': ' + notes[0] if notes else '.'}")
    return Found(tuple(documents), tuple(notes))


def _resolve(given: str) -> Iterator[tuple[Document, str, bool]]:
    """Yield the documents of an input, each with its identity and whether it was named outright."""
    if given == "-":
        yield Document.of_stream(sys.stdin.buffer, "standard input"), "-", True
    elif os.path.isdir(given):
        files = list(_files_of(given))
        if not files:
            raise FormatError(f"there are no files in the folder {given}, hidden ones apart.")
        yield from files
    elif os.path.isfile(given):
        yield Document.of_file(given), os.path.realpath(given), True
    elif os.path.exists(given):  # A named pipe, or a shell's <(...).
        with Document.of_file(given).opener() as stream:
            yield Document.of_stream(stream, given), given, True
    elif glob.has_magic(given):
        yield from _files_matching(given)
    else:
        yield Document.of_file(given), given, True  # Raises, and says why.


def _files_matching(pattern: str) -> Iterator[tuple[Document, str, bool]]:
    """Yield the files that a pattern matches, and those in folders that it matches."""
    matches = sorted(glob.glob(pattern, recursive=True))
    if not matches:
        raise FormatError(f"no file matches {pattern}.")
    for match in matches:
        if os.path.isfile(match):
            yield Document.of_file(match), os.path.realpath(match), False
        elif os.path.isdir(match) and not pattern.endswith("**"):
            # "**" matches the folders on the way to its files too.
            yield from _files_of(match)


def _files_of(folder: str) -> Iterator[tuple[Document, str, bool]]:
    """Yield every file under a folder that is not hidden, sorted by path."""

    def refuse(error: OSError) -> None:
        raise FormatError(f"{error.filename} cannot be read: {reason(error)}.") from error

    paths = []
    for parent, children, files in os.walk(folder, onerror=refuse):
        children[:] = [child for child in children if not child.startswith(".")]
        paths += [Path(parent, name) for name in files if not name.startswith(".")]
    for path in sorted(paths, key=lambda path: path.parts):
        if path.is_file():
            yield Document.of_file(path), os.path.realpath(path), False


def _decompressed(stored: IO[bytes]) -> IO[bytes]:
    start = stored.read(6)
    stored.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(stored))
    if start == b"\xfd7zXZ\x00":
        return lzma.open(stored)
    return stored


def reason(error: OSError | ValueError) -> str:
    """Return why the system refused, as the end of a sentence."""
    return (getattr(error, "strerror", None) or str(error)).lower()
