"""All pieces of a training as tokens: vocabulary chosen, split, and written in every key."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recurra.core import random
from recurra.core.errors import ConfigError
from recurra.core.notes import TICKS, Piece
from recurra.formats.abc_notes import moved
from recurra.tasks.music.reading import FileReport, Music, Progress, read_music
from recurra.tasks.music.settings import MusicOptions
from recurra.tasks.music.tunes import tune_tokens
from recurra.tasks.music.vocabulary import (
    AbcVocabulary,
    PerformanceVocabulary,
    PolyphonyVocabulary,
    Tokens,
    Vocabulary,
    shape_of,
)

SPLITS = ("train", "validation", "test")
MOST_VARIANTS = 1 << 27
"""Tokens that all variants together may hold; where they would be more, fewer keys are learned."""
MELODY = 8
"""Notes from which on two melodies that are alike are one tune twice."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One piece and its tokens, without the end."""

    piece: Piece
    tokens: Tokens
    split: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is learned from."""

    pieces: tuple[Encoded, ...]
    vocabulary: Vocabulary
    variants: tuple[tuple[Tokens, ...], ...]
    """Of each training piece, its tokens as written, then transposed or stretched."""
    files: tuple[FileReport, ...]
    notes: tuple[str, ...]
    """What was left out, in sentences."""
    sha256: str
    splits = SPLITS

    def of(self, split: str) -> list[Encoded]:
        """Return the pieces of a split, in order."""
        return [piece for piece in self.pieces if piece.split == split]


def load_corpus(
    inputs: Sequence[str | os.PathLike[str]],
    options: MusicOptions,
    *,
    progress: Progress | None = None,
) -> Corpus:
    """Read files and encode what they hold.

    Raises:
        FormatError: nothing could be read.
        ConfigError: nothing is left to train on, or the vocabulary does not suit the files.
    """
    music = read_music(
        inputs,
        resolution=options.resolution,
        pedal=options.vocabulary == "performance" and options.pedal,
        file_seconds=options.file_seconds,
        progress=progress,
    )
    return build_corpus(music, options)


def build_corpus(music: Music, options: MusicOptions) -> Corpus:
    """Encode what was read; see `load_corpus`."""
    notes: list[str] = []
    name = options.vocabulary if options.vocabulary != "auto" else _suited(music)
    pieces = list(music.pieces)
    with_split = any(piece.split for piece in pieces)
    if options.duplicates == "drop" and not with_split:
        pieces = _distinct(pieces, notes)
    split = (
        [piece.split or "train" for piece in pieces] if with_split else _split(len(pieces), options)
    )
    if name == "abc":
        vocabulary, encoded = _as_tunes(pieces, split, options, notes)
    elif name == "polyphony":
        rolls = music.kinds <= {"json", "npz"}
        vocabulary, encoded = _as_polyphony(pieces, split, options, rolls, notes)
    else:
        vocabulary = PerformanceVocabulary()
        encoded = [Encoded(p, vocabulary.encode(p), s) for p, s in zip(pieces, split, strict=True)]
    learned = [one for one in encoded if one.split == "train"]
    if not learned:
        raise ConfigError(
            f"{len(encoded):,} pieces leave none to train on; give more, or hold out less."
        )
    return Corpus(
        tuple(encoded), vocabulary, tuple(_variants(learned, vocabulary, options)), music.files,
        tuple(notes), music.sha256,
    )  # fmt: skip


def _suited(music: Music) -> str:
    """Return the vocabulary that suits the files: played music has velocities and no grid."""
    if music.kinds == {"abc"}:
        return "abc"
    played = [_is_played(piece) for piece in music.pieces[:200]]
    return "performance" if sum(played) > len(played) / 2 else "polyphony"


def _is_played(piece: Piece) -> bool:
    strengths = {note.velocity for note in piece.notes}
    off = sum(note.start % (TICKS // 12) != 0 for note in piece.notes)
    return len(strengths) > 12 and off > len(piece.notes) / 4


def _distinct(pieces: Sequence[Piece], notes: list[str]) -> list[Piece]:
    """Leave out melodies that have come before, in this or another key."""
    seen: set[object] = set()
    kept = []
    for piece in pieces:
        shape = shape_of(piece)
        if len(shape) >= MELODY and shape in seen:
            continue
        seen.add(shape)
        kept.append(piece)
    if dropped := len(pieces) - len(kept):
        notes.append(
            "1 piece has the melody of another one and was left out."
            if dropped == 1
            else f"{dropped:,} pieces have the melody of another one and were left out."
        )
    return kept


def _split(count: int, options: MusicOptions) -> list[str]:
    """Return the split of each piece: drawn once and for all, whatever the training's seed."""
    order = random.permutation(0, random.SHUFFLE, count)
    held = {name: round(getattr(options, name) * count) for name in ("validation", "test")}
    for name in held:
        # Of few pieces one is held out all the same, where one can be spared.
        if getattr(options, name) and count >= 3:
            held[name] = max(1, held[name])
    found = ["train"] * count
    for place, n in enumerate(order.tolist()):
        if place < held["validation"]:
            found[n] = "validation"
        elif place < held["validation"] + held["test"]:
            found[n] = "test"
    return found


def _shifts(options: MusicOptions) -> list[int]:
    """Return the transpositions, the key as written first."""
    return sorted(range(-options.transpose, options.transpose + 1), key=lambda n: (abs(n), n))


def _as_tunes(
    pieces: Sequence[Piece], split: Sequence[str], options: MusicOptions, notes: list[str]
) -> tuple[Vocabulary, list[Encoded]]:
    tunes = [tune_tokens(piece) for piece in pieces]
    every = [
        moved(tune, shift)
        for tune, part in zip(tunes, split, strict=True)
        if part == "train"
        for shift in _shifts(options)
    ]
    vocabulary = AbcVocabulary.learn(every, options.minimum_count)
    found: list[Encoded] = []
    for piece, tune, part in zip(pieces, tunes, split, strict=True):
        try:
            found.append(Encoded(piece, vocabulary.encode_tokens(tune), part))
        except ConfigError:
            continue
    if dropped := len(pieces) - len(found):
        notes.append(
            f"{dropped:,} tunes have a token that is rarer than --minimum-count and were left out."
        )
    return vocabulary, found


def _as_polyphony(
    pieces: Sequence[Piece],
    split: Sequence[str],
    options: MusicOptions,
    rolls: bool,
    notes: list[str],
) -> tuple[Vocabulary, list[Encoded]]:
    # The reader has set the steps of a roll on quarter notes where nothing else was said.
    resolution = options.resolution or (1 if rolls and not _is_fine(pieces) else 4)
    used = [note.pitch for piece in pieces for note in piece.notes]
    low = max(0, min(21, min(used, default=21) - options.transpose))
    high = min(127, max(108, max(used, default=108) + options.transpose))
    vocabulary = PolyphonyVocabulary(low, high, resolution)
    found: list[Encoded] = []
    for piece, part in zip(pieces, split, strict=True):
        try:
            found.append(Encoded(piece, vocabulary.encode(piece), part))
        except ConfigError:
            notes.append(f"{piece.name} has no notes and was left out.")
    return vocabulary, found


def _is_fine(pieces: Sequence[Piece]) -> bool:
    return any(note.start % TICKS for piece in pieces[:20] for note in piece.notes)


def _variants(
    learned: Sequence[Encoded], vocabulary: Vocabulary, options: MusicOptions
) -> Iterable[tuple[Tokens, ...]]:
    shifts = _shifts(options)
    tokens = sum(len(one.tokens) for one in learned)
    shifts = shifts[: max(1, MOST_VARIANTS // max(1, tokens))]
    for one in learned:
        bases: list[NDArray[np.int32]] = [one.tokens]
        if isinstance(vocabulary, PerformanceVocabulary) and options.stretch:
            for share in (-1.0, -0.5, 0.5, 1.0):
                factor = 1 + share * options.stretch
                bases.append(vocabulary.encode(replace(one.piece), stretch=factor))
        found = [vocabulary.transpose(base, shift) for shift in shifts for base in bases]
        yield tuple(variant for variant in found if variant is not None)


def encode_for(vocabulary: Vocabulary, pieces: Sequence[Piece]) -> tuple[list[Tokens], list[str]]:
    """Return the tokens of pieces, and a sentence for each that has none in this vocabulary."""
    found: list[Tokens] = []
    notes: list[str] = []
    for piece in pieces:
        try:
            found.append(vocabulary.encode(piece))
        except ConfigError as error:
            notes.append(f"{piece.name}: {error}")
    return found, notes
