"""From downloaded files to the text of a data set."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from recurra.core.errors import FormatError
from recurra.datasets.catalogue import Dataset

_MOST_BYTES = 1 << 30  # No text of the catalogue comes near it.


def assemble(dataset: Dataset, paths: Sequence[Path]) -> bytes:
    """Put the text together from what was downloaded, in the order of the addresses.

    Raises:
        FormatError: a file is not the archive that it should be.
    """
    try:
        if dataset.reader in ("file", "files joined"):
            return b"".join(path.read_bytes() for path in paths)
        archives = [_texts_in(path) for path in paths]
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise FormatError(
            f"what came for {dataset.name} is not a zip archive ({error}); try again later."
        ) from None
    if dataset.reader == "speeches":
        return b"".join(_speech(*item) for texts in archives for item in sorted(texts.items()))
    if dataset.reader == "wiki pages":
        pages = {
            PurePosixPath(name).name: text
            for name, text in archives[0].items()
            if PurePosixPath(name).match("*/tests/cache/*.txt")
        }
        return b"".join(
            f'\n\n<page file="{name}">\n'.encode() + pages[name] for name in sorted(pages)
        )
    return next((text for texts in archives for text in texts.values()), b"")


def _texts_in(path: Path) -> dict[str, bytes]:
    """Return the files of an archive by their names, without folders and read-me files."""
    with zipfile.ZipFile(path) as archive:
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir() and PurePosixPath(member.filename).name != "README"
        ]
        if sum(member.file_size for member in members) > _MOST_BYTES:
            raise FormatError(f"{path.name} unpacks to more than a gigabyte, so it is not read.")
        return {member.filename: archive.read(member) for member in members}


def _speech(name: str, text: bytes) -> bytes:
    """Return a speech under its heading, in UTF-8; a few are stored in Latin-1."""
    try:
        speech = text.decode()
    except UnicodeDecodeError:
        speech = text.decode("latin-1")
    return f"\n\n=== {PurePosixPath(name).stem} ===\n\n{speech.strip()}\n".encode()
