"""One file of music, of any kind that is read, to pieces."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from recurra.core.errors import FormatError
from recurra.core.notes import Note, Piece
from recurra.formats.abc import read_collection
from recurra.formats.abc_notes import sound
from recurra.formats.midi import read_midi
from recurra.formats.musicxml import read_musicxml
from recurra.formats.pianoroll import pieces_from_json, pieces_from_npz
from recurra.formats.sources import Document

KINDS = {
    ".mid": "midi", ".midi": "midi", ".kar": "midi", ".abc": "abc", ".musicxml": "musicxml",
    ".mxl": "musicxml", ".xml": "musicxml", ".json": "json", ".npz": "npz",
}  # fmt: skip
"""What is read, by the end of a file's name; `.gz` and `.xz` behind it are unpacked."""
LARGEST_BYTES = 256 << 20


def kind_of(name: str) -> str | None:
    """Return how a file is read, None where it is not."""
    stem = name.lower()
    for packed in (".gz", ".xz"):
        stem = stem.removesuffix(packed)
    return KINDS.get(Path(stem).suffix)


def read_file(
    path: str, *, resolution: int | None = None, pedal: bool = False
) -> tuple[list[Piece], list[str]]:
    """Return the pieces of a file, and a sentence for each part of it that was left out.

    Args:
        resolution: steps a quarter note of a piano roll.
        pedal: whether MIDI notes sound on while the pedal is down.
    Raises:
        FormatError: it cannot be read, or is nothing that is read here.
    """
    kind = kind_of(path)
    if kind is None:
        raise FormatError(
            f"{path} is no music that is read here; its name has to end in {', '.join(KINDS)}."
        )
    document = Document.of_file(path)
    buffer = io.BytesIO()
    for block, _ in document.blocks():
        buffer.write(block)
        if buffer.tell() > LARGEST_BYTES:
            raise FormatError(f"{path} unpacks to more than {LARGEST_BYTES:,} bytes.")
    data = buffer.getvalue()
    name = Path(path).name
    if kind == "midi":
        return [read_midi(data, name, pedal=pedal)], []
    if kind == "musicxml":
        return [read_musicxml(data, name)], []
    if kind == "json":
        return pieces_from_json(data, name, resolution=resolution), []
    if kind == "npz":
        return pieces_from_npz(data, name, resolution=resolution), []
    return _tunes(data, name)


def _tunes(data: bytes, name: str) -> tuple[list[Piece], list[str]]:
    # Old collections are in Latin-1, where every byte is a character.
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    tunes, notes = read_collection(text, name)
    pieces = []
    for tune in tunes:
        try:
            piece = sound(tune.tokens)
        except FormatError as error:
            notes.append(f"{name}, line {tune.line}: {error}")
            continue
        title = tune.title or f"{name}, line {tune.line}"
        pieces.append(replace(piece, name=title, abc=" ".join(tune.tokens)))
    return pieces, notes


def to_json(piece: Piece) -> dict[str, Any]:
    """Return a piece as JSON data."""
    return {
        "notes": [list(note) for note in piece.notes], "name": piece.name, "length": piece.length,
        "tempos": [list(tempo) for tempo in piece.tempos], "metre": list(piece.metre),
        "key": piece.key, "split": piece.split, "abc": piece.abc,
    }  # fmt: skip


def from_json(data: dict[str, Any]) -> Piece:
    """Return the piece that `to_json` told of."""
    return Piece(
        notes=tuple(Note(*note) for note in data["notes"]), name=data["name"],
        length=data["length"], tempos=tuple((int(t), float(b)) for t, b in data["tempos"]),
        metre=(data["metre"][0], data["metre"][1]), key=data["key"], split=data["split"],
        abc=data["abc"],
    )  # fmt: skip
