"""A piece as a file, of whatever kind its name asks for."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from recurra.core.errors import ConfigError, ResourceError
from recurra.core.notes import Piece
from recurra.formats.abc_score import write_abc
from recurra.formats.atomic import atomic_write
from recurra.formats.audio import encoder, write_compressed, write_wav
from recurra.formats.midi import write_midi
from recurra.formats.musicxml_write import write_musicxml
from recurra.tasks.music.roll import NEEDS_MATPLOTLIB, roll_png, roll_svg
from recurra.tasks.music.synth import RATE, Progress, render

COMPRESSED = (".ogg", ".flac")
SUFFIXES = (".mid", ".abc", ".musicxml", ".wav", ".ogg", ".flac", ".svg", ".png")


def file_bytes(piece: Piece, suffix: str, *, progress: Progress | None = None) -> bytes:
    """Return a piece as the bytes of a file.

    Args:
        suffix: one of `SUFFIXES`.
        progress: called while sound is made, with notes done and in all.
    Raises:
        ConfigError: a suffix that is none of them.
        ResourceError: the kind needs a package that is not here, or the piece is too long for it.
    """
    if suffix in (".mid", ".midi"):
        return write_midi(piece)
    if suffix == ".abc":
        return write_abc(piece).encode()
    if suffix in (".musicxml", ".xml"):
        return write_musicxml(piece)
    if suffix == ".svg":
        return roll_svg(piece).encode()
    if suffix == ".png":
        return roll_png(piece)
    if suffix == ".wav":
        return write_wav(render(piece, progress=progress), RATE)
    if suffix in COMPRESSED:
        return write_compressed(render(piece, progress=progress), RATE, suffix[1:])
    raise ConfigError(
        f"a piece cannot be written as '{suffix}'; there are {', '.join(SUFFIXES)}.", "output"
    )


def check_packages(suffix: str) -> None:
    """Raise `ResourceError` where a kind of file needs a package that is not here."""
    if suffix in COMPRESSED:
        encoder(suffix[1:])
    if suffix == ".png" and importlib.util.find_spec("matplotlib") is None:
        raise ResourceError(NEEDS_MATPLOTLIB)


def save(piece: Piece, path: str | os.PathLike[str], *, progress: Progress | None = None) -> None:
    """Write a piece, whole or not at all, as the end of the name says; see `file_bytes`."""
    path = Path(path)
    data = file_bytes(piece, path.suffix.lower(), progress=progress)
    with atomic_write(path) as file:
        file.write(data)
