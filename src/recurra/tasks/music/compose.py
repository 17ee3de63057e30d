"""From what a person asks for to pieces: composed, continued, harmonised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recurra.core.errors import ConfigError
from recurra.core.notes import TICKS, Piece
from recurra.core.options import Options, knob
from recurra.core.sampling import SamplingOptions
from recurra.formats.abc_keys import Key, parse_metre
from recurra.formats.abc_score import write_abc
from recurra.learning.priming import draw_seed
from recurra.tasks.music.generate import Progress, Rules, draw
from recurra.tasks.music.grammar import FINAL, Table, TuneRules
from recurra.tasks.music.harmony import StepRules, harmonise
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.vocabulary import END, AbcVocabulary, PolyphonyVocabulary, Tokens


class ComposeOptions(Options):
    """What is composed, and within which bounds."""

    length: int = knob(2000, "most tokens of a piece, its beginning left out", low=1, high=10**6,
                       unit="tokens")  # fmt: skip
    samples: int = knob(1, "how many pieces", low=1, high=100_000)
    seed: int | None = knob(None, "start of the random draws; none draws one and says it", low=0)
    key: str | None = knob(None, "key of the piece, such as G, Em or Ador")
    metre: str | None = knob(None, "metre of the piece, such as 6/8")
    bars: int | None = knob(None, "how many bars, as they are written", low=1, high=10_000)
    tempo: float | None = knob(
        None, "quarter notes a minute; how the model's pieces go where nothing is said",
        low=4, high=1000,
    )  # fmt: skip
    rules: bool = knob(
        True, "only write what the notation allows: bars that add up, pitches from the top down"
    )
    voices: int = knob(4, "with given voices: how many sound together", low=2, high=16)
    given: tuple[int, ...] = knob(
        (), "voices of the given piece that are kept while the others are written, counted from 1 "
        "at the top",
    )  # fmt: skip
    prime_bars: int | None = knob(
        None, "go on after so many bars of the given piece", low=1, high=10_000
    )
    particles: int = knob(
        32, "with given voices: hypotheses that are followed side by side", low=1, high=4096,
        advanced=True,
    )  # fmt: skip


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
    how, sampling = how or ComposeOptions(), sampling or SamplingOptions()
    seed = draw_seed(how.seed)
    words = model.vocabulary
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
        rules = _rules(model, how, start)
        primes = [[END, *start]] * how.samples
        drawn = draw(
            model.network(), primes, sampling, length=how.length, seed=seed, rules=rules,
            progress=progress,
        )  # fmt: skip
        made = [np.array([*start, *one.tolist()], np.int32) for one in drawn]
        begun = len(start)
    pieces = []
    for n, tokens in enumerate(made, 1):
        name = (title or "Recurra") + (f" {n}" if how.samples > 1 else "")
        pieces.append(Composition(_finished(model, tokens, how, name), tokens, begun))
    return Composed(seed, tuple(pieces))


def _finished(model: MusicModel, tokens: Tokens, how: ComposeOptions, name: str) -> Piece:
    piece = replace(model.vocabulary.decode(tokens), name=name)
    if how.tempo is not None:
        piece = replace(piece, tempos=((0, how.tempo),))
    if isinstance(model.vocabulary, AbcVocabulary):
        return piece
    metre = parse_metre(how.metre) if how.metre else None
    return replace(
        piece, metre=metre or piece.metre, key=Key.parse(how.key).name if how.key else ""
    )


def _beginning(model: MusicModel, prime: Piece, how: ComposeOptions) -> Tokens:
    """Return the tokens that a piece goes on from: without the double bar at a tune's end."""
    words = model.vocabulary
    if isinstance(words, AbcVocabulary):
        tokens = words.encode(prime)
        texts = words.texts(tokens)
        if how.prime_bars is not None:
            places = [n for n, text in enumerate(texts) if text == "|"]
            end = places[how.prime_bars - 1] + 1 if how.prime_bars <= len(places) else len(texts)
            return tokens[:end]
        while texts and texts[-1] in FINAL:
            texts.pop()
        # An open bar is finished by a plain line, after which the tune goes on.
        return words.encode_tokens(texts if texts[-1:] == ["|"] else [*texts, "|"])
    if how.prime_bars is not None:
        end = how.prime_bars * prime.bar
        kept = [n._replace(end=min(n.end, end)) for n in prime.notes if n.start < end]
        prime = replace(prime, notes=tuple(kept), length=min(prime.length, end))
    return words.encode(prime)


def _rules(model: MusicModel, how: ComposeOptions, start: Sequence[int]) -> list[Rules] | None:
    words = model.vocabulary
    asked = next(
        (name for name in ("key", "metre", "bars") if getattr(how, name) is not None), None
    )
    if isinstance(words, AbcVocabulary):
        if asked and not how.rules:
            raise ConfigError(f"{asked} is kept by the rules, which are off; drop one.", asked)
        return _tune_rules(words, how, start) if how.rules else None
    if isinstance(words, PolyphonyVocabulary):
        if not (how.rules or asked):
            return None
        metre = parse_metre(how.metre) if how.metre else (4, 4)
        if metre is None:
            raise ConfigError(f"metre is {how.metre!r}, but has to be like 3/4.", "metre")
        bar = TICKS * 4 * metre[0] // metre[1]
        length = None if how.bars is None else max(1, how.bars * bar * words.resolution // TICKS)
        scale = frozenset(Key.parse(how.key).scale()) if how.key else None
        found: list[Rules] = []
        for _ in range(how.samples):
            rules = StepRules(words, length=length, scale=scale)
            for token in start:
                rules.take(int(token))
            found.append(rules)
        return found
    if asked in ("key", "bars"):
        raise ConfigError(
            f"{asked} cannot be asked of a model of performances, which has no bars.", asked
        )
    return None


def _tune_rules(words: AbcVocabulary, how: ComposeOptions, start: Sequence[int]) -> list[Rules]:
    table = Table(words)
    metre = key = ""
    if how.metre:
        parsed = parse_metre(how.metre)
        metre = f"M:{parsed[0]}/{parsed[1]}" if parsed else f"M:{how.metre}"
        _check_known(words, metre, "metre", "M:")
    if how.key:
        key = f"K:{Key.parse(how.key).name}"
        _check_known(words, key, "key", "K:")
    found: list[Rules] = []
    for _ in range(how.samples):
        rules = TuneRules(table, metre, key, how.bars)
        for token in start:
            rules.take(int(token))
        found.append(rules)
    return found


def _check_known(words: AbcVocabulary, token: str, name: str, mark: str) -> None:
    if token not in words.number:
        known = sorted(text[2:] for text in words.tokens if text.startswith(mark))
        raise ConfigError(f"{name} is '{token[2:]}', but the model knows {', '.join(known)}.", name)


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
        scale=frozenset(Key.parse(how.key).scale()) if how.key else None,
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
