"""The second pass over a text: from characters to tokens, and from positions in characters to
positions in tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError
from recurra.formats.sources import Document
from recurra.formats.text import read_text
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.survey import Progress, Survey, Tally
from recurra.tasks.text.vocabulary import ByteVocabulary, Tokens, Vocabulary


@dataclass(frozen=True, slots=True)
class Cut:
    """A place between two splits, and how much text there is before it."""

    tokens: int
    characters: int
    bytes: int
    words: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is worth telling about a text, besides its tokens."""

    controls: int
    """Control characters that text does not have: all below U+0020 but tabs, line and page ends."""
    returns: int
    """Carriage returns."""
    repeated_line: bool


@dataclass(frozen=True, slots=True)
class Encoding:
    """A text as tokens."""

    tokens: NDArray[Any]
    """Empty as long as they are only written."""
    document_starts: NDArray[np.int64]
    resets: NDArray[np.int64]
    cuts: tuple[Cut, Cut, Cut, Cut]
    """The beginning, the ends of the training and the validation split, and the end."""
    facts: Facts


def cut_positions(surveyed: Survey, options: TextOptions) -> tuple[int, int, int, int]:
    """Return the positions that bound the three splits.

    Raises:
        ConfigError: there are too few documents to split by document.
    """
    length = surveyed.length
    ends = [length * (1 - options.validation - options.test), length * (1 - options.test)]
    if options.split_by == "position":
        return 0, round(ends[0]), round(ends[1]), length
    last = length
    for place, share in ((1, options.test), (0, options.validation)):
        if share:
            before = surveyed.document_starts[1:]
            before = before[before < last]
            if not len(before):
                wanted = 1 + bool(options.test) + bool(options.validation)
                raise ConfigError(
                    f"to split by document takes at least {wanted} documents with text, but there "
                    f"are {len(surveyed.document_starts)}; give more, or use --split-by position.",
                    "split_by",
                )
            last = int(before[np.abs(before - ends[place]).argmin()])
        ends[place] = last
    return 0, int(ends[0]), int(ends[1]), length


def encode_documents(
    documents: Sequence[Document],
    options: TextOptions,
    vocabulary: Vocabulary,
    surveyed: Survey,
    positions: tuple[int, int, int, int],
    write: Callable[[Tokens], object],
    progress: Progress | None = None,
) -> Encoding:
    """Encode all documents and find every position of the survey among the tokens.

    The tokens go to `write`, a piece at a time. A position within a token moves to the next one.

    Raises:
        FormatError: the documents are not what they were when they were surveyed.
    """
    reading = options.reading()
    marks = _Marks(np.concatenate([surveyed.document_starts, surveyed.resets]))
    cuts: list[Cut] = []
    tally = Tally()
    position = count = before = 0
    total = sum(document.stored_bytes for document in documents)
    for document in documents:
        if isinstance(vocabulary, ByteVocabulary):
            encoder = vocabulary.raw_encoder()
        else:
            encoder = vocabulary.encoder("replace")
        tally.inside = False
        for text, stored in _with_end(read_text(document, reading), document.stored_bytes):
            encoded = encoder.feed(text or "", final=text is None)
            size = len(encoded.text)
            marks.place(encoded.starts, position, size, count)
            while len(cuts) < 3 and positions[len(cuts)] < position + size:
                at = positions[len(cuts)] - position
                if encoded.starts is not None:
                    token = int(np.searchsorted(encoded.starts, at))
                    inside = token < len(encoded.starts)
                    at = int(encoded.starts[token]) if inside else size
                else:
                    token = at
                part = tally.copy()
                part.add(encoded.text[:at], reading)
                cuts.append(Cut(count + token, part.characters, part.bytes, part.words))
            write(encoded.tokens)
            tally.add(encoded.text, reading)
            position += size
            count += len(encoded.tokens)
            if progress:
                progress(before + stored, total, "encoding")
        before += document.stored_bytes
    if position != surveyed.length:
        raise FormatError("the text changed while it was being read; try again when it is settled.")
    end = Cut(count, tally.characters, tally.bytes, tally.words)
    cuts += [end] * (4 - len(cuts))
    starts = marks.tokens[: len(surveyed.document_starts)]
    resets = marks.tokens[len(starts) :]
    if options.reset_at is not None or len(starts) > 1:
        resets = np.concatenate([starts, resets])
    counts = surveyed.counts
    facts = Facts(
        int(counts[:32].sum() - counts[[9, 10, 11, 12, 13, 27]].sum()),
        int(counts[13]),
        surveyed.repeated_line,
    )
    return Encoding(
        np.zeros(0, vocabulary.dtype),
        starts,
        _distinct(resets[resets < count]),
        (cuts[0], cuts[1], cuts[2], cuts[3]),
        facts,
    )


def _distinct(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return them in order, each once: `np.unique`, which imports masked arrays for it."""
    ordered = np.sort(positions)
    first = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    distinct: NDArray[np.int64] = ordered[first]
    return distinct


class _Marks:
    """Positions in characters, which become positions in tokens as the text comes by."""

    def __init__(self, positions: NDArray[np.int64]) -> None:
        self.order = np.argsort(positions, kind="stable")
        self.positions = positions[self.order]
        self.tokens = np.zeros(len(positions), np.int64)
        self.next = 0

    def place(self, starts: NDArray[np.int64] | None, position: int, size: int, count: int) -> None:
        """Place the marks of one stretch of text, which begins at a position and a token count."""
        last = int(np.searchsorted(self.positions, position + size))
        here = self.positions[self.next : last] - position
        found = here if starts is None else np.searchsorted(starts, here)
        self.tokens[self.order[self.next : last]] = found + count
        self.next = last


def _with_end(texts: Iterator[tuple[str, int]], stored: int) -> Iterator[tuple[str | None, int]]:
    """Yield what `read_text` yields, then None for the end of the document."""
    yield from texts
    yield None, stored
