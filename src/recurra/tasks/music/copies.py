"""What a tune has note for note from the tunes that a model learned, in whatever key.

A melody is told as steps: how many semitones to the next note, and how long the note lasts. So a
tune in another key is the same, and one in another rhythm is not. Tunes are taken as they are
written, repeats played once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.notes import Note, Piece
from recurra.formats.abc import SECTIONS
from recurra.formats.abc_notes import sound
from recurra.formats.abc_score import melody
from recurra.insight.suffixes import longest_matches, suffix_array

Step = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TuneCopy:
    """The longest run that a tune shares with the source."""

    notes: int
    """How many notes it has; 0 where not even one step is shared."""
    start: int
    """The first of them in the tune, counted from 0."""
    length: int
    """Notes of the tune."""
    source: str
    """Name of the piece it stands in."""

    @property
    def share(self) -> float:
        """Share of the tune's notes that lie in the run."""
        return self.notes / max(1, self.length)

    def facts(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"notes": self.notes, "start": self.start, "length": self.length,
                "share": self.share, "source": self.source}  # fmt: skip


def written(piece: Piece) -> list[Note]:
    """Return the highest notes of a piece one after the other, repeats of ABC taken once."""
    if piece.abc:
        tokens = [
            "||" if token in SECTIONS else token
            for token in piece.abc.split(" ")
            if not (token[0] == "[" and token[1:2].isdigit())
        ]
        piece = replace(sound(tokens), name=piece.name)
    return melody(piece)


def steps(notes: Sequence[Note]) -> list[Step]:
    """Return (semitones to the next note, ticks of this one) of each note but the last."""
    return [(after.pitch - note.pitch, note.end - note.start) for note, after in pairwise(notes)]


class Melodies:
    """Pieces to look for copies in."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._numbers: dict[Step, int] = {}
        self._names = [piece.name for piece in pieces]
        codes: list[int] = []
        self._starts: list[int] = []
        for piece in pieces:
            self._starts.append(len(codes))
            found = steps(written(piece))
            codes += [self._numbers.setdefault(step, len(self._numbers) + 2) for step in found]
            codes.append(1)  # Between two pieces; 0 is what none of them has.
        self._codes = np.array(codes, np.int64)
        self._suffixes = suffix_array(self._codes)

    def longest(self, piece: Piece) -> TuneCopy:
        """Return the longest run of notes that a piece shares with them."""
        notes = written(piece)
        query: NDArray[np.int64] = np.array(
            [self._numbers.get(step, 0) for step in steps(notes)], np.int64
        )
        if not len(query):
            return TuneCopy(0, 0, len(notes), "")
        lengths, places = longest_matches(self._codes, self._suffixes, query)
        best = int(lengths.argmax())
        count = int(lengths[best])
        if not count:
            return TuneCopy(0, 0, len(notes), "")
        source = int(np.searchsorted(self._starts, places[best], side="right")) - 1
        return TuneCopy(count + 1, best, len(notes), self._names[source])
