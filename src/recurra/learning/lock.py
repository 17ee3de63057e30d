"""One trainer a run folder: a lock that the system lets go of when its holder dies."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from recurra.core.errors import ResourceError
from recurra.formats.jsonl import unwritable


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that has a lock, as it wrote itself into the file."""

    pid: int
    started: str | None
    """When it started, in the system's own words: process numbers are used again."""
    host: str

    def alive(self) -> bool | None:
        """Whether it still runs; None where that cannot be told."""
        if self.host != socket.gethostname() or sys.platform == "win32":
            return None  # on Windows signal 0 would end the process
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass  # it is another user's
        return self.started is None or process_start(self.pid) in (None, self.started)


class Lock:
    """An exclusive hold on a file, until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take the lock at once.

        Raises: `ResourceError` when another process, or another `Lock` of this one, has it.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            if not _hold(self._descriptor):
                holder = read_holder(path)
                who = f"process {holder.pid} on {holder.host}" if holder else "another process"
                raise ResourceError(
                    f"{path.parent} is being trained by {who}; wait for it, stop it, or take "
                    "another folder."
                )
            me = Holder(os.getpid(), process_start(os.getpid()), socket.gethostname())
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, json.dumps(asdict(me)).encode())
        except OSError as error:
            os.close(self._descriptor)
            raise unwritable(path, error) from error
        except ResourceError:
            os.close(self._descriptor)
            raise

    def release(self) -> None:
        """Let go; once is enough, more does no harm."""
        if self._descriptor >= 0:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def read_holder(path: Path) -> Holder | None:
    """Return who wrote itself into a lock file last, or None."""
    try:
        found = json.loads(path.read_bytes())
        return Holder(int(found["pid"]), found["started"], str(found["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def process_start(pid: int) -> str | None:
    """Return when a process started, None where the system does not tell.

    One that has ended but is still listed, for its parent has not asked how, is "ended".
    """
    if Path("/proc/self/stat").exists():
        try:
            # Field 22, clock ticks since boot; the name in brackets before it may hold spaces.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return "ended" if fields[0] in "ZX" else fields[19]
        except (OSError, IndexError):
            return None
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None
    return None


def _hold(descriptor: int) -> bool:
    """Take the system's lock on an open file; False when somebody has it."""
    if sys.platform == "win32":
        import msvcrt

        # A byte far behind the text, for Windows forbids others to read what is locked.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(descriptor, 0, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
