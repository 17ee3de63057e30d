"""From what a person asks for to pieces: composed, continued, harmonised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recurra.core.errors import ConfigError
from recurra.core.notes import Piece
from recurra.core.sampling import SamplingOptions
from recurra.formats.abc_keys import parse_metre
from recurra.formats.abc_notes import after_bars
from recurra.formats.abc_score import write_abc
from recurra.learning.priming import draw_seed
from recurra.tasks.music.generate import Drawn, Progress, Rules, draw_pieces
from recurra.tasks.music.grammar import FINAL, TuneRules
from recurra.tasks.music.harmony import StepRules, harmonise
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.vocabulary import END, AbcVocabulary, PolyphonyVocabulary, Tokens
from recurra.tasks.music.wishes import USUAL, ComposeOptions, key_of, rules_of, scale_of

__all__ = ["ComposeOptions", "Composed", "Composition", "compose"]


@dataclass(frozen=True, slots=True)
class Composition:
    """One piece that a model has made."""

    piece: Piece
    tokens: Tokens
    """All of them, those of the given beginning too."""
    begun: int
    """How many tokens were given."""

    @property
    def abc(self) -> str:
        """The piece in ABC."""
        return write_abc(self.piece)

    def facts(self) -> dict[str, Any]:
        """Return what a page needs to show and play it, as JSON data; times in seconds."""
        piece = self.piece
        return {
            "abc": self.abc,
            "notes": [
                {"start": start, "end": end, "pitch": pitch, "velocity": velocity, "voice": n.voice}
                for n, (start, end, pitch, velocity) in zip(
                    piece.notes, piece.in_seconds(), strict=True
                )
            ],
            "duration": piece.duration_s,
            "metre": list(piece.metre),
            "key": piece.key,
            "tempo": piece.tempos[0][1],
            "bars": [piece.seconds(t) for t in range(0, piece.length + 1, piece.bar)],
            "tokens": self.tokens.tolist(),
            "begun": self.begun,
        }


@dataclass(frozen=True, slots=True)
class Composed:
    """Pieces, and the seed that makes them again."""

    seed: int
    pieces: tuple[Composition, ...]


def compose(
    model: MusicModel,
    how: ComposeOptions | None = None,
    sampling: SamplingOptions | None = None,
    *,
    prime: Piece | None = None,
    title: str = "",
    progress: Progress | None = None,
) -> Composed:
    """Compose pieces, go on with `prime`, or write further voices to it (`given`).

    Sample k is the same piece whatever is composed beside it.

    Args:
        prime: a piece to go on from; with `how.given` its voices are kept and others written.
        title: of the pieces; a number is added where they are several.
        progress: called with tokens (harmonising: steps) done and in all.
    Raises:
        ConfigError: a setting that this kind of model does not have, or a prime that it cannot
        read.
    """
    how, sampling = how or ComposeOptions(), sampling or USUAL
    seed = draw_seed(how.seed)
    words = model.vocabulary
    if how.prime_bars is not None and prime is None:
        raise ConfigError(
            "prime_bars counts bars of a given piece, but none is given.", "prime_bars"
        )
    if how.given:
        if prime is None or not isinstance(words, PolyphonyVocabulary):
            raise ConfigError(
                "given voices need a piece to keep them from and a model of polyphony.", "given"
            )
        made = [_harmonised(model, words, prime, how, sampling, seed + n, progress)
                for n in range(how.samples)]  # fmt: skip
        begun = 0
    else:
        start = [] if prime is None else _beginning(model, prime, how).tolist()
        a_tune = isinstance(words, AbcVocabulary) and how.rules
        takes = how.endings if how.bars is not None or a_tune else 1
        count = how.samples * takes
        rules = rules_of(words, how, start, count)
        drawn = draw_pieces(
            model.network(), [[END, *start]] * count, sampling, length=how.length, seed=seed,
            rules=rules, progress=progress,
        )  # fmt: skip
        made = []
        for n in range(0, count, takes):
            one = _taken(drawn[n : n + takes], None if how.bars or not rules else rules[n:])
            made.append(np.array([*start, *one.tokens.tolist()], np.int32))
        begun = len(start)
    pieces = []
    for n, tokens in enumerate(made, 1):
        name = (title or "Recurra") + (f" {n}" if how.samples > 1 else "")
        pieces.append(Composition(_finished(model, tokens, how, name), tokens, begun))
    return Composed(seed, tuple(pieces))


def _taken(drawn: Sequence[Drawn], rules: Sequence[Rules] | None) -> Drawn:
    """Return the first tune that came to its end and closes on the tonic, by the rules it kept.

    Without rules, and where there is none, the one whose end the model thinks the likeliest.
    """
    for one, rule in zip(drawn, rules or (), strict=False):
        if one.ending > -np.inf and isinstance(rule, TuneRules) and rule.closes:
            return one
    return max(drawn, key=lambda one: one.ending)


def _finished(model: MusicModel, tokens: Tokens, how: ComposeOptions, name: str) -> Piece:
    piece = replace(model.vocabulary.decode(tokens), name=name)
    if how.tempo is not None:
        piece = replace(piece, tempos=((0, how.tempo),))
    if isinstance(model.vocabulary, AbcVocabulary):
        return piece
    metre = parse_metre(how.metre) if how.metre else None
    key = "" if how.key is None else key_of(how.key).name
    return replace(piece, metre=metre or piece.metre, key=key)


def _beginning(model: MusicModel, prime: Piece, how: ComposeOptions) -> Tokens:
    """Return the tokens that a piece goes on from: without the double bar at a tune's end."""
    words = model.vocabulary
    if isinstance(words, AbcVocabulary):
        tokens = words.encode(prime)
        texts = words.texts(tokens)
        if how.prime_bars is not None:
            return tokens[: after_bars(texts, how.prime_bars)]
        while texts and texts[-1] in FINAL:
            texts.pop()
        # An open bar is finished by a plain line, after which the tune goes on.
        return words.encode_tokens(texts if texts[-1:] == ["|"] else [*texts, "|"])
    if how.prime_bars is not None:
        end = how.prime_bars * prime.bar
        kept = [n._replace(end=min(n.end, end)) for n in prime.notes if n.start < end]
        prime = replace(prime, notes=tuple(kept), length=min(prime.length, end))
    return words.encode(prime)


def _harmonised(
    model: MusicModel, words: PolyphonyVocabulary, prime: Piece, how: ComposeOptions,
    sampling: SamplingOptions, seed: int, progress: Progress | None,
) -> Tokens:  # fmt: skip
    """Return the tokens of a piece that keeps some voices of `prime`."""
    frames = words.frames(prime)
    if not any(frames):
        raise ConfigError("the given piece has no notes that the model knows.")
    wanted = max(how.given)
    if min(how.given) < 1 or wanted > max(map(len, frames)):
        raise ConfigError(
            f"given is {', '.join(map(str, how.given))}, but the piece has "
            f"{max(map(len, frames))} voices, counted from 1 at the top.",
            "given",
        )
    if wanted > how.voices or len(how.given) >= how.voices:
        raise ConfigError(
            f"{how.voices} voices leave nothing to write beside the given ones.", "voices"
        )
    given = [_by_voice(step, how) for step in frames]
    rules = StepRules(
        words, length=len(given), given=given, voices=how.voices,
        scale=scale_of(how),
    )  # fmt: skip
    return harmonise(
        model.network(), rules, sampling, particles=how.particles, seed=seed, progress=progress
    )


def _by_voice(step: Sequence[int], how: ComposeOptions) -> dict[int, int]:
    """Return the given pitches of a step by the voice that they have in the new piece.

    Of a piece with fewer voices than are to be written, the lowest given one becomes the bass, if
    it is not the melody.
    """
    kept = [voice - 1 for voice in sorted(how.given) if voice <= len(step)]
    found = {voice: step[voice] for voice in kept}
    if len(step) < how.voices and kept and kept[-1] == len(step) - 1 > 0:
        found[how.voices - 1] = found.pop(kept[-1])
    return found
