"""Small music for tests: made-up tunes and chords, and untrained models of them."""

from __future__ import annotations

import json

from recurra.core.notes import Note, Piece
from recurra.core.parameters import initialise
from recurra.core.spec import Embedding, Softmax, Spec, Stack
from recurra.engines import EngineOptions
from recurra.tasks.music.model import MusicModel

REFERENCE = EngineOptions(engine="reference")
KEYS = ("C", "G", "D", "Em", "Am")
BARS = ("CDEF GABc", "c2B2 A2G2", "(3EFG A2 G2E2", "E3F G4", "GEGE C4", "A>G FE D4")


def tune(number: int) -> str:
    """Return the text of one tune, all different."""
    picked = [BARS[(number * step + step) % len(BARS)] for step in range(1, 5)]
    key = KEYS[number % len(KEYS)]
    return (
        f"X:{number}\nT:Tune {number}\nM:4/4\nL:1/8\nK:{key}\n"
        f"{number % 7 + 1 and '|:'}{' | '.join(picked)} :|\n{'ABcdefg'[number % 7]}8 | G8 |]\n"
    )


def collection(count: int = 12) -> str:
    """Return a collection of tunes."""
    return "\n".join(tune(number) for number in range(1, count + 1))


def chorales(count: int = 9, steps: int = 8) -> str:
    """Return a JSON piano roll of four-part chords with a split of its own."""

    def piece(n: int) -> list[list[int]]:
        roots = [(n * 5 + t * (2 + n % 3)) % 7 for t in range(steps)]
        return [[48 + r, 55 + r, 60 + r, 64 + r] for r in roots]

    pieces = [piece(n) for n in range(count)]
    third = count // 3
    return json.dumps(
        {"train": pieces[: count - 2 * third], "valid": pieces[count - 2 * third : -third],
         "test": pieces[-third:]}
    )  # fmt: skip


def model_of(vocabulary, *, sizes=(8,), seed=3, engine=REFERENCE) -> MusicModel:
    """Return an untrained model."""
    spec = Spec(
        input=Embedding(vocabulary_size=vocabulary.size, size=6),
        stack=Stack(sizes=sizes),
        head=Softmax(vocabulary_size=vocabulary.size),
    )
    document = {
        "spec": spec.model_dump(mode="json"),
        "task": {"kind": "music", "options": {}, "vocabulary": vocabulary.to_document()},
        "provenance": {},
    }
    return MusicModel(initialise(spec, seed), document, engine=engine)


def chord_piece(*chords: tuple[int, ...], ticks: int = 480) -> Piece:
    """Return chords, one a quarter note."""
    notes = [Note(n * ticks, (n + 1) * ticks, p) for n, chord in enumerate(chords) for p in chord]
    return Piece.of(notes, length=len(chords) * ticks)
