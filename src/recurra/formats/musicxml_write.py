"""Pieces as MusicXML: a partwise score, one part a line of notes."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from recurra.core.notes import TICKS, Piece
from recurra.formats import notation
from recurra.formats.abc_keys import Key

_TYPES = {1920: "whole", 960: "half", 480: "quarter", 240: "eighth", 120: "16th", 60: "32nd"}


def write_musicxml(piece: Piece) -> bytes:
    """Return the piece as a partwise MusicXML 4.0 score, one part a line of notes.

    Starts and ends are set on the grid of `notation.GRID`.
    """
    root = ElementTree.Element("score-partwise", version="4.0")
    work = ElementTree.SubElement(root, "work")
    ElementTree.SubElement(work, "work-title").text = _printable(piece.name) or "Untitled"
    names = ElementTree.SubElement(root, "part-list")
    key = notation.key_of(piece)
    found = notation.lines(piece)
    for n in range(1, len(found) + 1):
        one = ElementTree.SubElement(names, "score-part", id=f"P{n}")
        ElementTree.SubElement(one, "part-name").text = f"Voice {n}"
    for n, line in enumerate(found, 1):
        part = ElementTree.SubElement(root, "part", id=f"P{n}")
        low = sum(note.pitch for note in line) / len(line) < 57
        bars = notation.written(line, piece.bar, piece.length)
        _write_part(part, bars, piece, key, low=low, first=n == 1)
    ElementTree.indent(root)
    head = (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
        b'"http://www.musicxml.org/dtds/partwise.dtd">\n'
    )
    return head + bytes(ElementTree.tostring(root, encoding="utf-8")) + b"\n"


def _write_part(
    part: Any, bars: notation.Bars, piece: Piece, key: Key, *, low: bool, first: bool
) -> None:
    before: tuple[int, ...] = ()
    for number, bar in enumerate(bars, 1):
        measure = ElementTree.SubElement(part, "measure", number=str(number))
        if number == 1:
            _write_attributes(measure, piece, key, low=low)
            if first:
                direction = ElementTree.SubElement(measure, "direction", placement="above")
                kind = ElementTree.SubElement(direction, "direction-type")
                metronome = ElementTree.SubElement(kind, "metronome")
                ElementTree.SubElement(metronome, "beat-unit").text = "quarter"
                ElementTree.SubElement(metronome, "per-minute").text = f"{piece.tempos[0][1]:g}"
                ElementTree.SubElement(direction, "sound", tempo=f"{piece.tempos[0][1]:g}")
        for item in bar:
            _write_item(measure, item, key, tied_before=before == item.pitches and bool(before))
            before = item.pitches if item.tied else ()


def _write_attributes(measure: Any, piece: Piece, key: Key, *, low: bool) -> None:
    attributes = ElementTree.SubElement(measure, "attributes")
    ElementTree.SubElement(attributes, "divisions").text = str(TICKS)
    signature = ElementTree.SubElement(attributes, "key")
    ElementTree.SubElement(signature, "fifths").text = str(key.fifths)
    if key.mode in ("", "m"):
        ElementTree.SubElement(signature, "mode").text = "minor" if key.mode else "major"
    time = ElementTree.SubElement(attributes, "time")
    ElementTree.SubElement(time, "beats").text = str(piece.metre[0])
    ElementTree.SubElement(time, "beat-type").text = str(piece.metre[1])
    clef = ElementTree.SubElement(attributes, "clef")
    ElementTree.SubElement(clef, "sign").text = "F" if low else "G"
    ElementTree.SubElement(clef, "line").text = "4" if low else "2"


def _write_item(measure: Any, item: notation.Item, key: Key, *, tied_before: bool) -> None:
    for n, pitch in enumerate(item.pitches or (None,)):
        note = ElementTree.SubElement(measure, "note")
        if n:
            ElementTree.SubElement(note, "chord")
        if pitch is None:
            ElementTree.SubElement(note, "rest")
        else:
            _write_pitch(note, pitch, key)
        ElementTree.SubElement(note, "duration").text = str(item.ticks)
        ties = ["stop"] * tied_before + ["start"] * item.tied
        for kind in ties:
            ElementTree.SubElement(note, "tie", type=kind)
        ElementTree.SubElement(note, "voice").text = "1"
        _write_value(note, item.ticks)
        if ties:
            notations = ElementTree.SubElement(note, "notations")
            for kind in ties:
                ElementTree.SubElement(notations, "tied", type=kind)


def _write_pitch(note: Any, pitch: int, key: Key) -> None:
    step, sign = notation.spell(pitch, key)
    element = ElementTree.SubElement(note, "pitch")
    ElementTree.SubElement(element, "step").text = "CDEFGAB"[step % 7]
    if sign:
        ElementTree.SubElement(element, "alter").text = str(sign)
    ElementTree.SubElement(element, "octave").text = str(4 + step // 7)


def _write_value(note: Any, ticks: int) -> None:
    """Name the note's value: type, dot, and three in the time of two for triplets."""
    for value, name in _TYPES.items():
        for factor, dots, triplet in ((1.0, 0, False), (1.5, 1, False), (2 / 3, 0, True)):
            if ticks != round(value * factor):
                continue
            ElementTree.SubElement(note, "type").text = name
            for _ in range(dots):
                ElementTree.SubElement(note, "dot")
            if triplet:
                change = ElementTree.SubElement(note, "time-modification")
                ElementTree.SubElement(change, "actual-notes").text = "3"
                ElementTree.SubElement(change, "normal-notes").text = "2"
            return


def _printable(text: str) -> str:
    return "".join(
        c for c in text if c >= " " and c not in "\ufffe\uffff" and not 0xD800 <= ord(c) < 0xE000
    )
