"""When the tokens of a piece sound: what lets a page point at them while it plays."""

from __future__ import annotations

from fractions import Fraction

from recurra.core.notes import TICKS, Piece
from recurra.formats.abc_notes import onsets
from recurra.tasks.music.vocabulary import (
    AbcVocabulary,
    PerformanceVocabulary,
    PolyphonyVocabulary,
    Tokens,
    Vocabulary,
)


def token_seconds(vocabulary: Vocabulary, tokens: Tokens, piece: Piece) -> list[float]:
    """Return when each token is first reached, in seconds from the beginning of `piece`.

    Args:
        tokens: of the piece, without the end.
        piece: what they stand for, at the tempo at which it is played.
    """
    ticks: list[float | Fraction]
    if isinstance(vocabulary, AbcVocabulary):
        ticks = [when * TICKS / 2 for when in onsets(vocabulary.texts(tokens))]
    elif isinstance(vocabulary, PolyphonyVocabulary):
        step, ticks = 0, []
        for token in tokens.tolist():
            ticks.append(step * TICKS / vocabulary.resolution)
            step += token == vocabulary.STEP
    else:
        now, ticks = 0, []
        first, last = PerformanceVocabulary.SHIFT, PerformanceVocabulary.VELOCITY
        for token in tokens.tolist():
            # 120 quarter notes a minute: two a second.
            ticks.append(round(now * 2 * TICKS / 100))
            if first <= token < last:
                now += token - first + 1
    return [piece.seconds(float(tick)) for tick in ticks]
