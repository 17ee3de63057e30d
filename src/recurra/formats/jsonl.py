"""One JSON object a line, appended to while others read.

A line is written in one piece, but a process may be killed in the middle of it: the torn last line
is passed over by the reader and cut off by whoever goes on writing.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recurra.core.errors import ResourceError
from recurra.formats import documents
from recurra.formats.atomic import atomic_write

_FULL = (errno.ENOSPC, errno.EDQUOT)


class JsonLines:
    """A file that is being appended to."""

    def __init__(self, path: Path) -> None:
        """Open `path` to append, making it where it is not there.

        Raises: `ResourceError` where that cannot be.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise unwritable(path, error) from error

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line. Raises `ResourceError` when the disk is full."""
        append_bytes(self._descriptor, self.path, documents.dump(record) + b"\n")

    def size_bytes(self) -> int:
        """Return the file's length."""
        return os.fstat(self._descriptor).st_size

    def sync(self) -> None:
        """Flush what was written to the disk."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        """Close the file; once is enough, more does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def append_bytes(descriptor: int, path: Path, content: bytes) -> None:
    """Write all of `content`; raises `ResourceError` when the disk is full."""
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    except OSError as error:
        raise unwritable(path, error) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file, [] where there is none; what is no record is left out."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    records = []
    for line in content.split(b"\n"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def cut(path: Path, size_bytes: int) -> None:
    """Keep at most the first `size_bytes` of a file, up to its last whole line.

    The file is replaced at once, so a reader sees the old lines or the ones that stay. Nothing is
    written where nothing has to go.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    kept = content[: max(size_bytes, 0)]
    kept = kept[: kept.rfind(b"\n") + 1]
    if kept != content:
        with atomic_write(path, "wb") as file:
            file.write(kept)


def unwritable(path: Path, error: OSError) -> ResourceError:
    """Return the sentence for a file that cannot be written."""
    if error.errno in _FULL:
        return ResourceError(f"{path} could not be written: the disk is full; free some room.")
    return ResourceError(
        f"{path} could not be written: {error.strerror or error}; name a folder you can write in."
    )
