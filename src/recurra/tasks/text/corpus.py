"""A text of any size as a sequence of tokens, with what is needed to train on it and to score it.

Three passes, each a piece at a time: a digest of the bytes (for the cache), a survey, and the
encoding. Short texts stay in memory; long ones go to a memory-mapped file in the user's cache,
under a key made of their content and the options, and are encoded once.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.datasets.registry import resolve
from recurra.formats.sources import Document, find_documents
from recurra.formats.text import read_text
from recurra.tasks.text import token_cache
from recurra.tasks.text.encoding import Encoding, cut_positions, encode_documents
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.survey import Progress, Survey, survey
from recurra.tasks.text.vocabulary import (
    ByteVocabulary,
    CharacterVocabulary,
    Tokens,
    Vocabulary,
)

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

HOLD_BYTES = 32 << 20
"""Texts up to so long are held in memory while they are encoded; longer ones are read again."""
KEEP_BYTES = 64 << 20
"""Longer texts go to the cache; shorter ones are encoded anew in less than a second."""
KEEP_BYTES_SLOW = 1 << 20
"""The same for words and subwords, which take longer."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a corpus."""

    tokens: NDArray[Any]
    """[tokens] of the vocabulary's dtype; a view."""
    start: int
    """Position in the corpus of the first token."""
    resets: NDArray[np.int64]
    """Positions in this span before which the state is zero, increasing."""
    characters: int
    bytes: int
    words: int

    def __len__(self) -> int:
        return len(self.tokens)

    def bits_per_character(self, nats_per_token: float) -> float:
        """Return what a mean loss over this span's tokens costs a character."""
        return nats_per_token / math.log(2) * len(self.tokens) / max(self.characters, 1)

    def bits_per_word(self, nats_per_token: float) -> float:
        """Return what it costs a word, that is a run of characters without white space."""
        return nats_per_token / math.log(2) * len(self.tokens) / max(self.words, 1)


@dataclass(frozen=True, slots=True)
class Corpus:
    """One or more documents as tokens."""

    names: tuple[str, ...]
    """The documents."""
    sha256: str
    """Of the documents' bytes, decompressed, one after the other."""
    options: TextOptions
    vocabulary: Vocabulary
    encoding: Encoding
    notes: tuple[str, ...]
    """One sentence for each thing that was left out on the way."""

    @property
    def tokens(self) -> NDArray[Any]:
        """[tokens] of the vocabulary's dtype, in memory or mapped from the cache."""
        return self.encoding.tokens

    @property
    def characters(self) -> int:
        return self.encoding.cuts[-1].characters

    @property
    def bytes(self) -> int:
        """Of the text in UTF-8, after line ends and normal form are made uniform."""
        return self.encoding.cuts[-1].bytes

    @property
    def words(self) -> int:
        return self.encoding.cuts[-1].words

    @property
    def document_starts(self) -> NDArray[np.int64]:
        """Position of each document's first token."""
        return self.encoding.document_starts

    @property
    def resets(self) -> NDArray[np.int64]:
        """Positions before which the state is zero: the matches of `reset_at`, and, where that is
        set or there are several documents, the beginnings of documents.
        """
        return self.encoding.resets

    def split(self, name: Split) -> Span:
        """Return the part of the text to train on, to validate on or to test on."""
        if name not in SPLITS:
            raise ConfigError(f"'{name}' is no split; there are train, validation and test.")
        place = SPLITS.index(name)
        return self._span(place, place + 1)

    def whole(self) -> Span:
        """Return all of the text."""
        return self._span(0, 3)

    def text(self, split: Split, start: int = 0, stop: int | None = None) -> str:
        """Return the text of some tokens of a split."""
        return self.vocabulary.decode(self.split(split).tokens[slice(start, stop)])

    def _span(self, first: int, last: int) -> Span:
        begin, end = self.encoding.cuts[first], self.encoding.cuts[last]
        resets = self.resets
        inside = slice(*np.searchsorted(resets, [begin.tokens, end.tokens]))
        return Span(
            self.tokens[begin.tokens : end.tokens],
            begin.tokens,
            resets[inside] - begin.tokens,
            end.characters - begin.characters,
            end.bytes - begin.bytes,
            end.words - begin.words,
        )


def load_corpus(
    inputs: str | os.PathLike[str] | Document | Sequence[str | os.PathLike[str] | Document],
    options: TextOptions | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Corpus:
    """Read a text and encode it, or take it from the cache.

    Args:
        inputs: files, folders, patterns, "-" for standard input, data sets by name ("data:dickens",
            or "dickens" where no such file is), or documents.
        cache_dir: where encoded texts are kept, in place of the user's cache.
        progress: called with the bytes done, the bytes in all and what is being done.
    Raises:
        FormatError: an input cannot be read, or has no text.
        ConfigError: the options do not suit the text: a split would be empty.
        ResourceError: the cache cannot be written, or subwords are asked for without the package.
    """
    options = options or TextOptions()
    if isinstance(inputs, str | os.PathLike | Document):
        inputs = [inputs]
    found = find_documents(resolve(inputs, progress))
    digest, lengths, documents = _digest(found.documents, progress)
    names = tuple(document.name for document in documents)
    quick = options.vocabulary in ("characters", "bytes")
    keep = sum(lengths) > (KEEP_BYTES if quick else KEEP_BYTES_SLOW)
    facts = [
        (length, document.encoding) for length, document in zip(lengths, documents, strict=True)
    ]
    key = token_cache.key_of(digest, facts, options)
    if keep and (kept := token_cache.load(key, cache_dir)):
        vocabulary, encoding = kept
    else:
        surveyed = survey(documents, options.reading(), options.reset_pattern(), progress)
        if not surveyed.length:
            raise ConfigError(f"there is nothing to learn from in {_shown(names)}: it is empty.")
        cuts = cut_positions(surveyed, options)
        vocabulary = _vocabulary(documents, options, surveyed, cuts[1], progress)

        def encode(write: Callable[[Tokens], object]) -> Encoding:
            return encode_documents(documents, options, vocabulary, surveyed, cuts, write, progress)

        if keep:
            encoding = token_cache.store(key, cache_dir, vocabulary, encode)
        else:
            parts: list[Tokens] = []
            encoding = encode(parts.append)
            encoding = replace(encoding, tokens=np.concatenate([encoding.tokens, *parts]))
    corpus = Corpus(names, digest, options, vocabulary, encoding, found.notes)
    _check(corpus)
    return corpus


def _digest(
    documents: Sequence[Document], progress: Progress | None
) -> tuple[str, list[int], Sequence[Document]]:
    """Return the sha256 of all documents' bytes, how many each has, and the documents.

    Short texts come back as documents in memory, so that they are unpacked only once.
    """
    digest = hashlib.sha256()
    lengths: list[int] = []
    held: list[Document] = []
    total = sum(document.stored_bytes for document in documents)
    before = read = 0
    for document in documents:
        length = 0
        blocks: list[bytes] = []
        for block, stored in document.blocks():
            digest.update(block)
            length += len(block)
            read += len(block)
            if read <= HOLD_BYTES:
                blocks.append(block)
            if progress:
                progress(before + stored, total, "reading")
        if read <= HOLD_BYTES:
            text = Document.of_text(b"".join(blocks), document.name)
            held.append(replace(text, encoding=document.encoding))
        lengths.append(length)
        before += document.stored_bytes
    return digest.hexdigest(), lengths, held if read <= HOLD_BYTES else documents


def _vocabulary(
    documents: Sequence[Document],
    options: TextOptions,
    surveyed: Survey,
    end: int,
    progress: Progress | None,
) -> Vocabulary:
    """Make the vocabulary: of all characters, or of the words or subwords before position `end`.

    Words and subwords come from the training split alone, so that what is rare in the rest is as
    unknown to the model as it will be in other texts. Characters come from everywhere.
    """
    if options.vocabulary == "bytes":
        return ByteVocabulary()
    if options.vocabulary == "characters":
        return CharacterVocabulary.from_counts(
            surveyed.counts, minimum_count=options.minimum_count, policy=options.unknown
        )
    if options.vocabulary == "words":
        from recurra.tasks.text.words import WordVocabulary, count_words

        return WordVocabulary.from_counts(
            count_words(_texts_before(documents, options, end, 1.0, progress)),
            size=options.largest_vocabulary,
            minimum_count=options.minimum_count,
            policy=options.unknown,
        )
    from recurra.tasks.text.subwords import LEARN_CHARACTERS, SubwordVocabulary

    share = min(1.0, LEARN_CHARACTERS / max(end, 1))
    return SubwordVocabulary.learn(
        _texts_before(documents, options, end, share, progress),
        size=options.largest_vocabulary,
        minimum_count=options.minimum_count,
    )


def _texts_before(
    documents: Sequence[Document],
    options: TextOptions,
    end: int,
    share: float,
    progress: Progress | None,
) -> Iterator[str]:
    """Yield the text before a position, or the first `share` of each of its pieces."""
    total = sum(document.stored_bytes for document in documents)
    position = before = 0
    for document in documents:
        for text, stored in read_text(document, options.reading()):
            yield text[: math.ceil(min(len(text), end - position) * share)]
            position += len(text)
            if progress:
                progress(before + stored, total, f"learning {options.vocabulary}")
            if position >= end:
                return
        before += document.stored_bytes


def _check(corpus: Corpus) -> None:
    """Raise `ConfigError` where a split is too short to be used at all."""
    train = corpus.split("train")
    unit = corpus.vocabulary.kind
    if len(train) < 2:
        raise ConfigError(
            f"{_shown(corpus.names)} leaves {len(train)} of its {len(corpus.tokens):,} {unit} to "
            "train on, but at least 2 are needed; give a longer text, or hold out less of it."
        )
    share = corpus.options.validation
    if share and len(corpus.split("validation")) < 2:
        raise ConfigError(
            f"{_shown(corpus.names)} has {len(corpus.tokens):,} {unit}, too few to hold out "
            f"{share:.0%} for validation; give a longer text, a larger --validation, or "
            "--validation 0.",
            "validation",
        )


def _shown(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1:,} more"
