"""Files of data that are no texts: tables, labelled series, number sequences, music.

    data/ID/files/NAME    what was brought, under its own name made safe
    data/ID/data.json     what it is called, which kind it is of, and facts of it

Beside those there are the examples that come with each kind, and its public sets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from recurra.core.errors import ConfigError, FormatError
from recurra.datasets.catalogue import PREFIX
from recurra.datasets.files import get_files
from recurra.datasets.shelves import find
from recurra.studio import home
from recurra.studio.cache import Cache
from recurra.studio.errors import ConflictError, MissingError
from recurra.studio.home import Home
from recurra.studio.kinds import registry
from recurra.studio.kinds.base import Example, PublicSet
from recurra.studio.schema import DataEntry

DOCUMENT, FILES, CONTENT = "data.json", "files", "content"
EXAMPLE, PUBLIC = "example-", "public-"
MOST_FILES = 10_000
"""Files that one entry may have."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the files of an entry are."""

    id: str
    name: str
    paths: list[Path]
    """Files; none of a public set that is music, or not here."""
    inputs: list[str]
    """What a training is given: the files, or the name of the set."""


class DataFiles:
    """The data in a studio's folder, and the examples."""

    def __init__(self, place: Home, cache: Cache) -> None:
        self.folder = place.data
        self.cache = cache

    # What there is

    def entries(self, kind: str) -> list[DataEntry]:
        """Return the data of a kind: a person's own, newest first, the examples, public sets."""
        known = registry.find(kind)
        mine = [_entry(path) for path in home.members(self.folder, DOCUMENT)]
        mine = [entry for entry in mine if entry.kind == kind]
        mine.sort(key=lambda entry: (entry.added or "", entry.id), reverse=True)
        examples = [_example(kind, one) for one in known.examples()]
        return [*mine, *examples, *(_public(kind, one) for one in known.public())]

    def get(self, id: str) -> DataEntry:
        """Return one entry. Raises `MissingError`."""
        if id.startswith(EXAMPLE):
            return _example(*self._found(id))
        if id.startswith(PUBLIC):
            return _public(*_set(id))
        return _entry(self._path(id))

    def source(self, id: str) -> Source:
        """Return where the files are, and what a training is given. Raises `MissingError`."""
        if id.startswith(EXAMPLE):
            _, example = self._found(id)
            return _files(id, example.title, [example.file])
        if id.startswith(PUBLIC):
            _, named = _set(id)
            paths = [named.file] if named.file else []
            return Source(id, named.title, paths, [PREFIX + named.name])
        path = self._path(id)
        return _files(id, _entry(path).name, sorted((path / FILES).iterdir()))

    # What can be done with it

    def take_in(self, aside: Path, kind: str, name: str) -> DataEntry:
        """Make an entry of an upload: `aside` is a hidden folder that holds the file `content`.

        Raises: `FormatError` where the kind cannot read it; the folder is gone then.
        """
        try:
            known = registry.find(kind)
            shown = home.clean_name(name, "data")
            file = _put(aside, aside, shown)
            home.write(
                aside / DOCUMENT,
                {
                    "name": shown,
                    "kind": kind,
                    "added": home.now(),
                    "facts": _checked(known.check, file, shown),
                },
            )
            return _entry(home.reveal(aside))
        except BaseException:
            home.discard(aside)
            raise

    def take_more(self, aside: Path, id: str, name: str) -> DataEntry:
        """Add an upload to an entry of several files. Raises as `take_in`, and `ConflictError`."""
        try:
            path = self._path(id)
            entry = _entry(path)
            known = registry.find(entry.kind)
            if known.learns_from() != "files":
                raise ConflictError("Data of this kind are one file; bring another by itself.")
            if entry.files >= MOST_FILES:
                raise ConflictError(f"{entry.name} has {entry.files:,} files, which is the most.")
            shown = home.clean_name(name, "data")
            file = _put(aside, aside, shown)
            _checked(known.check, file, shown)
            place = path / FILES / file.name
            for n in range(2, MOST_FILES + 2):
                if not place.exists():
                    break
                place = path / FILES / f"{n}-{file.name}"
            file.rename(place)
            return _entry(path)
        finally:
            home.discard(aside)

    def fetch(self, id: str, told: Callable[[float], None]) -> DataEntry:
        """Bring a public set of one file here, check it, and look what is in it.

        Raises: what `get_files` raises; `ConflictError` for music, which a training brings.
        """
        if not id.startswith(PUBLIC):
            return self.get(id)
        kind, named = _set(id)
        if kind == "music":
            raise ConflictError(f"{named.title} is brought here by its first training.")
        dataset = find(named.name)
        (file,) = get_files(dataset, lambda done, whole, _: told(done / max(whole, 1)))
        facts = _facts(kind, file)
        return self.get(id).model_copy(update={"facts": facts})

    def survey(self, id: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is in the data, read with settings; what it holds depends on the kind.

        Raises: `ConflictError` for a public set that is music, of which the catalogue says what is
            in it, or that is not here.
        """
        entry, source = self.get(id), self.source(id)
        if not source.paths:
            if entry.kind != "music":
                raise ConflictError(f"{entry.name} is not on this computer yet; fetch it first.")
            raise ConflictError(f"{entry.name} is a public set; what is in it is said beside it.")
        known = registry.find(entry.kind)
        set_ = json.dumps(values, sort_keys=True, default=str)

        def look() -> tuple[dict[str, Any], int]:
            found = _checked(lambda _: known.survey(source.paths, values), source.paths[0],
                             source.name)  # fmt: skip
            return found, len(json.dumps(found))

        return self.cache.get(("data survey", id, entry.bytes, entry.files, set_), look)

    def rename(self, id: str, name: str) -> DataEntry:
        """Call a person's own data otherwise."""
        path = self._mine(id, "renamed")
        document = home.read(path / DOCUMENT)
        home.write(path / DOCUMENT, {**document, "name": home.clean_name(name, "data")})
        return _entry(path)

    def remove(self, id: str) -> None:
        """Remove a person's own data; models that learned from them stay."""
        home.discard(self._mine(id, "removed"))

    # Inside

    def _path(self, id: str) -> Path:
        path = home.member(self.folder, id, DOCUMENT)
        if path is None:
            raise MissingError("There are no such data here; they may have been removed.")
        return path

    def _mine(self, id: str, what: str) -> Path:
        if id.startswith(EXAMPLE):
            self._found(id)
            raise ConflictError(f"An example cannot be {what}.")
        if id.startswith(PUBLIC):
            _set(id)
            raise ConflictError(f"A public set cannot be {what}.")
        return self._path(id)

    def _found(self, id: str) -> tuple[str, Example]:
        for kind, example in _examples():
            if id == EXAMPLE + example.name:
                return kind, example
        raise MissingError("There is no such example.")


def _examples() -> Iterator[tuple[str, Example]]:
    for kind in registry.KINDS:
        yield from ((kind, one) for one in registry.find(kind).examples())


def _set(id: str) -> tuple[str, PublicSet]:
    for kind in registry.KINDS:
        for one in registry.find(kind).public():
            if id == PUBLIC + one.name:
                return kind, one
    raise MissingError("There is no such public set.")


def _files(id: str, name: str, paths: list[Path]) -> Source:
    return Source(id, name, paths, [str(path.absolute()) for path in paths])


def _put(aside: Path, folder: Path, name: str) -> Path:
    """Move what was received to where files are, under a name that is safe in a path."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[-100:] or "data"
    place = folder / FILES
    place.mkdir(exist_ok=True)
    return (aside / CONTENT).rename(place / safe)


def _checked(check: Any, file: Path, name: str) -> dict[str, Any]:
    """Return what a kind says of a file, its refusals with the name that a person knows."""
    try:
        found: dict[str, Any] = check(file)
        return found
    except (FormatError, ConfigError) as error:
        said = str(error).replace(str(file), name).replace(file.name, name)
        raise FormatError(said) from None


def _entry(path: Path) -> DataEntry:
    document = home.read(path / DOCUMENT)
    sizes = [file.stat().st_size for file in (path / FILES).iterdir()]
    return DataEntry(
        id=path.name,
        name=str(document.get("name", "data")),
        kind=str(document.get("kind", "")),
        origin="mine",
        bytes=sum(sizes),
        files=len(sizes),
        added=document.get("added"),
        about=None,
        facts=document.get("facts") or {},
    )


@lru_cache(maxsize=64)
def _facts(kind: str, file: Path) -> dict[str, Any]:
    return registry.find(kind).check(file)


def _example(kind: str, example: Example) -> DataEntry:
    return DataEntry(
        id=EXAMPLE + example.name,
        name=example.title,
        kind=kind,
        origin="example",
        bytes=example.file.stat().st_size,
        files=1,
        added=None,
        about=example.about,
        facts=_facts(kind, example.file),
    )


def _public(kind: str, one: PublicSet) -> DataEntry:
    return DataEntry(
        id=PUBLIC + one.name,
        name=one.title,
        kind=kind,
        origin="public",
        bytes=one.size_bytes,
        files=1,
        added=None,
        about=one.about,
        licence=one.licence,
        ready=one.ready,
        facts={},
    )
