"""The texts that there are: those that a person brought, and the public ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from recurra.core import random
from recurra.core.errors import ConfigError, FormatError, RecurraError
from recurra.datasets import registry
from recurra.datasets.catalogue import PREFIX, Dataset
from recurra.datasets.shelves import SHELVES
from recurra.formats.encodings import looks_like_text
from recurra.formats.sources import Document
from recurra.studio import home
from recurra.studio.cache import Cache
from recurra.studio.errors import ConflictError, MissingError
from recurra.studio.home import Home
from recurra.studio.schema import Advice, CorpusEntry, HistogramBar, SplitSizes, Survey
from recurra.tasks.text.advice import advice
from recurra.tasks.text.copies import TrainingText
from recurra.tasks.text.corpus import Corpus, load_corpus
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.survey import survey

Told = Callable[[float], None]
"""Called with the share that is done."""

DOCUMENT, TEXT = "corpus.json", "text"
PUBLIC = "public-"
PREVIEW = 2000
ENOUGH, PLENTY = 100_000, 1_000_000
"""Characters from which on a model learns to write like a text, and from which on it does well."""

_SHOWN = {"\n": "⏎", "\t": "⇥", "\r": "␍", " ": "␣", "\u00a0": "⍽"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a text is."""

    id: str
    name: str
    documents: list[Document]
    inputs: list[str]
    """What finds it again, for a run's `run.json`."""


class Corpora:
    """The texts in a studio's folder, and the registry's."""

    def __init__(self, place: Home, cache: Cache) -> None:
        self.folder = place.corpora
        self.cache = cache

    # What there is

    def entries(self) -> list[CorpusEntry]:
        """Return every text: a person's own, newest first, then the public ones."""
        mine = [_entry(path) for path in home.members(self.folder, DOCUMENT)]
        mine.sort(key=lambda entry: (entry.added or "", entry.id), reverse=True)
        return [*mine, *(_public(dataset) for dataset in SHELVES["text"].sets)]

    def get(self, id: str) -> CorpusEntry:
        """Return one text. Raises `MissingError`."""
        if id.startswith(PUBLIC):
            return _public(self._dataset(id))
        return _entry(self._path(id))

    def source(self, id: str) -> Source:
        """Return where a text is, to read it now.

        Raises: `MissingError`; `ConflictError` for a public one that is not here.
        """
        entry = self.get(id)
        if id.startswith(PUBLIC):
            dataset = self._dataset(id)
            if not entry.ready:
                raise ConflictError(f"{dataset.title} is not on this computer yet; fetch it first.")
            named = f"{PREFIX}{dataset.name}"
            return Source(id, dataset.name, registry.open_dataset(dataset.name), [named])
        path = self._path(id) / TEXT
        return Source(id, entry.name, [Document.of_file(path, entry.name)], [str(path.absolute())])

    def known_as(self, sha256: str | None, inputs: list[str]) -> CorpusEntry | None:
        """Return the text that a model was trained on, by what its file says; None if not here."""
        for name in inputs[:1]:
            if dataset := SHELVES["text"].named(name.removeprefix(PREFIX)):
                return _public(dataset)
        for path in home.members(self.folder, DOCUMENT):
            if sha256 and home.read(path / DOCUMENT).get("sha256") == sha256:
                return _entry(path)
        return None

    # What can be done with it

    def take_in(self, aside: Path, name: str) -> CorpusEntry:
        """Make a corpus of an upload: `aside` is a hidden folder that holds the file `text`.

        Raises: `FormatError` where it is no text; the folder is gone then.
        """
        try:
            name = home.clean_name(name, "text")
            document = Document.of_file(aside / TEXT, name)
            if not looks_like_text(document.beginning(65_536)):
                raise FormatError(
                    f"{name} is not a text: it holds binary data. Bring a plain text file (.txt), "
                    "or one packed with gzip or xz."
                )
            digest = hashlib.sha256()
            for block, _ in document.blocks():
                digest.update(block)
            found = survey([document], TextOptions().reading())
            if not found.length:
                raise ConfigError(f"{name} is empty; bring a text with something in it.")
            home.write(
                aside / DOCUMENT,
                {
                    "name": name,
                    "added": home.now(),
                    "bytes": (aside / TEXT).stat().st_size,
                    "characters": found.total.characters,
                    "sha256": digest.hexdigest(),
                },
            )
            return _entry(home.reveal(aside))
        except BaseException:
            home.discard(aside)
            raise

    def fetch(self, id: str, told: Told) -> CorpusEntry:
        """Bring a public text to this computer; raises what `registry.get_dataset` raises."""
        if not id.startswith(PUBLIC):
            return self.get(id)
        dataset = self._dataset(id)
        registry.get_dataset(dataset.name, lambda done, whole, _: told(done / max(whole, 1)))
        return _public(dataset)

    def read(self, id: str, options: TextOptions) -> Corpus:
        """Return a text as tokens. Raises what `load_corpus` raises."""
        entry = self.get(id)
        key = ("corpus", id, entry.bytes, options.model_dump_json())

        def load() -> tuple[Corpus, int]:
            corpus = load_corpus(self.source(id).documents, options)
            return corpus, int(corpus.tokens.nbytes)

        return self.cache.get(key, load)

    def training_text(self, id: str, options: TextOptions, corpus: Corpus) -> TrainingText:
        """Return the training split to look for copies in, with what the search has built.

        That is four bytes a character; it is not kept where it takes half of the room or more.
        """
        key = ("training text", id, corpus.sha256, options.model_dump_json())
        keep = 8 * len(corpus.split("train").tokens) <= self.cache.bytes

        def load() -> tuple[TrainingText, int]:
            made = TrainingText(corpus, keep=keep)
            return made, made.held_bytes

        return self.cache.get(key, load)

    def survey(self, id: str, values: dict[str, Any]) -> Survey:
        """Return what is in a text, read with settings of `TextOptions`."""
        options = TextOptions.parse(values)
        entry = self.get(id)
        key = ("survey", id, entry.bytes, json.dumps(values, sort_keys=True, default=str))

        def look() -> tuple[Survey, int]:
            return _surveyed(self.source(id), options, self.read(id, options)), 1 << 16

        return self.cache.get(key, look)

    def passage(self, id: str, length: int, seed: int) -> str:
        """Return a passage of so many characters, from the held-out part where there is one."""
        corpus = self.read(id, TextOptions())
        held_out = corpus.split("validation")
        name: Any = "validation" if len(held_out) > length else "train"
        tokens = len(corpus.split(name))
        draw = random.uniforms(seed, random.EVALUATE, 1)[0]
        first = int(draw * max(1, tokens - length))
        return corpus.text(name, first, first + length)

    def rename(self, id: str, name: str) -> CorpusEntry:
        """Call a person's own text otherwise."""
        path = self._mine(id, "renamed")
        document = home.read(path / DOCUMENT)
        home.write(path / DOCUMENT, {**document, "name": home.clean_name(name, "text")})
        return _entry(path)

    def remove(self, id: str) -> None:
        """Remove a person's own text; models that learned it stay."""
        home.discard(self._mine(id, "removed"))

    # Inside

    def _path(self, id: str) -> Path:
        path = home.member(self.folder, id, DOCUMENT)
        if path is None:
            raise MissingError("There is no such text here; it may have been removed.")
        return path

    def _mine(self, id: str, what: str) -> Path:
        if id.startswith(PUBLIC):
            self._dataset(id)
            raise ConflictError(f"A public text cannot be {what}.")
        return self._path(id)

    def _dataset(self, id: str) -> Dataset:
        for dataset in SHELVES["text"].sets:
            if id == PUBLIC + dataset.name:
                return dataset
        raise MissingError("There is no such public text.")


def _entry(path: Path) -> CorpusEntry:
    document = home.read(path / DOCUMENT)
    return CorpusEntry(
        id=path.name,
        name=str(document.get("name", "text")),
        origin="mine",
        bytes=document.get("bytes"),
        characters=document.get("characters"),
        added=document.get("added"),
        licence=None,
        about=None,
        ready=True,
    )


def _public(dataset: Dataset) -> CorpusEntry:
    try:
        ready = registry.whereabouts(dataset) is not None
    except RecurraError:
        ready = False
    return CorpusEntry(
        id=PUBLIC + dataset.name,
        name=dataset.title,
        origin="public",
        bytes=dataset.size_bytes,
        characters=None,
        added=None,
        licence=dataset.licence,
        about=dataset.what,
        ready=ready,
    )


def _surveyed(source: Source, options: TextOptions, corpus: Corpus) -> Survey:
    # Characters are counted as a person reads them, whatever the tokens are.
    reading = replace(options.reading(), encoding=options.encoding)
    counts = survey(source.documents, reading).counts
    present = np.flatnonzero(counts)
    order = present[np.argsort(-counts[present], kind="stable")][:500]
    bars = [
        HistogramBar(character=chr(n), shown=shown(chr(n)), count=int(counts[n]))
        for n in order
        if not 0xD800 <= n < 0xE000
    ]
    names: tuple[Any, ...] = ("train", "validation", "test")
    sizes = {name: len(corpus.split(name)) for name in names}
    return Survey(
        characters=corpus.characters,
        lines=int(counts[10]) or 1,
        words=corpus.words,
        histogram=bars,
        vocabulary_size=corpus.vocabulary.size,
        preview=_preview(corpus),
        split=SplitSizes(**sizes),
        advice=_advice(corpus),
    )


def shown(character: str) -> str:
    """Return a character as a person can see it."""
    if character in _SHOWN:
        return _SHOWN[character]
    if ord(character) < 32:
        return chr(0x2400 + ord(character))
    return character if character.isprintable() else f"U+{ord(character):04X}"


def _preview(corpus: Corpus) -> str:
    text = corpus.vocabulary.decode(corpus.tokens[: 4 * PREVIEW])
    return text[:PREVIEW].encode("utf-8", "replace").decode()


def _advice(corpus: Corpus) -> list[Advice]:
    found = [Advice(level="warning", text=_in_words(one)) for one in advice(corpus)]
    if corpus.encoding.facts.repeated_line or corpus.characters < ENOUGH:
        return found
    if corpus.characters < PLENTY:
        said = Advice(
            level="note",
            text=f"{corpus.characters:,} characters are enough to learn from; with a million a "
            "model writes better.",
        )
    else:
        said = Advice(level="good", text=f"{corpus.characters:,} characters: plenty to learn from.")
    return [said, *found]


def _in_words(sentence: str) -> str:
    """Return advice with settings called as a form calls them, not as flags."""
    words = [
        word.removeprefix("--").replace("-", "_") if word.startswith("--") else word
        for word in sentence.split(" ")
    ]
    return " ".join(words)
