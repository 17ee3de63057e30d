"""The three vocabularies of music: what a token is, and how a piece becomes tokens and back.

    abc           ABC tokens of one-voice tunes: metre, key, notes, bar lines, repeats, ornaments
    polyphony     the pitches of a time step from the highest down, then "end of step"
    performance   note on, note off, time shift, velocity (Oore et al. 2018, arXiv:1808.03715)

Token 0 ends a piece in each of them, and opens it: a model that has read nothing but token 0 from
the state zero is at a beginning. A vocabulary's document, kept in the model file, is all it needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError
from recurra.core.notes import TICKS, Note, Piece, pitch_name
from recurra.formats.abc_notes import moved, sound
from recurra.tasks.music.tunes import tune_tokens

Tokens = NDArray[np.int32]

END = 0


class Vocabulary(Protocol):
    """What all three have in common."""

    kind: str
    size: int
    unit: str
    """What scores are told by: "token" or "step"."""

    def encode(self, piece: Piece) -> Tokens:
        """Return the tokens of a piece, `END` left out. Raises `ConfigError` where it has none."""
        ...

    def decode(self, tokens: Sequence[int] | Tokens) -> Piece:
        """Return the piece that tokens stand for; what makes no sense is passed over."""
        ...

    def transpose(self, tokens: Tokens, semitones: int) -> Tokens | None:
        """Return the same music higher, None where it leaves the vocabulary."""
        ...

    def token_text(self, token: int) -> str: ...

    def steps(self, tokens: Tokens) -> int:
        """Return how many of its units a piece has."""
        ...

    def to_document(self) -> dict[str, Any]: ...


class AbcVocabulary:
    """Tokens of ABC tunes, as `formats.abc` cuts them.

    Args:
        tokens: each token once; the first is the end of a tune.
    """

    kind = "abc"
    unit = "token"

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self.size = len(self.tokens)
        self.number = {token: n for n, token in enumerate(self.tokens)}

    @classmethod
    def learn(cls, tunes: Iterable[Sequence[str]], minimum_count: int) -> AbcVocabulary:
        """Make the vocabulary of what occurs often enough, the commonest first."""
        counts = Counter(token for tune in tunes for token in tune)
        kept = [(-n, token) for token, n in counts.items() if n >= minimum_count]
        return cls(["<end>", *(token for _, token in sorted(kept))])

    def encode_tokens(self, tune: Sequence[str]) -> Tokens:
        """Return the numbers of ABC tokens."""
        missing = next((token for token in tune if token not in self.number), None)
        if missing is not None:
            raise ConfigError(f"'{missing}' occurs in none of the tunes that the model learned.")
        return np.array([self.number[token] for token in tune], np.int32)

    def encode(self, piece: Piece) -> Tokens:
        return self.encode_tokens(tune_tokens(piece))

    def texts(self, tokens: Sequence[int] | Tokens) -> list[str]:
        """Return the ABC tokens that numbers stand for, up to the end."""
        found = []
        for token in np.asarray(tokens).tolist():
            if token == END:
                break
            found.append(self.tokens[token])
        return found

    def decode(self, tokens: Sequence[int] | Tokens) -> Piece:
        texts = self.texts(tokens)
        piece = sound(texts)
        return Piece.of(
            piece.notes, length=piece.length, metre=piece.metre, key=piece.key,
            tempos=piece.tempos, abc=" ".join(texts),
        )  # fmt: skip

    def transpose(self, tokens: Tokens, semitones: int) -> Tokens | None:
        if not semitones:
            return tokens
        try:
            return self.encode_tokens(moved(self.texts(tokens), semitones))
        except ConfigError:
            return None

    def token_text(self, token: int) -> str:
        return self.tokens[token]

    def steps(self, tokens: Tokens) -> int:
        return len(tokens)

    def to_document(self) -> dict[str, Any]:
        return {"kind": self.kind, "tokens": list(self.tokens)}


class PolyphonyVocabulary:
    """Time steps of a fixed length: 0 ends the piece, 1 ends a step, 2 + n is pitch `low` + n.

    Args:
        low, high: MIDI pitches, both included.
        resolution: steps a quarter note. From 2 on a pitch that stays is one long note, at 1 every
            step is struck.
    """

    kind = "polyphony"
    unit = "step"
    STEP = 1
    FIRST = 2

    def __init__(self, low: int = 21, high: int = 108, resolution: int = 1) -> None:
        self.low, self.high, self.resolution = low, high, resolution
        self.size = self.FIRST + high - low + 1

    def frames(self, piece: Piece) -> list[list[int]]:
        """Return the pitches that sound in each step, from the highest down."""
        ticks = TICKS / self.resolution
        count = max(0, round(piece.length / ticks))
        sounding: list[set[int]] = [set() for _ in range(count)]
        for note in piece.notes:
            if self.low <= note.pitch <= self.high:
                start = round(note.start / ticks)
                for step in range(start, min(count, max(start + 1, round(note.end / ticks)))):
                    sounding[step].add(note.pitch)
        return [sorted(step, reverse=True) for step in sounding]

    def encode(self, piece: Piece) -> Tokens:
        found: list[int] = []
        for step in self.frames(piece):
            found += [self.FIRST + pitch - self.low for pitch in step]
            found.append(self.STEP)
        if len(found) == found.count(self.STEP):
            raise ConfigError(
                f"{piece.name or 'the piece'} has no notes from {pitch_name(self.low)} to "
                f"{pitch_name(self.high)}."
            )
        return np.array(found, np.int32)

    def read_frames(self, tokens: Sequence[int] | Tokens) -> list[list[int]]:
        """Return the pitches of each step that tokens stand for."""
        found: list[list[int]] = []
        step: set[int] = set()
        for token in np.asarray(tokens).tolist():
            if token == END:
                break
            if token == self.STEP:
                found.append(sorted(step, reverse=True))
                step = set()
            else:
                step.add(token - self.FIRST + self.low)
        return [*found, sorted(step, reverse=True)] if step else found

    def decode(self, tokens: Sequence[int] | Tokens) -> Piece:
        frames = self.read_frames(tokens)
        ticks = TICKS // self.resolution
        notes: list[Note] = []
        begun: dict[int, int] = {}
        for t, step in enumerate([*frames, []]):
            ended = [p for p in begun if p not in step or self.resolution == 1]
            notes += [Note(begun.pop(p) * ticks, t * ticks, p) for p in ended]
            begun |= {p: t for p in step if p not in begun}
        return Piece.of(notes, length=len(frames) * ticks, tempos=((0, 100.0),))

    def transpose(self, tokens: Tokens, semitones: int) -> Tokens | None:
        pitched = tokens >= self.FIRST
        higher = np.where(pitched, tokens + np.int32(semitones), tokens)
        inside = (higher >= self.FIRST) & (higher < self.size)
        return higher if bool((inside | ~pitched).all()) else None

    def token_text(self, token: int) -> str:
        if token < self.FIRST:
            return ("<end>", "step")[token]
        return pitch_name(token - self.FIRST + self.low)

    def steps(self, tokens: Tokens) -> int:
        return int((tokens == self.STEP).sum())

    def to_document(self) -> dict[str, Any]:
        return {"kind": self.kind, "low": self.low, "high": self.high,
                "resolution": self.resolution}  # fmt: skip


class PerformanceVocabulary:
    """Events: 1 to 128 note on, 129 to 256 note off, 257 to 356 time shift, 357 to 388 velocity.

    A shift is 1 to 100 hundredths of a second; longer times take several. The 32 velocities are
    four MIDI velocities each. At one moment notes end before others begin, from the lowest up.
    """

    kind = "performance"
    unit = "token"
    ON, OFF, SHIFT, VELOCITY = 1, 129, 257, 357
    SHIFTS, VELOCITIES = 100, 32
    size = VELOCITY + VELOCITIES

    def encode(self, piece: Piece, *, stretch: float = 1.0) -> Tokens:
        """Return the events of a piece played `stretch` times as slowly."""
        events: list[tuple[int, int, int, int]] = []
        ends: dict[int, int] = {}
        for start, end, pitch, velocity in sorted(piece.cleaned().in_seconds()):
            first = max(round(100 * start * stretch), ends.get(pitch, 0))
            last = max(first + 1, round(100 * end * stretch))
            ends[pitch] = last
            level = min(self.VELOCITIES - 1, velocity * self.VELOCITIES // 128)
            events += [(first, 1, pitch, level), (last, 0, pitch, 0)]
        found: list[int] = []
        now = level_now = -1
        for at, on, pitch, level in sorted(events):
            wait = at - max(now, 0)
            while wait > 0:
                found.append(self.SHIFT + min(wait, self.SHIFTS) - 1)
                wait -= self.SHIFTS
            now = at
            if on and level != level_now:
                found.append(self.VELOCITY + level)
                level_now = level
            found.append((self.ON if on else self.OFF) + pitch)
        if not found:
            raise ConfigError(f"{piece.name or 'the piece'} has no notes.")
        return np.array(found, np.int32)

    def decode(self, tokens: Sequence[int] | Tokens) -> Piece:
        notes: list[Note] = []
        begun: dict[int, tuple[int, int]] = {}
        now, velocity = 0, 64

        def tick(hundredths: int) -> int:
            # 120 quarter notes a minute: two a second.
            return round(hundredths * 2 * TICKS / 100)

        def end(pitch: int) -> None:
            if pitch in begun:
                start, strength = begun.pop(pitch)
                notes.append(Note(tick(start), tick(max(now, start + 1)), pitch, strength))

        for token in np.asarray(tokens).tolist():
            if token == END:
                break
            if token >= self.VELOCITY:
                velocity = 4 * (token - self.VELOCITY) + 2
            elif token >= self.SHIFT:
                now += token - self.SHIFT + 1
            elif token >= self.OFF:
                end(token - self.OFF)
            else:
                end(token - self.ON)
                begun[token - self.ON] = (now, velocity)
        for pitch in list(begun):
            end(pitch)
        return Piece.of(notes)

    def transpose(self, tokens: Tokens, semitones: int) -> Tokens | None:
        pitched = tokens < self.SHIFT
        pitch = np.where(tokens < self.OFF, tokens - self.ON, tokens - self.OFF) + semitones
        if bool(((pitch[pitched] < 0) | (pitch[pitched] > 127)).any()):
            return None
        return np.where(pitched, tokens + np.int32(semitones), tokens)

    def token_text(self, token: int) -> str:
        if token == END:
            return "<end>"
        if token < self.OFF:
            return f"on {pitch_name(token - self.ON)}"
        if token < self.SHIFT:
            return f"off {pitch_name(token - self.OFF)}"
        if token < self.VELOCITY:
            return f"{10 * (token - self.SHIFT + 1)} ms"
        return f"velocity {token - self.VELOCITY}"

    def steps(self, tokens: Tokens) -> int:
        return len(tokens)

    def to_document(self) -> dict[str, Any]:
        return {"kind": self.kind}


def vocabulary_from_document(document: Any) -> Vocabulary:
    """Return the vocabulary that a model file describes; raises `FormatError` otherwise."""
    kind = document.get("kind") if isinstance(document, Mapping) else None
    if kind == "abc":
        tokens = document.get("tokens")
        if (
            not isinstance(tokens, list)
            or not tokens
            or not all(isinstance(token, str) and token for token in tokens)
            or len(set(tokens)) < len(tokens)
        ):
            raise FormatError("the vocabulary's tokens have to be a list of different texts.")
        return AbcVocabulary(tokens)
    if kind == "polyphony":
        low, high, resolution = (document.get(n) for n in ("low", "high", "resolution"))
        whole = all(type(n) is int for n in (low, high, resolution))
        if not whole or not (0 <= low < high <= 127 and 1 <= resolution <= TICKS):
            raise FormatError("the vocabulary's pitches or resolution cannot be.")
        return PolyphonyVocabulary(low, high, resolution)
    if kind == "performance":
        return PerformanceVocabulary()
    raise FormatError(f"the vocabulary is {kind!r}, but has to be abc, polyphony or performance.")


def shape_of(piece: Piece) -> tuple[tuple[int, int], ...]:
    """Return a melody with its key folded out: (semitones to the next note, length) of each."""
    top = [note for before, note in pairwise([None, *piece.notes])
           if note is not None and (before is None or before.start != note.start)]  # fmt: skip
    return tuple(
        (after.pitch - before.pitch, after.start - before.start) for before, after in pairwise(top)
    )
