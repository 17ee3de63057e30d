"""The first pass over a text: what is in it, and where it begins anew.

Positions are in characters, counted over all documents; where the vocabulary is bytes, the text is
read as one character a byte, and so positions are in bytes.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recurra.formats.sources import Document
from recurra.formats.text import Reading, read_text
from recurra.tasks.text.vocabulary import code_points

Progress = Callable[[int, int, str], None]
"""Called with the stored bytes that are done, how many there are, and what is being done."""

LONGEST_MATCH = 4096
"""A match of `reset_at` that is longer may be missed."""

_SPACES = np.array([chr(point).isspace() for point in range(0x3002)])  # None lies beyond U+3000.


@dataclass(slots=True)
class Tally:
    """How much text there is. A word is a run of characters without white space."""

    characters: int = 0
    bytes: int = 0
    """Of the text in UTF-8, after line ends and normal form are made uniform."""
    words: int = 0
    inside: bool = False
    """Whether the text so far ends within a word."""

    def add(self, text: str, reading: Reading) -> None:
        """Count some more text."""
        if not text:
            return
        if reading.encoding == "bytes":
            raw = np.frombuffer(text.encode("latin-1"), np.uint8)
            self.characters += int(np.count_nonzero((raw & 0xC0) != 0x80))
            self.bytes += len(raw)
            spaces = _SPACES[raw] & (raw < 128)
        elif text.isascii():
            raw = np.frombuffer(text.encode("ascii"), np.uint8)
            self.characters += len(raw)
            self.bytes += len(raw)
            spaces = _SPACES[raw]
        else:
            self.characters += len(text)
            self.bytes += len(text.encode("utf-8", "surrogatepass"))
            spaces = _SPACES[np.minimum(code_points(text), len(_SPACES) - 1)]
        begins = spaces[:-1] & ~spaces[1:]
        self.words += int(np.count_nonzero(begins)) + int(not self.inside and not spaces[0])
        self.inside = not spaces[-1]

    def copy(self) -> Tally:
        return replace(self)


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first pass found."""

    length: int
    """Characters in all; bytes where the vocabulary is bytes."""
    total: Tally
    counts: NDArray[np.int64]
    """[0x110000] how often each character occurs."""
    document_starts: NDArray[np.int64]
    """[documents] where each begins; those without text are left out."""
    resets: NDArray[np.int64]
    """Where `reset_at` begins anew, increasing, beginnings of documents apart."""
    repeated_line: bool
    """Whether the text is one line, three times or more."""


def survey(
    documents: Sequence[Document],
    reading: Reading,
    pattern: re.Pattern[str] | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Read all documents once. Raises what `read_text` raises."""
    counts = np.zeros(0x110000, np.int64)
    total = Tally()
    length = 0
    starts: list[int] = []
    resets = array("q")
    line = RepeatedLine()
    all_bytes = sum(document.stored_bytes for document in documents)
    before = 0
    for document in documents:
        finder = ResetFinder(pattern, length, resets) if pattern else None
        total.inside = False
        first = length
        for text, stored in read_text(document, reading):
            length += len(text)
            total.add(text, reading)
            line.add(text)
            if text.isascii():
                counts[:128] += np.bincount(
                    np.frombuffer(text.encode("ascii"), np.uint8), minlength=128
                )
            else:
                seen = np.bincount(code_points(text))
                counts[: len(seen)] += seen
            if finder:
                finder.feed(text)
            if progress:
                progress(before + stored, all_bytes, "counting")
        if finder:
            finder.feed("", final=True)
        if length > first:
            starts.append(first)
        before += document.stored_bytes
    return Survey(
        length, total, counts, np.array(starts, np.int64), np.array(resets, np.int64), line.found
    )


class ResetFinder:
    """Finds the ends of a pattern's matches in a text that comes in pieces.

    Matches up to `LONGEST_MATCH` characters are found as in the whole text at once.

    Args:
        start: position of the text's first character.
        found: takes the positions, without the start and the end of the text.
    """

    def __init__(self, pattern: re.Pattern[str], start: int, found: array[int]) -> None:
        self.pattern = pattern
        self.start = start
        self.found = found
        self.buffer = ""
        self.base = start  # Position of the buffer's first character.
        self.next = 0  # Where in the buffer the search goes on.

    def feed(self, text: str, *, final: bool = False) -> None:
        """Search some more text; `final` with the last of it."""
        self.buffer += text
        settled = len(self.buffer) if final else len(self.buffer) - LONGEST_MATCH
        if settled <= self.next and not final:
            return
        reached = max(settled, self.next)
        for match in self.pattern.finditer(self.buffer, self.next):
            if match.end() > settled:
                reached = min(reached, max(match.start(), self.next))
                break
            self._note(self.base + match.end())
            # Go on from the end of the last match, not from within it.
            reached = max(settled, match.end())
        if final:
            if self.found and self.found[-1] == self.base + len(self.buffer):
                self.found.pop()
            return
        self.next = reached
        drop = max(self.next - LONGEST_MATCH, 0)  # Lookbehind sees so much.
        self.buffer = self.buffer[drop:]
        self.base += drop
        self.next -= drop

    def _note(self, position: int) -> None:
        if position > self.start and (not self.found or self.found[-1] < position):
            self.found.append(position)


class RepeatedLine:
    """Notices a text that is one line over and over."""

    def __init__(self) -> None:
        self.line = ""
        self.length = 0
        self.open = True  # Whether the first line may still go on.
        self.alike = True

    def add(self, text: str) -> None:
        if not self.alike:
            return
        if self.open:
            first, newline, rest = text.partition("\n")
            self.line += first + newline
            if len(self.line) > 1 << 16:
                self.alike = False
            if not newline:
                return
            self.open = False
            self.length = len(self.line)
            text = rest
        place = self.length % len(self.line)
        wanted = self.line * (len(text) // len(self.line) + 2)
        self.alike = text == wanted[place : place + len(text)]
        self.length += len(text)

    @property
    def found(self) -> bool:
        return self.alike and not self.open and self.length >= 3 * len(self.line) - 1
