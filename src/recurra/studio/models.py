"""The models that there are: those that were kept or brought, and the best one of every run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recurra.core.errors import ConfigError, FormatError
from recurra.core.parameters import parameter_count
from recurra.core.spec import Spec
from recurra.formats.model_file import read_document
from recurra.learning.run_folder import BEST
from recurra.studio import home
from recurra.studio.cache import Cache
from recurra.studio.corpora import Corpora
from recurra.studio.errors import ConflictError, MissingError
from recurra.studio.home import Home
from recurra.studio.kinds import registry
from recurra.studio.schema import ModelCorpus, ModelEntry
from recurra.studio.trainings import Trainings

FILE, DOCUMENT = "model.safetensors", "model.json"
OF_RUN = "run-"
_UNITS = {"characters": "character", "bytes": "byte", "words": "word", "subwords": "subword"}


@dataclass(slots=True)
class Loaded:
    """A model in memory, which works for one thread at a time: who uses it takes `lock`."""

    model: Any
    """What the kind's `load` returns."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a model is and what is known of it beside its file."""

    id: str
    file: Path
    name: str
    created: str
    run: str | None
    corpus: dict[str, Any]


class Models:
    """The models in a studio's folder, and those of its runs."""

    def __init__(self, place: Home, corpora: Corpora, trainings: Trainings, cache: Cache) -> None:
        self.folder = place.models
        self.corpora = corpora
        self.trainings = trainings
        self.cache = cache

    # What there is

    def entries(self) -> list[ModelEntry]:
        """Return every model that can be read, newest first, without the tokens of vocabularies.

        A vocabulary has tens of thousands of them; `get` returns them too.
        """
        found = []
        for place in self._places():
            try:
                found.append(_listed(self._entry(place)))
            except FormatError:
                continue  # it is being written anew, or was damaged; its run still shows
        return sorted(found, key=lambda model: (model.created, model.id), reverse=True)

    def get(self, id: str) -> ModelEntry:
        """Return one model. Raises `MissingError`, and `FormatError` where its file is damaged."""
        return self._entry(self._place(id))

    def file(self, id: str) -> tuple[Path, str]:
        """Return the file of a model and the name to download it by."""
        place = self._place(id)
        kept = "".join(c if c.isalnum() or c in " ._-" else "-" for c in place.name).strip(" .-")
        return place.file, f"{kept or 'model'}.safetensors"

    def load(self, id: str, kind: str = "text") -> Loaded:
        """Return a model ready to be used, read and checked when it is first asked for.

        Raises: `ConflictError` where it is of another kind.
        """
        place = self._place(id)
        found = self._entry(place).kind
        if found != kind:
            raise ConflictError(f"{place.name} is a model of {found}, which cannot do this.")
        facts = _facts(place.file)

        def read() -> tuple[Loaded, int]:
            try:
                return Loaded(registry.find(kind).load(place.file)), 4 * facts[1]
            except FormatError as error:
                raise _nameless(error, place.file, place.name) from None

        return self.cache.get(("model", id, facts), read)

    # What can be done with it

    def take_in(self, aside: Path, name: str) -> ModelEntry:
        """Make a model of an upload: `aside` is a hidden folder that holds `model.safetensors`.

        Raises: `FormatError` where it is not a whole and sound model; the folder is gone then.
        """
        try:
            shown = home.clean_name(name.removesuffix(".safetensors"), "model")
            try:
                document = _checked(aside / FILE)
            except FormatError as error:
                raise _nameless(error, aside / FILE, shown) from None
            data = document["provenance"].get("data") or {}
            named = [str(one) for one in data.get("inputs") or []]
            home.write(
                aside / DOCUMENT,
                {
                    "name": shown,
                    "created": home.now(),
                    "run": None,
                    "corpus": {"id": None, "name": ", ".join(named[:3]) or None},
                },
            )
            return self.get(home.reveal(aside).name)
        except BaseException:
            if aside.exists():
                home.discard(aside)
            raise

    def rename(self, id: str, name: str) -> ModelEntry:
        """Call a model otherwise; that of a run goes by the run's name."""
        if id.startswith(OF_RUN):
            self._place(id)
            self.trainings.rename(id.removeprefix(OF_RUN), name)
            return self.get(id)
        path = self._path(id)
        document = home.read(path / DOCUMENT)
        home.write(path / DOCUMENT, {**document, "name": home.clean_name(name, "model")})
        return self.get(id)

    def remove(self, id: str) -> None:
        """Remove a model. Raises `ConflictError` for that of a run."""
        if id.startswith(OF_RUN):
            self._place(id)
            raise ConflictError("This model belongs to its run; remove the run, or keep both.")
        home.discard(self._path(id))

    # Inside

    def _path(self, id: str) -> Path:
        path = home.member(self.folder, id, DOCUMENT)
        if path is None:
            raise MissingError("There is no such model here; it may have been removed.")
        return path

    def _place(self, id: str) -> _Place:
        if id.startswith(OF_RUN):
            run = self.trainings.get(id.removeprefix(OF_RUN))
            file = self.trainings.path(run.id) / BEST
            if not file.is_file():
                raise MissingError("This run has no model yet.")
            return _Place(id, file, run.name, run.created, run.id, run.corpus.model_dump())
        return self._kept(self._path(id))

    def _kept(self, path: Path) -> _Place:
        known = home.read(path / DOCUMENT)
        return _Place(
            path.name, path / FILE, str(known.get("name", "model")), str(known.get("created", "")),
            known.get("run"), known.get("corpus") or {},
        )  # fmt: skip

    def _places(self) -> Iterator[_Place]:
        for path in home.members(self.folder, DOCUMENT):
            yield self._kept(path)
        for run in self.trainings.entries():
            if run.model is not None:
                try:
                    yield self._place(run.model)
                except MissingError:
                    continue  # removed meanwhile

    def _entry(self, place: _Place) -> ModelEntry:
        facts = _facts(place.file)

        def read() -> tuple[dict[str, Any], int]:
            try:
                return read_document(place.file), 1 << 16
            except FormatError as error:
                raise _nameless(error, place.file, place.name) from None

        document = self.cache.get(("document", place.id, facts), read)
        try:
            return _described(place, facts[1], document, self.corpora)
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise FormatError(f"{place.name} is a damaged model file ({error}).") from None


def _checked(file: Path) -> dict[str, Any]:
    """Return the document of a model that was brought, of whatever kind, once it loads."""
    document = read_document(file)
    task = document.get("task")
    kind = task.get("kind") if isinstance(task, dict) else None
    if kind not in registry.KINDS:
        raise FormatError(f"{file} is a model of {kind!r}, which this version does not know.")
    registry.find(kind).load(file)
    return document


def _described(place: _Place, size: int, document: dict[str, Any], corpora: Corpora) -> ModelEntry:
    spec = Spec.parse(document["spec"])
    task, provenance = document["task"], document["provenance"]
    scores, data = provenance.get("scores") or {}, provenance.get("data") or {}
    vocabulary = task.get("vocabulary")
    kind = vocabulary.get("kind", "") if isinstance(vocabulary, dict) else ""
    corpus = place.corpus
    if corpus.get("id") is None:
        inputs = [str(one) for one in data.get("inputs") or []]
        known = corpora.known_as(data.get("sha256"), inputs)
        if known is not None:
            corpus = {"id": known.id, "name": known.name}
    return ModelEntry(
        id=place.id,
        name=place.name,
        kind=str(task["kind"]),
        created=place.created,
        bytes=size,
        parameters=parameter_count(spec),
        network=network_name(spec),
        vocabulary_size=spec.head.outputs,
        unit=_UNITS.get(kind, kind or "step"),
        loss_nats=scores.get("held_out_loss_nats"),
        bits_per_char=scores.get("held_out_bits_per_char"),
        corpus=ModelCorpus(id=corpus.get("id"), name=corpus.get("name")),
        run=place.run,
        document=document,
    )


def _listed(entry: ModelEntry) -> ModelEntry:
    """Return a model as lists show it."""
    task = entry.document["task"]
    vocabulary = task.get("vocabulary")
    if not isinstance(vocabulary, dict):
        return entry
    short = {key: v for key, v in vocabulary.items() if key == "kind" or _is_small(v)}
    document = {**entry.document, "task": {**task, "vocabulary": short}}
    return entry.model_copy(update={"document": document})


def _is_small(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def network_name(spec: Spec) -> str:
    """Return a network in a few words: "LSTM 256, 256"."""
    sizes = ", ".join(str(size) for size in spec.stack.sizes)
    return f"{'GRU' if spec.stack.cell.gru else 'LSTM'} {sizes}"


def _facts(file: Path) -> tuple[int, int, int]:
    """Return what changes when a file is replaced: number, size, time."""
    try:
        found = file.stat()
    except OSError:
        raise MissingError("There is no such model here; it may have been removed.") from None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _nameless(error: FormatError, file: Path, name: str) -> FormatError:
    """Return the error with the model's name in place of where the studio keeps it."""
    return FormatError(str(error).replace(str(file), name))
