"""From notes to what a score can write: lines, bars, note values with ties, and spelling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recurra.core.notes import TICKS, Note, Piece
from recurra.formats.abc_keys import SEMITONES, Key

GRID = TICKS // 12
"""Ticks that a score counts by: sixteenths and the notes of triplets are whole on it."""
MOST_LINES = 8
VALUES = (1920, 1440, 960, 720, 480, 360, 240, 180, 120, 60)
"""Ticks of the notes from a semibreve to a 32nd, dotted ones among them."""
TRIPLETS = (640, 320, 160, 80, 40)


@dataclass(frozen=True, slots=True)
class Item:
    """One written note, chord or rest, within one bar."""

    pitches: tuple[int, ...]
    """From the highest down; empty for a rest."""
    ticks: int
    tied: bool = False
    """Whether it goes on in the next item."""


Bars = list[list[Item]]


def lines(piece: Piece) -> list[list[Note]]:
    """Return the piece as lines in which nothing overlaps but what begins and ends together.

    Voices are kept apart. What does not fit into `MOST_LINES` lines is shortened to fit.
    """
    found: list[tuple[int, list[Note]]] = []
    snapped = [_snapped(note) for note in piece.notes]
    for note in sorted(snapped, key=lambda n: (n.start, n.voice, -n.pitch, n.end)):
        for voice, line in found:
            last = line[-1]
            if voice != note.voice:
                continue
            if last.end <= note.start or (last.start, last.end) == (note.start, note.end):
                line.append(note)
                break
        else:
            if len(found) < MOST_LINES or not any(voice == note.voice for voice, _ in found):
                found.append((note.voice, [note]))
                continue
            line = next(line for voice, line in found if voice == note.voice)
            _squeeze(line, note)
    return [line for _, line in sorted(found, key=lambda pair: pair[0])]


def _squeeze(line: list[Note], note: Note) -> None:
    """End what sounds in a line where a further note begins."""
    start = line[-1].start
    if start >= note.start:
        line.append(note._replace(start=start, end=line[-1].end))
        return
    for n in range(len(line) - 1, -1, -1):
        if line[n].end <= note.start:
            break
        line[n] = line[n]._replace(end=note.start)
    line.append(note)


def _snapped(note: Note) -> Note:
    start = round(note.start / GRID) * GRID
    return note._replace(start=start, end=max(start + GRID, round(note.end / GRID) * GRID))


def written(line: Sequence[Note], bar: int, length: int) -> Bars:
    """Return a line as bars of items, filled up with rests.

    Args:
        bar: ticks in a bar.
        length: ticks of the piece; the last bar is filled to its end.
    """
    groups: list[tuple[int, int, list[int]]] = []
    for note in line:
        if groups and groups[-1][0] == note.start:
            groups[-1][2].append(note.pitch)
        else:
            groups.append((note.start, note.end, [note.pitch]))
    end = max(length, groups[-1][1] if groups else 0, 1)
    end = -(-end // bar) * bar
    bars: Bars = [[] for _ in range(end // bar)]
    now = 0
    for start, stop, pitches in [*groups, (end, end, [])]:
        _fill(bars, bar, now, start, ())
        _fill(bars, bar, start, stop, tuple(sorted(set(pitches), reverse=True)))
        now = stop
    return bars


def _fill(bars: Bars, bar: int, start: int, stop: int, pitches: tuple[int, ...]) -> None:
    while start < stop:
        part = min(stop, (start // bar + 1) * bar)
        values = _values(part - start)
        for n, value in enumerate(values):
            more = n < len(values) - 1 or part < stop
            bars[start // bar].append(Item(pitches, value, bool(pitches) and more))
            start += value


def _values(ticks: int) -> list[int]:
    """Return note values that add up to a length, the longest first."""
    found: list[int] = []
    while ticks > 0:
        choices: Iterable[int] = VALUES if ticks % 60 == 0 else TRIPLETS
        value = next((v for v in choices if v <= ticks), ticks)
        found.append(value)
        ticks -= value
    return found


def spell(pitch: int, key: Key) -> tuple[int, int]:
    """Return (step, accidental): the white key counted from middle C, and -1 to 1.

    Notes of the scale are spelt as the key has them, others as sharps in keys with sharps or
    none, else as flats.
    """
    signature = key.signature()
    for letter in range(7):
        if (SEMITONES[letter] + signature[letter] - pitch) % 12 == 0:
            return _step(pitch - signature[letter], letter), signature[letter]
    for sign in (0, 1, -1) if key.fifths >= 0 else (0, -1, 1):
        for letter in range(7):
            if (SEMITONES[letter] + sign - pitch) % 12 == 0:
                return _step(pitch - sign, letter), sign
    raise ValueError(pitch)


def _step(white: int, letter: int) -> int:
    return 7 * ((white - SEMITONES[letter]) // 12 - 5) + letter


def likely_key(notes: Iterable[Note]) -> Key:
    """Return the major key whose scale holds most of the sounding time, by fewest accidentals."""
    weight = [0] * 12
    for note in notes:
        weight[note.pitch % 12] += note.end - note.start
    best, found = -1, Key(0, 0, "")
    for fifths in (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6):
        key = Key(0, 0, "").moved(7 * fifths)
        inside = sum(weight[pitch] for pitch in key.scale())
        if inside > best:
            best, found = inside, key
    return found


def key_of(piece: Piece) -> Key:
    """Return the piece's own key, or the likeliest."""
    return Key.parse(piece.key) if piece.key else likely_key(piece.notes)
