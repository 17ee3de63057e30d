"""What a person may ask of a piece, and the rules that keep it."""

from __future__ import annotations

from collections.abc import Sequence

from recurra.core.errors import ConfigError
from recurra.core.notes import TICKS
from recurra.core.options import Options, knob
from recurra.core.sampling import SamplingOptions
from recurra.formats.abc_keys import Key, is_key, parse_metre
from recurra.tasks.music.generate import Rules
from recurra.tasks.music.grammar import Table, TuneRules
from recurra.tasks.music.harmony import StepRules
from recurra.tasks.music.vocabulary import AbcVocabulary, PolyphonyVocabulary, Vocabulary

USUAL = SamplingOptions(temperature=0.8)
"""How tokens are drawn where nothing is said: a little more carefully than the model would."""


class ComposeOptions(Options):
    """What is composed, and within which bounds."""

    length: int = knob(2000, "most tokens of a piece, its beginning left out", low=1, high=10**6,
                       unit="tokens")  # fmt: skip
    samples: int = knob(1, "how many pieces", low=1, high=100_000)
    seed: int | None = knob(None, "start of the random draws; none draws one and says it", low=0)
    key: str | None = knob(None, "key of the piece, such as G, Em or Ador")
    metre: str | None = knob(None, "metre of the piece, such as 6/8")
    bars: int | None = knob(None, "how many bars, as they are written", low=1, high=10_000)
    endings: int = knob(
        8, "how many pieces are drawn for one: with a number of bars the one is taken that the "
        "model would most likely end there, of other tunes the first that closes on its tonic",
        low=1, high=256, advanced=True,
    )  # fmt: skip
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


def rules_of(
    words: Vocabulary, how: ComposeOptions, start: Sequence[int], count: int
) -> list[Rules] | None:
    """Return the rules of `count` pieces that begin with the tokens `start`; None for no rules.

    Raises:
        ConfigError: what is asked is nothing that this kind of model has.
    """
    asked = next(
        (name for name in ("key", "metre", "bars") if getattr(how, name) is not None), None
    )
    if isinstance(words, AbcVocabulary):
        if asked and not how.rules:
            raise ConfigError(f"{asked} is kept by the rules, which are off; drop one.", asked)
        return _tune_rules(words, how, start, count) if how.rules else None
    if isinstance(words, PolyphonyVocabulary):
        if not (how.rules or asked):
            return None
        metre = parse_metre(how.metre) if how.metre is not None else (4, 4)
        if metre is None:
            raise ConfigError(f"metre is {how.metre!r}, but has to be like 3/4.", "metre")
        bar = TICKS * 4 * metre[0] // metre[1]
        length = None if how.bars is None else max(1, how.bars * bar * words.resolution // TICKS)
        scale = scale_of(how)
        found: list[Rules] = []
        for _ in range(count):
            rules = StepRules(words, length=length, scale=scale)
            for token in start:
                rules.take(int(token))
            if length is not None and rules.step >= length:
                raise _too_long(how, rules.step * TICKS // (bar * words.resolution))
            found.append(rules)
        return found
    if asked in ("key", "bars"):
        raise ConfigError(
            f"{asked} cannot be asked of a model of performances, which has no bars.", asked
        )
    return None


def _tune_rules(
    words: AbcVocabulary, how: ComposeOptions, start: Sequence[int], count: int
) -> list[Rules]:
    table = Table(words)
    metre = key = ""
    if how.metre is not None:
        parsed = parse_metre(how.metre)
        metre = f"M:{parsed[0]}/{parsed[1]}" if parsed else f"M:{how.metre}"
        _check_known(words, metre, "metre", "M:")
    if how.key is not None:
        key = f"K:{key_of(how.key).name}"
        _check_known(words, key, "key", "K:")
    found: list[Rules] = []
    for _ in range(count):
        rules = TuneRules(table, metre, key, how.bars)
        for token in start:
            rules.take(int(token))
        if how.bars is not None and rules.count >= how.bars:
            raise _too_long(how, rules.count)
        found.append(rules)
    return found


def _too_long(how: ComposeOptions, bars: int) -> ConfigError:
    return ConfigError(
        f"bars is {how.bars}, but the beginning that is given has {bars} bars already; ask for "
        "more, or take fewer of them with prime_bars.",
        "bars",
    )


def _check_known(words: AbcVocabulary, token: str, name: str, mark: str) -> None:
    if token not in words.number:
        known = sorted(text[2:] for text in words.tokens if text.startswith(mark))
        raise ConfigError(f"{name} is '{token[2:]}', but the model knows {', '.join(known)}.", name)


def key_of(text: str) -> Key:
    """Return the key that a person named. Raises `ConfigError` where it is none."""
    key = Key.parse(text)
    if not is_key(text) or abs(key.fifths) > 7:
        raise ConfigError(
            f"key is '{text}', but has to be a letter from A to G, with # or b, and a mode such as "
            "m, dor or mix: G, F#m, Ador.",
            "key",
        )
    return key


def scale_of(how: ComposeOptions) -> frozenset[int] | None:
    """Return the pitch classes of the key that is asked for, None where none is."""
    return frozenset(key_of(how.key).scale()) if how.key is not None else None
