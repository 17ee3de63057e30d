"""From what a person names to pieces: files found, read side by side, and a word on each."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, cast

from recurra.core.errors import FormatError
from recurra.core.notes import Piece
from recurra.datasets.music import resolve_music
from recurra.formats.music_files import KINDS, from_json, kind_of, read_file
from recurra.tasks.music.worker import COUNTS_WORK

Progress = Callable[[int, int], None]
"""Called with files done and files in all."""

PATIENCE = 10
"""How many times a file's seconds may pass by the clock, as on a busy machine or a slow disk, where
the system counts computing time."""

FEW_FILES, FEW_BYTES = 3, 4 << 20
"""Up to so many files and bytes are read by this process itself, which starts at once."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file."""

    name: str
    pieces: int
    error: str = ""
    """Why nothing was read; empty where something was."""
    notes: tuple[str, ...] = ()
    """One sentence for each part that was left out."""


@dataclass(frozen=True, slots=True)
class Music:
    """What was read."""

    pieces: tuple[Piece, ...]
    files: tuple[FileReport, ...]
    sha256: str
    """Of the files' bytes, in order."""
    paths: tuple[str, ...]

    @property
    def kinds(self) -> set[str]:
        """How the files that gave pieces were read: midi, abc, musicxml, json, npz."""
        read = zip(self.paths, self.files, strict=True)
        return {kind_of(path) or "" for path, report in read if report.pieces}


def find_files(inputs: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return the files that are named, those of folders and patterns sorted and of a known kind.

    The name of a public set (`datasets.music_catalogue`) stands for its files.

    Raises:
        FormatError: a name is no file, or a folder or pattern has no music in it.
        ConfigError, ResourceError: as `datasets.music.get_music`.
    """
    found: dict[str, None] = {}
    for given in resolve_music(inputs):
        if os.path.isdir(given):
            names = [
                os.path.join(parent, name)
                for parent, folders, files in os.walk(given)
                for name in files
                if not name.startswith(".") and not folders.sort()
            ]
        elif glob.has_magic(given) and not os.path.exists(given):
            names = [name for name in glob.glob(given, recursive=True) if os.path.isfile(name)]
        elif os.path.isfile(given):
            found[given] = None
            continue
        else:
            raise FormatError(
                f"there is no file or folder {given}, and no set of music of that name "
                "(`recurra data list`)."
            )
        music = sorted(name for name in names if kind_of(name))
        if not music:
            raise FormatError(f"there is no music in {given}; {', '.join(KINDS)} are read.")
        found |= dict.fromkeys(music)
    if not found:
        raise FormatError("no files were named.")
    return list(found)


def read_music(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    resolution: int | None = None,
    pedal: bool = False,
    file_seconds: float = 20.0,
    progress: Progress | None = None,
) -> Music:
    """Read files, folders and patterns; what cannot be read is told and passed over.

    Several files are read by processes of their own, as many as there are cores.

    Args:
        resolution, pedal: as for `formats.music_files.read_file`.
        file_seconds: a file that takes more computing is given up.
        progress: called after every file.
    Raises:
        FormatError: nothing could be read; the message says why of the first files.
    """
    paths = find_files(inputs)
    options = {"resolution": resolution, "pedal": pedal}
    sizes = sum(os.path.getsize(path) for path in paths)
    if len(paths) <= FEW_FILES and sizes <= FEW_BYTES:
        read = [_here(path, options) for path in paths]
    else:
        read = _apart(paths, options, file_seconds, progress)
    pieces = [piece for found, _ in read for piece in found]
    files = tuple(report for _, report in read)
    if not pieces:
        why = " ".join(report.error for report in files[:3])
        raise FormatError(
            why if len(files) <= 3 else f"none of {len(files):,} files could be read: {why}"
        )
    digest = hashlib.sha256()
    for path in paths:
        digest.update(Path(path).read_bytes())
    return Music(tuple(pieces), files, digest.hexdigest(), tuple(paths))


def read_apart(
    path: str, *, seconds: float, options: dict[str, Any] | None = None
) -> tuple[list[Piece], FileReport]:
    """Read one file in a process of its own, which is given up after so many seconds.

    Args:
        options: as for `formats.music_files.read_file`.
    """
    with _Reader(options or {}, seconds) as reader:
        return reader.read(path)


def _here(path: str, options: dict[str, Any]) -> tuple[list[Piece], FileReport]:
    try:
        pieces, notes = read_file(path, **options)
    except FormatError as error:
        return [], FileReport(path, 0, str(error))
    return pieces, FileReport(path, len(pieces), "", tuple(notes))


def _apart(
    paths: Sequence[str], options: dict[str, Any], seconds: float, progress: Progress | None
) -> list[tuple[list[Piece], FileReport]]:
    waiting: SimpleQueue[int] = SimpleQueue()
    for n in range(len(paths)):
        waiting.put(n)
    found: dict[int, tuple[list[Piece], FileReport]] = {}
    told: SimpleQueue[None] = SimpleQueue()

    def serve() -> None:
        with _Reader(options, seconds) as reader:
            while True:
                try:
                    n = waiting.get_nowait()
                except Empty:
                    return
                found[n] = reader.read(paths[n])
                told.put(None)

    count = max(1, min(len(paths), os.cpu_count() or 1, 16))
    threads = [threading.Thread(target=serve, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        done = 0
        # A thread that has died, which would be a bug, must not leave us waiting.
        while done < len(paths) and (any(t.is_alive() for t in threads) or not told.empty()):
            try:
                told.get(timeout=0.2)
            except Empty:
                continue
            done += 1
            if progress is not None:
                progress(done, len(paths))
    finally:
        while not waiting.empty():
            waiting.get_nowait()
    for thread in threads:
        thread.join()
    return [found[n] for n in range(len(paths))]


class _Reader:
    """One reading process, started anew when a file was too much for it."""

    def __init__(self, options: dict[str, Any], seconds: float) -> None:
        self.options, self.seconds = options, seconds
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self._end(self.process)

    def read(self, path: str) -> tuple[list[Piece], FileReport]:
        process = self.process or self._start()
        stdin, stdout = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        # The process ends itself when it has computed for so long; the clock is for what waits.
        timer = threading.Timer((PATIENCE if COUNTS_WORK else 1) * self.seconds, give_up)
        asked = {"path": path, "options": self.options, "seconds": self.seconds}
        timer.start()
        try:
            stdin.write(json.dumps(asked) + "\n")
            stdin.flush()
            line = stdout.readline()
        except OSError:
            line = ""
        finally:
            timer.cancel()
        if not line.endswith("\n"):
            self._end(process)
            self.process = None
            over = COUNTS_WORK and process.returncode == -signal.SIGPROF
            why = (
                f"takes more than {self.seconds:g} s to read"
                if over or late.is_set()
                else "cannot be read"
            )
            return [], FileReport(path, 0, f"{path} {why} and was left out.")
        answer = json.loads(line)
        if "error" in answer:
            return [], FileReport(path, 0, answer["error"])
        pieces = [from_json(piece) for piece in answer["pieces"]]
        return pieces, FileReport(path, len(pieces), "", tuple(answer["notes"]))

    def _start(self) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "recurra.tasks.music.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            encoding="utf-8",
        )  # fmt: skip
        return self.process

    def _end(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    pass
        process.wait()
