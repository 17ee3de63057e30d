"""Words with their punctuation, such that the text comes back letter by letter.

A text is cut into words, single punctuation characters and runs of white space. Between two of the
first two kinds stands the usual gap, a space or nothing, as `_gap` guesses it; only where the text
differs does a token say so: white space as it is, or JOIN for "no space here". So prose costs
little more than one token a word, and everything can still be written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError
from recurra.tasks.text.vocabulary import UNKNOWN, Encoded, Encoder, Policy, Vocabulary

PIECE = re.compile(r"\w+(?:['’-]\w+)*|\s+|.", re.DOTALL)
"""A word, a run of white space, or one character that is neither."""

UNKNOWN_TOKEN, JOIN = 0, 1
MOST_DIFFERENT = 1_000_000
LONGEST_PIECE = 1 << 16
"""Where a text has no white space for this many characters, it is cut regardless."""

# How a piece stands to its neighbours.
_WORD, _SPACE, _OPEN, _CLOSE, _TIGHT, _QUOTE = range(6)
_CLASSES = {
    **dict.fromkeys("([{“‘«¿¡$£€#@\\", _OPEN),
    **dict.fromkeys(",.;:!?)]}%…”’»", _CLOSE),
    **dict.fromkeys("-–—/*=<>|~^+&", _TIGHT),
    **dict.fromkeys("\"'`", _QUOTE),
}


def _gap(before: int, spaced: bool, after: int) -> bool:
    """Guess whether a space stands between two pieces.

    Args:
        before, after: the classes of the two.
        spaced: whether white space (or the beginning) came before the first one: a quotation mark
            after white space opens, any other closes.
    """
    if before in (_OPEN, _TIGHT) or after in (_CLOSE, _TIGHT):
        return False
    if before == _QUOTE and spaced:
        return False
    return not (after == _QUOTE and before == _CLOSE)


# [class before, whether spaced, class after]
_GAPS = np.array([[[_gap(a, s, b) for b in range(6)] for s in (False, True)] for a in range(6)])


class WordVocabulary(Vocabulary):
    """The commonest words, punctuation characters and runs of white space.

    Token 0 is the unknown word, token 1 JOIN. A run of white space that is not a token itself is
    written as single characters.
    """

    kind = "words"

    def __init__(self, words: list[str], *, policy: Policy = "refuse") -> None:
        self.words = tuple(words)
        self.policy = policy
        self.unknown = UNKNOWN_TOKEN
        self.size = len(words) + 2
        self.texts = [UNKNOWN, "", *words]
        self.numbers = _Numbers((word, number) for number, word in enumerate(words, start=2))
        if len(self.numbers) != len(words) or "" in self.numbers:
            raise FormatError("the vocabulary's words are not each once.")
        self.classes = np.array([_WORD, _SPACE, *map(_class, words)], np.uint8)

    @classmethod
    def from_counts(
        cls, counts: Counter[str], *, size: int, minimum_count: int = 1, policy: Policy = "refuse"
    ) -> WordVocabulary:
        """Take the `size` - 2 commonest pieces, and with them every white space character."""
        always = sorted({character for piece in counts if piece.isspace() for character in piece})
        always = sorted({" ", "\n", *always})
        # Ties in the order of the alphabet, so that one text gives one vocabulary.
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        common = [piece for piece, count in ranked if count >= minimum_count]
        others = [piece for piece in common if piece not in always]
        return cls(always + others[: max(size - 2 - len(always), 0)], policy=policy)

    def encoder(self, unknown: Policy | None = None) -> Encoder:
        return _WordEncoder(self, (unknown or self.policy) == "replace")

    def decoder(self) -> WordDecoder:
        return WordDecoder(self)

    def token_text(self, token: int) -> str:
        return {UNKNOWN_TOKEN: "<unknown>", JOIN: "<join>"}.get(token, self.texts[token])

    def to_document(self) -> dict[str, Any]:
        return {"kind": self.kind, "words": list(self.words), "policy": self.policy}


class _Numbers(dict[str, int]):
    """Word to token; the unknown token for the rest, without a call of Python for those known."""

    def __missing__(self, word: str) -> int:
        return UNKNOWN_TOKEN


def _class(piece: str) -> int:
    return _SPACE if piece.isspace() else _CLASSES.get(piece, _WORD)


class WordDecoder:
    """Writes the usual gap between two words, unless a token says otherwise."""

    def __init__(self, vocabulary: WordVocabulary) -> None:
        self._texts = vocabulary.texts
        self._classes = vocabulary.classes.tolist()
        self._gaps = _GAPS.tolist()
        # As at the beginning of a text: no gap, and a quotation mark opens.
        self._explicit = self._spaced = True
        self._before, self._before_spaced = _WORD, True

    def feed(self, token: int) -> str:
        kind = self._classes[token]
        if kind == _SPACE:
            self._explicit = True
            self._spaced = self._spaced or token != JOIN
            return self._texts[token]
        gap = not self._explicit and self._gaps[self._before][self._before_spaced][kind]
        self._before, self._before_spaced = kind, gap or self._spaced
        self._explicit = self._spaced = False
        return " " + self._texts[token] if gap else self._texts[token]

    def flush(self) -> str:
        self._explicit = self._spaced = True
        self._before, self._before_spaced = _WORD, True
        return ""


class _WordEncoder:
    """Encodes up to the last white space; what follows may be half a word."""

    def __init__(self, vocabulary: WordVocabulary, replace: bool) -> None:
        self.vocabulary = vocabulary
        self.replace = replace
        self.waiting = ""
        self.before, self.before_spaced = _WORD, True
        self.started = False  # Whether anything but white space has come.
        self.after_space = False  # Whether the stretch before ended in white space.

    def feed(self, text: str, *, final: bool = False) -> Encoded:
        text = self.waiting + text
        cut = len(text) if final else last_gap(text)
        text, self.waiting = text[:cut], text[cut:]
        pieces = PIECE.findall(text)
        tokens = self._look_up(pieces, text)
        lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
        kept, starts = self._without_usual_gaps(tokens, np.cumsum(lengths) - lengths)
        return Encoded(text, kept.astype(self.vocabulary.dtype), starts)

    def _look_up(self, pieces: list[str], text: str) -> NDArray[np.int64]:
        """Return a token for each piece; splits `pieces` of rare white space in place."""
        known = self.vocabulary.numbers
        tokens = np.fromiter(map(known.__getitem__, pieces), np.int64, len(pieces))
        missing = np.flatnonzero(tokens == 0)
        if not len(missing):
            return tokens
        if any(pieces[at].isspace() and len(pieces[at]) > 1 for at in missing):
            split = [
                part
                for piece in pieces
                for part in (piece if piece not in known and piece.isspace() else (piece,))
            ]
            pieces[:] = split
            return self._look_up(pieces, text)
        if not self.replace:
            at = int(missing[0])
            position = sum(map(len, pieces[:at]))
            raise self.vocabulary.refuse(f"the word {pieces[at]!r}", text, position, False)
        return tokens

    def _without_usual_gaps(
        self, tokens: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Drop single spaces where the decoder puts them, and insert JOIN where it must not."""
        if not len(tokens):
            return tokens, starts
        classes = self.vocabulary.classes[tokens]
        solid = np.flatnonzero(classes != _SPACE)
        space = self.vocabulary.numbers[" "]
        if not len(solid):
            self.after_space = True
            return tokens, starts
        kinds = classes[solid]
        # Number of white space tokens straight before each solid piece.
        runs = np.diff(solid, prepend=-1) - 1
        spaced = runs > 0
        spaced[0] |= self.after_space or not self.started
        before = np.concatenate([[self.before], kinds[:-1]])
        before_spaced = np.concatenate([[self.before_spaced], spaced[:-1]])
        usual = _GAPS[before, before_spaced.astype(np.int64), kinds]
        if not self.started:
            usual[0] = False
        single = (runs == 1) & (tokens[np.maximum(solid - 1, 0)] == space)
        if self.after_space:
            single[0] = False
        drop = solid[usual & single] - 1
        joined = solid[usual & ~spaced]
        self.started = True
        self.before, self.before_spaced = int(kinds[-1]), bool(spaced[-1])
        self.after_space = bool(solid[-1] != len(tokens) - 1)
        keep = np.ones(len(tokens), bool)
        keep[drop] = False
        shift = np.cumsum(keep)
        where = shift[joined] - 1
        return (
            np.insert(tokens[keep], where, JOIN),
            np.insert(starts[keep], where, starts[joined]),
        )


def last_gap(text: str) -> int:
    """Return where the last run of white space begins, 0 if there is none.

    Pieces before it are whole, whatever follows. Where the last 65,536 characters are all white
    space or have none, the text is cut at its end.
    """
    lowest = max(len(text) - LONGEST_PIECE, 0)
    cut = len(text)
    while cut > lowest and not text[cut - 1].isspace():
        cut -= 1
    while cut > lowest and text[cut - 1].isspace():
        cut -= 1
    return cut if cut > lowest or not lowest else len(text)


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Count the words, punctuation and white space of a text that comes in pieces.

    Of more than a million different ones the rarest are forgotten on the way, so that memory stays
    bounded; those that a vocabulary would take are far from them.
    """
    counts: Counter[str] = Counter()
    waiting = ""
    floor = 1
    for text in texts:
        waiting += text
        cut = last_gap(waiting)
        counts.update(PIECE.findall(waiting[:cut]))
        waiting = waiting[cut:]
        while len(counts) > MOST_DIFFERENT:
            counts = Counter({word: count for word, count in counts.items() if count > floor})
            floor += 1
    counts.update(PIECE.findall(waiting))
    return counts
