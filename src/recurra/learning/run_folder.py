"""One training and its folder: the only interface between a training and whoever watches it.

    run.json                       options, status, versions, seed; where the run stands
    metrics.jsonl                  one event a line
    samples.jsonl                  what the model wrote on the way
    best.safetensors               the model with the lowest held-out loss
    last.checkpoint.safetensors    where the run goes on
    log.txt                        the same for people
    curves.png                     the loss curves, where matplotlib is installed

Every file appears whole or not at all; the three that grow are appended to line by line. `.lock`
names the process that trains.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from recurra.core.errors import ConfigError, FormatError
from recurra.core.parameters import Params
from recurra.formats import documents
from recurra.formats.atomic import SUFFIX, atomic_write
from recurra.formats.jsonl import JsonLines, append_bytes, cut, unwritable
from recurra.formats.model_file import save_model
from recurra.learning.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from recurra.learning.events import Event, Sampled
from recurra.learning.lock import Lock
from recurra.learning.requests import withdraw_all
from recurra.version import VERSION

RUN = "run.json"
METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
BEST = "best.safetensors"
CHECKPOINT = "last.checkpoint.safetensors"
LOG = "log.txt"
CURVES = "curves.png"
LOCK = ".lock"
FORMAT_VERSION = 1

Status = Literal["running", "paused", "finished", "interrupted", "failed"]

_OURS = (RUN, METRICS, SAMPLES, BEST, CHECKPOINT, LOG, CURVES)


class RunFolder:
    """A run folder that this process trains in, and no other one until `close`."""

    def __init__(self, path: Path, lock: Lock, document: dict[str, Any]) -> None:
        """Use `create`, `create_new` or `open` instead."""
        self.path = path
        self.document = document
        """What `run.json` holds."""
        self._lock = lock
        self._lines: dict[str, JsonLines] = {}
        self._log = -1

    @classmethod
    def create(
        cls, path: str | Path, document: Mapping[str, Any], *, replace: bool = False
    ) -> RunFolder:
        """Make a folder for a new run and take its lock.

        Args:
            path: the folder; made with its parents where it is missing.
            document: JSON data for `run.json`; `learning.resume.describe` makes it.
            replace: delete an earlier run's files first.
        Raises:
            ConfigError: the folder holds a run and `replace` is not set.
            ResourceError: another process trains there, or the folder cannot be written.
        """
        path = Path(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        return cls._begin(path, document, replace=replace)

    @classmethod
    def create_new(cls, root: str | Path, name: str, document: Mapping[str, Any]) -> RunFolder:
        """Make the folder `root/NAME-0001`, counting up to the first number that is free."""
        root = Path(root)
        name = _folder_name(name)
        try:
            root.mkdir(parents=True, exist_ok=True)
            taken = [path.name.removeprefix(f"{name}-") for path in root.glob(f"{name}-*")]
            number = 1 + max((int(tail) for tail in taken if tail.isdecimal()), default=0)
            while True:
                path = root / f"{name}-{number:04}"
                try:
                    path.mkdir()
                    break
                except FileExistsError:
                    number += 1
        except OSError as error:
            raise unwritable(root, error) from error
        return cls._begin(path, document, replace=False)

    @classmethod
    def _begin(cls, path: Path, document: Mapping[str, Any], *, replace: bool) -> RunFolder:
        run = cls(path, Lock(path / LOCK), {})
        try:
            held = [name for name in _OURS if (path / name).exists()]
            if held and not replace:
                raise ConfigError(
                    f"{path} holds another run ({held[0]}); take another folder, or resume that "
                    "run.",
                    "run",
                )
            run._sweep()
            if replace:
                withdraw_all(path)
            # run.json goes first: a folder without it is no run, whatever else a kill leaves.
            for name in _OURS:
                (path / name).unlink(missing_ok=True)
            run.document = {
                "format_version": FORMAT_VERSION,
                "status": "running",
                "message": None,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": _versions(),
                "progress": {},
                **document,
            }
            run._write_document()
        except OSError as error:
            run.close()
            raise unwritable(path, error) from error
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Take an existing run to go on with it.

        Raises: `FormatError` when it is no run folder, `ResourceError` when another process trains
        in it.
        """
        path = Path(path)
        document = read_document(path)
        run = cls(path, Lock(path / LOCK), document)
        run._sweep()
        return run

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files and let go of the lock; once is enough, more does no harm."""
        for lines in self._lines.values():
            lines.close()
        self._lines = {}
        if self._log >= 0:
            os.close(self._log)
            self._log = -1
        self._lock.release()

    # What is written

    def update(self, **changes: Any) -> None:
        """Change fields of `run.json`."""
        self.document = {**self.document, **changes}
        self._write_document()

    def set_status(self, status: Status, message: str | None = None) -> None:
        """Write how the run stands, and for a failure why."""
        self.update(status=status, message=message)

    def record(self, event: Event) -> None:
        """Append an event to `samples.jsonl` or `metrics.jsonl`."""
        name = SAMPLES if isinstance(event, Sampled) else METRICS
        self._open_lines(name).append(event.to_json())

    def log(self, sentence: str) -> None:
        """Append a line with the time to `log.txt`."""
        path = self.path / LOG
        try:
            if self._log < 0:
                self._log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise unwritable(path, error) from error
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        line = f"{stamp}  {' '.join(sentence.split())}\n"
        append_bytes(self._log, path, line.encode("utf-8", "backslashreplace"))

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint, after flushing the curve up to it to the disk."""
        for name in (METRICS, SAMPLES):
            self._open_lines(name).sync()
        checkpoint.metrics_bytes = self._lines[METRICS].size_bytes()
        checkpoint.samples_bytes = self._lines[SAMPLES].size_bytes()
        save_checkpoint(self.path / CHECKPOINT, checkpoint)

    def save_best(self, weights: Params, document: Mapping[str, Any]) -> None:
        """Write `best.safetensors`."""
        save_model(self.path / BEST, weights, document)

    # What is read back

    def load_checkpoint(self) -> Checkpoint | None:
        """Return the last checkpoint, None where the run was stopped before its first."""
        path = self.path / CHECKPOINT
        return load_checkpoint(path) if path.exists() else None

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Drop what was recorded after a checkpoint, or everything."""
        for lines in self._lines.values():
            lines.close()
        self._lines = {}
        cut(self.path / METRICS, checkpoint.metrics_bytes if checkpoint else 0)
        cut(self.path / SAMPLES, checkpoint.samples_bytes if checkpoint else 0)

    # Inside

    def _open_lines(self, name: str) -> JsonLines:
        if name not in self._lines:
            self._lines[name] = JsonLines(self.path / name)
        return self._lines[name]

    def _write_document(self) -> None:
        with atomic_write(self.path / RUN, "wb") as file:
            file.write(documents.dump(self.document, indent=2) + b"\n")

    def _sweep(self) -> None:
        """Delete what a process that was killed in the middle of a save has left beside."""
        for path in self.path.glob(f".*{SUFFIX}"):
            with suppress(OSError):
                path.unlink()


def read_document(path: str | Path) -> dict[str, Any]:
    """Return what a run folder's `run.json` holds.

    Raises: `FormatError` when there is none, or one that this version cannot read.
    """
    file = Path(path) / RUN
    try:
        document = documents.parse(file.read_bytes(), str(file))
    except FileNotFoundError:
        raise FormatError(f"{path} is no run folder: it has no {RUN}.") from None
    except OSError as error:
        raise FormatError(f"{file} cannot be read: {error.strerror or error}.") from None
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise FormatError(
            f"{file} has format version {version!r}, but this Recurra reads {FORMAT_VERSION}."
        )
    return document


def _versions() -> dict[str, str]:
    """Return the versions that a run's numbers may depend on."""
    versions = {"recurra": VERSION, "python": platform.python_version()}
    for name in ("numpy", "torch"):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _folder_name(name: str) -> str:
    """Return a name that every file system takes."""
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in name).strip(".-")
    return kept[:60] or "run"
