"""ABC tunes written: tokens as the text of a tune, laid out for reading and for engraving."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from recurra.formats.abc import BARS
from recurra.formats.abc_keys import parse_metre
from recurra.formats.abc_notes import timed


def write_tune(
    tokens: Iterable[str],
    *,
    title: str = "",
    number: int = 1,
    tempo: float | None = None,
    fields: Iterable[str] = (),
) -> str:
    """Return the text of a tune, four bars a line, the notes of a beat together.

    Args:
        tokens: as `Tune.tokens`; a key or a metre that is missing is C and 4/4.
        fields: further lines of the header, such as "C:Trad.".
    """
    body = list(tokens)
    metre = body.pop(0) if body and body[0].startswith("M:") else "M:4/4"
    key = body.pop(0) if body and body[0].startswith("K:") else "K:C"
    lines = [
        f"X:{number}",
        f"T:{_plain(title) or 'Untitled'}",
        *map(_plain, fields),
        metre,
        "L:1/8",
    ]
    if tempo:
        lines.append(f"Q:1/4={tempo:g}")
    lines.append(key)
    line, bars = "", 0
    group, position, due = _group(metre), Fraction(0), False
    for token, duration in timed(body):
        ending = token[0] == "[" and token[1:2].isdigit()
        if token.startswith("[M:"):
            group = _group(token.strip("[]"))
        if token in BARS or ending or (token[0] == "[" and token[2:3] == ":"):
            position, due = Fraction(0), False
            line = line.rstrip(" ") + " " + token + " "
        else:
            # A space ends a beam. A tie and the end of a slur still belong to the note before.
            if due and token not in ("-", ")"):
                line, due = line + " ", False
            line += token
            position += duration
            due = due or (duration > 0 and position % group == 0)
        if token in BARS:
            bars += 1
            if bars % 4 == 0:
                lines.append(line.strip())
                line = ""
    if line.strip():
        lines.append(line.strip())
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _group(field: str) -> Fraction:
    """Return how many eighths a metre beams together: three, two, or half a bar of four beats."""
    beats, kind = parse_metre(field.removeprefix("M:")) or (4, 4)
    if kind >= 8 and beats % 3 == 0:
        return Fraction(24, kind)
    return Fraction(4 if (beats, kind) in ((4, 4), (2, 2)) else 2)
