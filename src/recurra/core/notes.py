"""Music as data: notes on a grid of ticks, and what a score says around them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

TICKS = 480
"""Ticks in a quarter note, everywhere in this project: whole for triplets and 128th notes."""

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


class Note(NamedTuple):
    """One sounding note. Sorted, notes stand by their start."""

    start: int
    """Ticks from the beginning."""
    end: int
    """Ticks; after `start`."""
    pitch: int
    """MIDI number, 0 to 127; 60 is middle C."""
    velocity: int = 80
    """MIDI velocity, 1 to 127."""
    voice: int = 0
    """Which part plays it, from 0."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of music."""

    notes: tuple[Note, ...]
    """By start, within a start from the highest pitch down."""
    name: str = ""
    length: int = 0
    """Ticks, rests at the end included."""
    tempos: tuple[tuple[int, float], ...] = ((0, 120.0),)
    """(tick, quarter notes a minute) from the beginning on."""
    metre: tuple[int, int] = (4, 4)
    key: str = ""
    """As ABC writes it: "G", "Em", "Ador"; empty where it is not known."""
    split: str = ""
    """"train", "validation" or "test" where the data come with their own split."""
    abc: str = ""
    """The tune's own text, where it was read from ABC."""

    @classmethod
    def of(cls, notes: Iterable[Note], **facts: object) -> Piece:
        """Put notes in order, and end the piece with the last of them unless `length` is later."""
        ordered = tuple(sorted(notes, key=lambda n: (n.start, -n.pitch, n.end, n.voice)))
        end = max((note.end for note in ordered), default=0)
        length = facts.pop("length", 0)
        return cls(ordered, length=max(end, length), **facts)  # type: ignore[arg-type, call-overload]

    @property
    def bar(self) -> int:
        """Ticks in a bar."""
        return max(1, TICKS * 4 * self.metre[0] // self.metre[1])

    def seconds(self, tick: float) -> float:
        """Return when a tick comes, in seconds."""
        passed, at = 0.0, self.tempos[0]
        for change in self.tempos[1:]:
            if change[0] >= tick:
                break
            passed += (change[0] - at[0]) * 60.0 / (at[1] * TICKS)
            at = change
        return passed + (tick - at[0]) * 60.0 / (at[1] * TICKS)

    @property
    def duration_s(self) -> float:
        """Seconds from beginning to end."""
        return self.seconds(self.length)

    def transposed(self, semitones: int) -> Piece:
        """Return the piece moved up; notes that leave 0 to 127 are left out. The key is dropped."""
        moved = tuple(
            note._replace(pitch=note.pitch + semitones)
            for note in self.notes
            if 0 <= note.pitch + semitones <= 127
        )
        return replace(self, notes=moved, key="", abc="") if semitones else self

    def cleaned(self) -> Piece:
        """Return it as a keyboard can play it: no pitch of a voice sounds twice at once.

        A note that is struck again ends where the next begins; of two that begin together the
        longer one stays.
        """
        kept: dict[tuple[int, int], list[Note]] = {}
        for note in sorted(self.notes, key=lambda n: (n.start, n.end)):
            line = kept.setdefault((note.voice, note.pitch), [])
            if line and line[-1].start == note.start:
                line[-1] = note
                continue
            if line and line[-1].end > note.start:
                line[-1] = line[-1]._replace(end=note.start)
            line.append(note)
        notes = [note for line in kept.values() for note in line]
        notes.sort(key=lambda n: (n.start, -n.pitch, n.end, n.voice))
        return replace(self, notes=tuple(notes))

    def in_seconds(self) -> list[tuple[float, float, int, int]]:
        """Return (start, end, pitch, velocity) of each note, times in seconds."""
        ticks = [tick for tick, _ in self.tempos]
        offsets = [self.seconds(tick) for tick in ticks]

        def when(tick: int) -> float:
            at = max(0, bisect_right(ticks, tick) - 1)
            return offsets[at] + (tick - ticks[at]) * 60.0 / (self.tempos[at][1] * TICKS)

        return [(when(n.start), when(n.end), n.pitch, n.velocity) for n in self.notes]


def pitch_name(pitch: int) -> str:
    """Return "C4" for 60."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"
