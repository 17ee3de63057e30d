"""Files that appear whole or not at all.

The bytes go to a file beside the target, which is flushed to the disk and then renamed over it; the
folder is flushed last, so that the new name survives a power cut too. Whoever reads the target sees
the old bytes or the new ones, never a mixture, whenever the writer is killed.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal, overload

from recurra.core.errors import ResourceError

SUFFIX = ".part"
"""How the names of files that are still being written end; they begin with a dot."""

_REASONS = {
    errno.ENOSPC: "the disk is full: make room, or choose another folder",
    errno.EDQUOT: "your disk quota is used up: make room, or choose another folder",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EACCES: "you may not write there: change its permissions, or choose another folder",
    errno.EPERM: "you may not write there: change its permissions, or choose another folder",
    errno.EFBIG: "the file is too large for this file system: choose another folder",
    errno.EIO: "the disk reports an error: check it, or choose another folder",
    errno.ENOENT: "its folder does not exist: make it first, or choose another",
    errno.ENOTDIR: "its folder is a file: choose another folder",
    errno.EISDIR: "there is a folder of that name: choose another name",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


_Text = AbstractContextManager[IO[str]]
_Bytes = AbstractContextManager[IO[bytes]]
_BINARY = getattr(os, "O_BINARY", 0)


@overload
def atomic_write(path: str | os.PathLike[str], mode: Literal["w"]) -> _Text: ...
@overload
def atomic_write(path: str | os.PathLike[str], mode: Literal["wb"] = "wb") -> _Bytes: ...
@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a file to write; on leaving the block it replaces `path`, all at once.

    When the block raises, `path` is untouched and nothing is left beside it. Several processes may
    write the same path: the last to finish wins. The file gets the permissions of a new file.

    Args:
        path: the target. Its folder has to exist.
        mode: "wb" for bytes, "w" for UTF-8 text whose line ends are written as they are given.
    Raises:
        ResourceError: the disk is full, read-only or failing, or the folder cannot be written.
    """
    target = Path(path)
    aside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}{SUFFIX}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    except OSError as error:
        raise _sentence(target, error) from error
    try:
        with _wrap(descriptor, mode) as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(aside, target)
        _sync_folder(target.parent)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(aside)
        if isinstance(error, OSError) and error.filename in (None, str(aside), str(target)):
            raise _sentence(target, error) from error
        raise


def remove_leftovers(folder: str | os.PathLike[str], older_than_s: float = 86_400) -> int:
    """Remove what killed writers have left in a folder; return how many files that was.

    Only files are taken that nobody has written to for `older_than_s` seconds: a younger one may
    belong to a writer that is still at work.
    """
    removed = 0
    for path in Path(folder).glob(f".*{SUFFIX}"):
        with suppress(OSError):  # Another process may be removing it too.
            if time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()
                removed += 1
    return removed


def _wrap(descriptor: int, mode: str) -> IO[Any]:
    if mode == "w":
        return open(descriptor, "w", encoding="utf-8", newline="")
    return open(descriptor, "wb")


def _sync_folder(folder: Path) -> None:
    """Flush a folder's names to the disk, where the system lets a folder be opened."""
    if os.name == "nt":  # Windows has no such call; its rename is journalled.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and FUSE file systems cannot flush a folder. The file itself is there.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def _sentence(target: Path, error: OSError) -> ResourceError:
    reason = _REASONS.get(error.errno or 0, f"the system says: {error.strerror or error}")
    return ResourceError(f"{target} could not be written, {reason}. What was there is untouched.")
