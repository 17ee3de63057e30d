"""A piece of notes written as ABC: one voice as tokens, several as voices of one text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from recurra.core.notes import TICKS, Note, Piece
from recurra.formats import notation
from recurra.formats.abc_keys import Key, length_text
from recurra.formats.abc_notes import note_name
from recurra.formats.abc_write import write_tune

_SIGNS = {-1: "_", 0: "=", 1: "^"}


def melody(piece: Piece) -> list[Note]:
    """Return the highest note at every moment, one at a time."""
    found: list[Note] = []
    for note in sorted(piece.notes, key=lambda n: (n.start, -n.pitch)):
        if found and note.start < found[-1].end:
            if note.pitch <= found[-1].pitch or note.start == found[-1].start:
                continue
            found[-1] = found[-1]._replace(end=note.start)
        found.append(note)
    return found


def tokens_of(piece: Piece) -> tuple[str, ...]:
    """Return the ABC tokens of a piece's melody, in its own key or the likeliest."""
    line = replace(piece, notes=tuple(n._replace(voice=0) for n in melody(piece)))
    key = notation.key_of(piece)
    (notes,) = notation.lines(line) or [[]]
    bars = notation.written(notes, piece.bar, 0)
    # A rest that only fills up the last bar is none of the piece.
    while bars and bars[-1] and not bars[-1][-1].pitches:
        bars[-1].pop()
    body = [token for bar in bars for token in [*_bar_tokens(bar, key), "|"]]
    if body:
        body[-1] = "|]"
    metre = f"M:{piece.metre[0]}/{piece.metre[1]}"
    return (metre, f"K:{key.name}", *body)


def write_abc(piece: Piece, *, number: int = 1) -> str:
    """Return the piece as ABC, with a voice for each line of notes.

    A piece that came from ABC tokens is written from them, ornaments and repeats included.
    """
    tempo = piece.tempos[0][1]
    if piece.abc:
        return write_tune(piece.abc.split(" "), title=piece.name, number=number, tempo=tempo)
    found = notation.lines(piece)
    key = notation.key_of(piece)
    head = write_tune(
        (f"M:{piece.metre[0]}/{piece.metre[1]}", f"K:{key.name}"),
        title=piece.name, number=number, tempo=tempo,
    )  # fmt: skip
    parts = [head]
    for n, line in enumerate(found, 1):
        height = sum(note.pitch for note in line) / len(line)
        clef = " clef=bass" if height < 57 else ""
        if len(found) > 1:
            parts.append(f"V:{n}{clef}\n")
        bars = notation.written(line, piece.bar, piece.length)
        for first in range(0, len(bars), 4):
            row = " | ".join("".join(_bar_tokens(bar, key)) for bar in bars[first : first + 4])
            parts.append(row + (" |]\n" if first + 4 >= len(bars) else " |\n"))
    return "".join(parts)


def _bar_tokens(bar: Sequence[notation.Item], key: Key) -> list[str]:
    """Return the tokens of one bar; accidentals are written where they differ from what holds."""
    signature = key.signature()
    holds: dict[int, int] = {}
    found: list[str] = []
    for item in bar:
        length = length_text(Fraction(item.ticks, TICKS // 2))
        names = []
        for pitch in item.pitches:
            step, sign = notation.spell(pitch, key)
            letter = step % 7
            known = holds.get(letter, signature[letter])
            names.append(("" if known == sign else _SIGNS[sign]) + note_name(step))
            holds[letter] = sign
        if not names:
            found.append("z" + length)
        elif len(names) == 1:
            found.append(names[0] + length)
        else:
            found.append("[" + "".join(names) + "]" + length)
        if item.tied:
            found.append("-")
    return found
