"""What may come next in an ABC tune, so that its bars add up and it is what was asked for.

The rules are those of the notation: notes fit into the bar, a bar line comes when the bar is full
(a part may begin with a short bar, whose rest is missing at its end), tuplets and grace notes are
finished, and a tune ends after a double bar or a repeat. What the music is remains the model's, but
for one note: a tune that is to have so many bars closes them on its tonic.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.formats.abc import BARS, SECTIONS, is_sound, split_length
from recurra.formats.abc_keys import parse_metre
from recurra.formats.abc_notes import tuplet
from recurra.tasks.music.vocabulary import END, AbcVocabulary

Mask = NDArray[np.bool_]
CLOSE = 1e-6
"""Eighths; lengths are counted in floats, whose sums are off by less."""
SHORT = 0.8
"""Share of a bar that the first bar of a part may fill and still be short."""
GRID = 0.125
MARKS = 6
GRACES = 4
"""Most grace notes before one note."""
FINAL = ("|]", ":|", "||")


class Table:
    """What each token of a vocabulary is, as masks [V] over it."""

    def __init__(self, vocabulary: AbcVocabulary) -> None:
        texts = ["", *vocabulary.tokens[1:]]
        self.texts = texts

        def mask(wanted: object) -> Mask:
            return np.array([bool(text) and wanted(text) for text in texts])  # type: ignore[operator]

        self.metres = mask(lambda t: t.startswith("M:"))
        self.keys = mask(lambda t: t.startswith("K:"))
        self.sounds = mask(is_sound) & ~self.metres & ~self.keys
        self.notes = self.sounds & ~mask(lambda t: t.startswith("z"))
        self.lengths = np.zeros(len(texts))
        for n in np.flatnonzero(self.sounds):
            self.lengths[n] = float(split_length(texts[n])[1])
        self.letters = np.array([_letter(text) for text in texts])
        """Letter of a note without accidental, of whatever octave; "" for everything else."""
        self.bar = mask(lambda t: t == "|")
        self.sections = mask(lambda t: t in SECTIONS)
        self.final = mask(lambda t: t in FINAL)
        self.opening = mask(lambda t: t == "|:")
        self.endings = mask(lambda t: t[0] == "[" and t[1:2].isdigit())
        self.first_endings = mask(lambda t: t[0] == "[" and t[1:2] == "1")
        self.later_endings = self.endings & ~self.first_endings
        self.new_metre = mask(lambda t: t.startswith("[M:"))
        self.new_key = mask(lambda t: t.startswith("[K:"))
        self.tuplets = mask(lambda t: t[0] == "(" and len(t) > 1)
        self.spans = np.zeros(len(texts))
        for n in np.flatnonzero(self.tuplets):
            ratio, count = tuplet(texts[n])
            self.spans[n] = float(ratio * count)
        self.tie = mask(lambda t: t == "-")
        self.closers = mask(lambda t: t in (")", "}"))
        self.grace_open = mask(lambda t: t == "{")
        self.grace_close = mask(lambda t: t == "}")
        self.slur_close = mask(lambda t: t == ")")
        structure = (
            self.metres | self.keys | self.sounds | self.bar | self.sections | self.endings
            | self.new_metre | self.new_key | self.tuplets | self.tie | self.closers
            | self.grace_open
        )  # fmt: skip
        self.free = ~structure
        """Chord symbols, decorations, slurs: they take no time and stand before a note."""
        self.chords = mask(lambda t: t[0] == '"')
        self.free[END] = False

    def named(self, text: str) -> Mask:
        """Return the mask of one token."""
        return np.array([one == text for one in self.texts])


def _letter(text: str) -> str:
    return text[0].upper() if text[:1] and text[0] in "ABCDEFGabcdefg" else ""


@dataclass(slots=True)
class TuneRules:
    """The state of one tune; see `generate.Rules`.

    Args:
        table: of the model's vocabulary.
        metre, key: tokens ("M:6/8", "K:G") that the tune must have; empty for any.
        bars: full bars that the tune must have, as it is written; None for any number.
    """

    table: Table
    metre: str = ""
    key: str = ""
    bars: int | None = None
    place: int = 0
    full: float = 8.0
    position: float = 0.0
    pickup: float = 0.0
    fresh: bool = True
    """Whether no bar of the part has ended yet."""
    count: int = 0
    ratio: float = 1.0
    left: int = 0
    first: float = 0.0
    """Length of the tuplet's first note."""
    grace: int = -1
    """Grace notes so far, -1 outside."""
    last: str = ""
    waiting: int = 0
    """Chord symbols and decorations that stand before a note to come."""
    chorded: bool = False
    """Whether a chord symbol stands before the note to come; a second one would never sound."""
    slurs: int = 0
    tonic: str = ""
    """The key that holds."""
    ending: bool = False
    """Whether this part has come to its first ending."""
    letter: str = ""
    """Letter of the last note; "" for one with an accidental, and for a chord."""

    @property
    def closes(self) -> bool:
        """Whether the last note is the tonic."""
        return self.letter != "" and self.letter == self.tonic[:1]

    def allowed(self) -> Mask:
        """Return which tokens may come next."""
        table = self.table
        if self.place == 0:
            return table.named(self.metre) if self.metre else table.metres
        if self.place == 1:
            return table.named(self.key) if self.key else table.keys
        if self.grace >= 0:
            notes = table.notes & (self.grace < GRACES)
            return notes | table.grace_close if self.grace else notes
        done = self.bars is not None and self.count >= self.bars
        if done and self.last in BARS:
            return self._only_end()
        found = self._sounds()
        if not done:
            found = found | self._before_sounds()
        if self.last and is_sound(self.last) and self.last[0] != "z":
            found = found | table.tie
            if self.slurs:
                found = found | table.slur_close
        if not self.left and not self.waiting:
            found = found | self._lines()
        return found

    def _only_end(self) -> Mask:
        found = np.zeros(len(self.table.texts), bool)
        found[END] = True
        return found

    def _sounds(self) -> Mask:
        rest: Any = 0.0
        table, room = self.table, self.full - self.position + CLOSE
        lengths = table.lengths * self.ratio
        if self.left:
            # All notes of a tuplet are like its first one, so that it comes out even.
            rest = (self.left - 1) * (self.first or table.lengths) * self.ratio
            found: Mask = table.sounds & (lengths + rest <= room)
            if self.first:
                found &= np.abs(table.lengths - self.first) < CLOSE
                return self._closing(found, lengths + rest)
        else:
            found = table.sounds & (lengths <= room)
        # On a grid of 64th notes, or what is left of the bar could not be filled.
        ends = (self.position + lengths + rest) / GRID
        found &= np.abs(ends - np.round(ends)) < CLOSE
        return self._closing(found, lengths + rest)

    def _closing(self, found: Mask, lengths: NDArray[np.float64]) -> Mask:
        """Leave only the tonic where a note would fill the last bar that was asked for."""
        if self.bars is None or self.count + 1 < self.bars or self.left > 1:
            return found
        end = self.position + lengths
        filled = np.abs(end - self.full) < CLOSE
        if self.pickup:
            filled |= np.abs(end + self.pickup - self.full) < CLOSE
        tonic = self.table.letters == self.tonic[:1]
        # Where the model has no such note of that length, the others stay.
        return found & (~filled | tonic) if (found & filled & tonic).any() else found

    def _second(self) -> bool:
        """Whether an ending that begins here is one for a later time."""
        return self.ending and self.last in (":|", "::")

    def _before_sounds(self) -> Mask:
        table, room = self.table, self.full - self.position
        if room < CLOSE:
            return np.zeros(len(table.texts), bool)
        # A few marks before a note, or a model that has learned nothing yet would go on for ever.
        found = (table.free | table.grace_open) & (self.waiting < MARKS)
        if self.chorded:
            found &= ~table.chords
        if not self.left:
            found = found | (table.tuplets & (table.spans * 0.5 <= room + CLOSE))
        begins = self.last in BARS | {""} or self.last[:3] in ("[K:", "[M:")
        if self.position < CLOSE and not self.waiting and begins:
            # The key or the metre may change, and an ending begin, where a bar begins.
            if self.last in BARS:
                found = found | (table.later_endings if self._second() else table.first_endings)
            found = found | (table.new_metre & (not self.metre) & (self.bars is None))
            if not self.key:
                found = found | (table.new_key & ~table.named(f"[K:{self.tonic}]"))
        return found

    def _lines(self) -> Mask:
        table, found = self.table, np.zeros(len(self.table.texts), bool)
        if self.position < CLOSE:
            if self.last in ("|", "||", ":|", "") or self.last[:1] == "[":
                found = found | table.opening
            if self.last in FINAL and self.bars is None and not self.slurs:
                found[END] = True
            return found
        complete = self.position > self.full - CLOSE or not np.isfinite(self.full)
        rest = abs(self.position + self.pickup - self.full) < CLOSE and self.pickup > 0
        final = self.bars is not None and self.count + 1 >= self.bars
        if complete and not final:
            found = found | table.bar | table.sections
        elif complete or rest:
            found = found | (table.final if final else table.sections)
        if self.fresh and self.position < self.full * SHORT:
            found = found | table.bar | table.opening
        return found

    def take(self, token: int) -> None:
        """Go on with a token."""
        text = self.table.texts[token]
        self.place += 1
        if text.startswith(("M:", "[M:")):
            metre = parse_metre(text.strip("[]").removeprefix("M:"))
            self.full = float(Fraction(8 * metre[0], metre[1])) if metre else np.inf
        elif text.startswith(("K:", "[K:")):
            self.tonic = text.strip("[]")[2:]
        elif text == "{":
            self.grace = 0
        elif text == "}":
            self.grace = -1
            self.waiting += 1
        elif self.grace >= 0:
            self.grace += 1
        elif text in BARS:
            self._end_bar(text)
        elif self.table.sounds[token]:
            self._sound(self.table.lengths[token])
            if self.table.notes[token]:
                self.letter = str(self.table.letters[token])
        elif text[:1] == "(" and len(text) > 1:
            ratio, self.left = tuplet(text)
            self.ratio, self.first = float(ratio), 0.0
        elif self.table.endings[token]:
            self.fresh = False
            self.ending = bool(self.table.first_endings[token])
        elif text == "(":
            self.slurs += 1
            self.waiting += 1
        elif text == ")":
            self.slurs = max(0, self.slurs - 1)
        elif self.table.free[token]:
            self.waiting += 1
            self.chorded = self.chorded or bool(self.table.chords[token])
        if text and not self.table.keys[token]:
            self.last = text if self.place > 2 else ""

    def _sound(self, length: float) -> None:
        self.position += length * self.ratio
        self.waiting, self.chorded = 0, False
        if self.left:
            self.first = self.first or length
            self.left -= 1
            if not self.left:
                self.ratio, self.first = 1.0, 0.0

    def _end_bar(self, text: str) -> None:
        complete = self.position > self.full - CLOSE
        # What is missing of a short first bar stands at the end of a part, and nowhere else.
        rest = self.position + self.pickup > self.full - CLOSE and text in SECTIONS
        if complete or (rest and self.position > 0):
            self.count += 1
        elif self.position > 0:
            self.pickup = self.position
        if text in SECTIONS:
            # A part that ends with a full bar is followed by one that may begin with a short one.
            self.fresh = True
        elif self.position > 0:
            self.fresh = False
        self.position = 0.0
