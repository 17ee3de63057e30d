"""The runs that there are, and the processes that train them."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.formats.model_file import save_model
from recurra.learning import requests
from recurra.learning.lock import Holder, read_holder
from recurra.learning.run_folder import BEST, CHECKPOINT, LOCK, METRICS, RUN, read_document
from recurra.learning.snapshot import snapshot
from recurra.learning.survey import summarise
from recurra.studio import home
from recurra.studio.corpora import Corpora
from recurra.studio.curve import Curve
from recurra.studio.data import DataFiles
from recurra.studio.errors import ConflictError, MissingError
from recurra.studio.home import Home
from recurra.studio.kinds import registry
from recurra.studio.schema import NamedCorpus, RunEntry, RunStatus, StartRequest
from recurra.studio.trainer import FAILED, ORDER, OUTPUT, PROCESS

FRESH_S = 0.2
"""How long an answer about a run is given again without looking."""
SAVE_S = 60.0
"""How long a training is given to write a checkpoint when it is asked to."""
STEP_S = 60.0
"""How long a single step is waited for; with it comes a validation where one is due."""
KILL_S = 5.0


@dataclass(slots=True)
class _Known:
    """What is remembered of a run between two looks."""

    curve: Curve
    entry: RunEntry | None = None
    looked: float = 0.0


class Trainings:
    """The runs in a studio's folder, and those of other folders that were named.

    Args:
        others: folders of run folders made elsewhere, such as by `recurra train`. They are shown
            and can be paused, resumed and stopped, but not removed.
        most: trainings at the same time.
    """

    def __init__(
        self, place: Home, corpora: Corpora, data: DataFiles, *, others: tuple[Path, ...], most: int
    ):
        self.folder = place.runs
        self.models = place.models
        self.corpora = corpora
        self.data = data
        self.others = others
        self.most = most
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._known: dict[Path, _Known] = {}
        self._lock = threading.RLock()

    # What there is

    def entries(self, kind: str | None = None) -> list[RunEntry]:
        """Return every run, or those of one kind, newest first."""
        with self._lock:
            found = [self._entry(path) for path in self._paths()]
        found = [run for run in found if kind in (None, run.kind)]
        return sorted(found, key=lambda run: (run.created, run.id), reverse=True)

    def get(self, id: str, *, fresh: bool = False) -> RunEntry:
        """Return one run as it stands, or just stood (`FRESH_S`). Raises `MissingError`."""
        path = self.path(id)
        with self._lock:
            return self._entry(path, fresh=fresh)

    def path(self, id: str) -> Path:
        """Return the folder of a run. Raises `MissingError`."""
        path = home.member(self.folder, id, ORDER)
        if path is None:
            path = next((one for one in self._elsewhere() if _id_of(one) == id), None)
        if path is None:
            raise MissingError("There is no such run here; it may have been removed.")
        return path

    def _paths(self) -> Iterator[Path]:
        yield from home.members(self.folder, ORDER)
        yield from self._elsewhere()

    def _elsewhere(self) -> Iterator[Path]:
        for root in self.others:
            yield from (file.parent for file in sorted(root.glob(f"*/{RUN}")))

    def _is_ours(self, path: Path) -> bool:
        return path.parent == self.folder

    def _entry(self, path: Path, *, fresh: bool = False) -> RunEntry:
        known = self._known.setdefault(path, _Known(Curve(path / METRICS)))
        entry = known.entry
        # One that rests changes only when it is told to, and whoever told it wants to see that.
        resting = entry is not None and entry.status == "paused"
        if entry is None or fresh or resting or time.monotonic() - known.looked > FRESH_S:
            known.entry = entry = self._look(path, known.curve.update())
            known.looked = time.monotonic()
        return entry

    def _look(self, path: Path, curve: Curve) -> RunEntry:
        order = home.read(path / ORDER)
        try:
            document = read_document(path)
        except FormatError:
            document = {}
        status, message = self._status(path, document)
        id = path.name if self._is_ours(path) else _id_of(path)
        corpus = order.get("corpus") or self._corpus_of(document)
        standing = document.get("progress") or {}
        has_model = (path / BEST).is_file()
        return RunEntry(
            id=id,
            name=str(order.get("name") or path.name),
            kind=str((document.get("task") or order).get("kind") or "text"),
            status=status,
            message=message and message.replace(str(path), "this run"),
            created=str(order.get("created") or document.get("created") or ""),
            corpus=NamedCorpus(id=corpus.get("id"), name=str(corpus.get("name", "text"))),
            preset=order.get("preset"),
            options=_options(document) or order.get("options") or {},
            step=max(curve.step, int(standing.get("step") or 0)),
            steps=curve.steps,
            seconds=curve.seconds,
            elapsed_s=max(curve.elapsed_s, float(standing.get("elapsed_s") or 0.0)),
            progress=1.0 if status == "finished" else curve.progress(),
            best_loss_nats=curve.best_loss_nats,
            parameters=curve.parameters,
            model=f"run-{id}" if has_model else None,
        )

    def _status(self, path: Path, document: Mapping[str, Any]) -> tuple[RunStatus, str | None]:
        """Return how a run stands and why, as it is and not only as its files say."""
        if not self._is_ours(path) and read_holder(path / PROCESS) is None:
            found = summarise(path)
            return found.status, found.message
        if self._holder(path) is not None:
            paused = document.get("status") == "paused"
            return ("paused" if paused else "running"), None
        failed = home.read(path / FAILED).get("message")
        if failed is not None:
            return "failed", str(failed)
        status = document.get("status")
        if status in ("finished", "failed"):
            return status, document.get("message")
        return "interrupted", None

    def _corpus_of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        data = document.get("provenance") or {}
        inputs = [str(one) for one in data.get("inputs") or []]
        entry = self.corpora.known_as(data.get("sha256"), inputs)
        if entry is not None:
            return {"id": entry.id, "name": entry.name}
        return {"id": None, "name": ", ".join(Path(one).name for one in inputs[:3]) or "no file"}

    # Processes

    def _holder(self, path: Path) -> Holder | None:
        """Return the process that trains a run, if one does."""
        self.reap()
        child = self._children.get(str(path))
        if child is not None:
            return Holder(child.pid, None, "")
        for name in (PROCESS, LOCK):
            holder = read_holder(path / name)
            if holder is not None and holder.alive():
                return holder
        return None

    def reap(self) -> None:
        """Ask how children have ended, so that the system forgets them."""
        with self._lock:
            for key, child in list(self._children.items()):
                if child.poll() is not None:
                    del self._children[key]

    def _launch(self, path: Path) -> None:
        """Start the process that trains a run."""
        (path / FAILED).unlink(missing_ok=True)
        requests.withdraw_all(path)
        options: dict[str, Any] = {}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            # Ctrl-C in the server's terminal is not for the trainings.
            options["start_new_session"] = True
        try:
            with open(path / OUTPUT, "ab") as output:
                self._children[str(path)] = subprocess.Popen(
                    [sys.executable, "-P", "-m", "recurra.studio.trainer", str(path)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    **options,
                )
        except OSError as error:
            raise ResourceError(
                f"the training could not be started: {error.strerror or error}."
            ) from error

    def _check_room(self) -> None:
        running = sum(run.status in ("running", "paused") for run in self.entries())
        if running >= self.most:
            raise ConflictError(
                f"{running} trainings are under way already, which is as many as this studio runs "
                "at a time; stop one, or wait for it."
            )

    # What can be done

    def start(self, request: StartRequest) -> RunEntry:
        """Start a training.

        Raises: `ConfigError` for a setting that cannot be, and what `Corpora.source` and
            `DataFiles.source` raise.
        """
        kind = registry.find(request.kind)
        if not kind.budgeted(request.options, request.preset):
            raise ConfigError("a training needs a budget: steps, epochs or seconds.", "steps")
        id, shown, inputs = self._learned(request)
        name = home.clean_name(request.name or "", shown)
        with self._lock:
            self._check_room()
            aside = home.make_aside(self.folder)
            home.write(
                aside / ORDER,
                {
                    "name": name,
                    "kind": request.kind,
                    "created": home.now(),
                    "corpus": {"id": id, "name": shown},
                    "inputs": inputs,
                    "preset": request.preset,
                    "options": request.options,
                },
            )
            path = home.reveal(aside)
            self._launch(path)
            return self._entry(path, fresh=True)

    def _learned(self, request: StartRequest) -> tuple[str | None, str, list[str]]:
        """Return id and name of what a training learns from, and where it is found again."""
        wanted = registry.find(request.kind).learns_from()
        if wanted == "a corpus":
            if request.corpus is None:
                raise ConfigError("a training needs a text to learn from.", "corpus")
            source = self.corpora.source(request.corpus)
            return source.id, self.corpora.get(request.corpus).name, source.inputs
        if request.data is None:
            if wanted != "a file or nothing":
                raise ConfigError("a training needs data to learn from.", "data")
            return None, "Families of sequences", []
        entry = self.data.get(request.data)
        if entry.kind != request.kind:
            raise ConfigError(f"{entry.name} is brought for another kind of training.", "data")
        found = self.data.source(request.data)
        return found.id, found.name, found.inputs

    def pause(self, id: str) -> None:
        """Let a training rest between two steps. Raises `ConflictError` where none runs."""
        path = self.path(id)
        if self.get(id, fresh=True).status not in ("running", "paused"):
            raise ConflictError("This run is not training, so it cannot be paused.")
        requests.ask(path, "pause")

    def step(self, id: str) -> None:
        """Let a training that rests take one step; returns once it rests again. Takes seconds.

        Raises: `ConflictError` where it does not rest.
        """
        path = self.path(id)
        rests = self.get(id, fresh=True).status == "paused"
        # Told to go on, it may not have done so yet.
        if not rests or not requests.is_asked(path, "pause"):
            raise ConflictError("This run is not paused, so it cannot take a single step.")
        requests.ask(path, "step")
        self._await(path, "step", STEP_S)

    def resume(self, id: str, changes: Mapping[str, Any]) -> None:
        """Go on with a training that is paused, was stopped, or has finished its budget."""
        path = self.path(id)
        with self._lock:
            if self._holder(path) is not None:
                if changes:
                    raise ConflictError(
                        "A training's settings can be changed once it is stopped; stop it first."
                    )
                requests.withdraw(path, "pause")
                return
            self._check_changes(path, changes)
            self._check_room()
            order = home.read(path / ORDER)
            home.write(path / ORDER, {**order, "changes": dict(changes)})
            self._launch(path)
            self._entry(path, fresh=True)

    def _check_changes(self, path: Path, changes: Mapping[str, Any]) -> None:
        """Raise `ConfigError` for what `learning.resume` would refuse, before a process starts."""
        from recurra.learning.resume import check_changes

        if (path / RUN).is_file():
            try:
                check_changes(path, changes)
            except ConfigError as error:
                sentence = str(error).replace(str(path), "this run")
                raise ConfigError(sentence, error.field) from None
        elif changes:
            raise ConfigError("this run never began; start it anew with other settings.")

    def stop(self, id: str) -> None:
        """End a training; what it has learned stays."""
        path = self.path(id)
        with self._lock:
            holder = self._holder(path)
            if holder is None:
                raise ConflictError("This run is not training, so there is nothing to stop.")
            inside = read_holder(path / LOCK)
            if inside is not None and inside.alive() is not False:
                requests.ask(path, "stop")
            else:
                # It is still reading its text: nothing is lost, and nobody would hear a request.
                _terminate(holder)

    def keep(self, id: str, name: str) -> str:
        """Make a model of its own from a run as it is now; return its id. Takes seconds.

        Raises: `ConfigError` where nothing was learned yet.
        """
        path = self.path(id)
        entry = self.get(id, fresh=True)
        if entry.status in ("running", "paused"):
            self._save_now(path)
        weights, document = snapshot(path)
        aside = home.make_aside(self.models)
        try:
            save_model(aside / "model.safetensors", weights, document)
            shown = home.clean_name(name, f"{entry.name}, step {document['provenance']['steps']:,}")
            home.write(
                aside / "model.json",
                {
                    "name": shown,
                    "created": home.now(),
                    "run": id,
                    "corpus": entry.corpus.model_dump(),
                },
            )
        except BaseException:
            home.discard(aside)
            raise
        return home.reveal(aside).name

    def _save_now(self, path: Path) -> None:
        """Ask a training for a checkpoint and wait for it."""
        if not (path / CHECKPOINT).is_file():
            raise ConfigError("this run has not taken a step yet, so there is nothing to keep.")
        requests.ask(path, "save")
        if not self._await(path, "save", SAVE_S):
            requests.withdraw(path, "save")  # the last checkpoint has to do

    def _await(self, path: Path, request: requests.Request, seconds: float) -> bool:
        """Wait until a training has done what it was asked; return whether it has."""
        until = time.monotonic() + seconds
        while requests.is_asked(path, request):
            if time.monotonic() > until or self._holder(path) is None:
                return False
            time.sleep(0.05)
        return True

    def rename(self, id: str, name: str) -> RunEntry:
        """Call a run otherwise; its folder stays."""
        path = self.path(id)
        with self._lock:
            order = home.read(path / ORDER)
            home.write(path / ORDER, {**order, "name": home.clean_name(name, path.name)})
            return self._entry(path, fresh=True)

    def remove(self, id: str) -> None:
        """Remove a run and its model. Raises `ConflictError` while it trains."""
        path = self.path(id)
        if not self._is_ours(path):
            raise ConflictError(
                f"This run was made on the command line and belongs to the folder "
                f"{path.parent.name}; delete it there."
            )
        with self._lock:
            if self._holder(path) is not None:
                raise ConflictError("This run is still training; stop it first.")
            home.discard(path)
            self._known.pop(path, None)


def _terminate(holder: Holder) -> None:
    """End a process that has nothing to lose."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(holder.pid, signal.SIGTERM)


def _id_of(path: Path) -> str:
    """Return the id of a run that was made elsewhere: always the same for the same folder."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]


def _options(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of `run.json` by name, those of the cell among them."""
    found: dict[str, Any] = {}
    for part in (document.get("options") or {}).values():
        if isinstance(part, Mapping):
            found |= part
    cell = found.pop("cell", None)
    return {**found, **cell} if isinstance(cell, Mapping) else found
