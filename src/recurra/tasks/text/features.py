"""What a simple eye sees in a text: where quotes, brackets and words are, and the place in a line.

Every feature has one value a character. What is inside of something begins with the character that
opens it and ends before the one that closes it: the value at a character is what a reader knows who
has just read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.tasks.text.vocabulary import Encoded, Policy, Vocabulary

Array = NDArray[Any]

QUOTES = re.compile(
    r'"""(?:\\.|[^\\])*?"""'  # strings over many lines
    r"|'''(?:\\.|[^\\])*?'''"
    r'|"(?:\\.|[^"\\\n]|\n(?!\s*\n))*"'  # speech and strings, not beyond a blank line
    r"|“(?:[^”\n]|\n(?!\s*\n))*”"
    # Single quotes stand outside of words, apostrophes inside; a string's prefix may come first.
    r"|(?<!\w)[rbfuRBFU]{0,2}'(?:\\.|[^'\\\n]|(?<=\w)'(?=\w))*'(?!\w)"
    r"|‘(?:[^’\n]|(?<=\w)’(?=\w))*’(?!\w)",
    re.DOTALL,
)
TAGS = re.compile(r"<[/!?A-Za-z][^<>]{0,500}>")
DOUBLE = re.compile(r"\[\[[^\[\]]{1,500}\]\]|\{\{[^{}]{1,2000}\}\}")
CAPITALS = re.compile(r"[A-ZÀ-ÖØ-Þ]{2,}")
PAIRS = {"(": ")", "[": "]", "{": "}"}
FARTHEST = 3000
"""Brackets further apart than this many characters are not taken for a pair."""


def text_features(text: str, pattern: str | None = None) -> dict[str, Array]:
    """Return the features of every character: [characters] booleans or whole numbers, by name.

    Args:
        pattern: a regular expression of one's own; what it matches is a feature too.
    Raises:
        ConfigError: the pattern is not a regular expression.
    """
    size = len(text)
    brackets = {opening: np.zeros(size, bool) for opening in PAIRS}
    for first, last in _pairs(text):
        brackets[text[first]][first:last] = True
    letters = np.array([char.isalnum() for char in text], bool)
    before = np.concatenate([[False], letters[:-1]]) if size else letters
    found: dict[str, Array] = {
        "inside quotes": _inside(text, QUOTES, opening=_quote_opens),
        "inside round brackets": brackets["("],
        "inside square brackets": brackets["["],
        "inside braces": brackets["{"],
        "inside markup": _inside(text, TAGS) | _inside(text, DOUBLE),
        "position in line": _column(text),
        "leading space": _covered(text, re.compile(r"^[ \t]+(?=\S)", re.MULTILINE)),
        "word start": letters & ~before,
        "capital run": _covered(text, CAPITALS),
        "digit": np.array([char.isdigit() for char in text], bool),
        "vowel": np.array([char in "aeiouAEIOU" for char in text], bool),
    }
    if pattern is not None:
        try:
            wanted = re.compile(pattern, re.MULTILINE)
        except re.error as error:
            raise ConfigError(
                f"the pattern '{pattern}' is no regular expression: {error}.", "pattern"
            ) from None
        found[f"matches {pattern}"] = _covered(text, wanted)
    return found


def token_ends(
    text: str, vocabulary: Vocabulary, unknown: Policy | None = None
) -> tuple[Array, Array]:
    """Return the tokens [T] of a text and the place [T] of each one's last character.

    Raises: `ConfigError` where the text is outside the vocabulary and `unknown` refuses it.
    """
    encoded: Encoded = vocabulary.encoder(unknown).feed(text, final=True)
    if encoded.starts is None:
        return encoded.tokens, np.arange(len(encoded.tokens))
    following = np.append(encoded.starts[1:], len(encoded.text))
    # A character of several bytes begins at each of them.
    ends = np.maximum(following - 1, encoded.starts)
    # The space that a word vocabulary takes for granted after a word is no part of it.
    granted = np.array([encoded.text[end] == " " for end in ends], bool) & (ends > encoded.starts)
    return encoded.tokens, ends - granted


def _inside(
    text: str, pattern: re.Pattern[str], opening: Any = lambda found: found.start()
) -> Array:
    """Mark each match from its opening to before its last character."""
    marks = np.zeros(len(text), bool)
    for found in pattern.finditer(text):
        marks[opening(found) : found.end() - 1] = True
    return marks


def _quote_opens(found: re.Match[str]) -> int:
    """Return where the quote itself stands, after the prefix that a string may have."""
    return found.start() + len(found[0]) - len(found[0].lstrip("rbfuRBFU"))


def _covered(text: str, pattern: re.Pattern[str]) -> Array:
    """Mark every character of each match."""
    marks = np.zeros(len(text), bool)
    for found in pattern.finditer(text):
        marks[found.start() : found.end()] = True
    return marks


def _pairs(text: str) -> Iterator[tuple[int, int]]:
    """Yield where brackets open and close; what has no partner is left out."""
    waiting: list[int] = []
    for place, char in enumerate(text):
        if char in PAIRS:
            waiting.append(place)
        elif char in PAIRS.values():
            partners = [n for n, opened in enumerate(waiting) if PAIRS[text[opened]] == char]
            if partners:
                opened = waiting[partners[-1]]
                del waiting[partners[-1] :]
                if place - opened <= FARTHEST:
                    yield opened, place


def _column(text: str) -> Array:
    """Return how many characters of its line each character ends: 1 for a line's first."""
    places = np.arange(len(text))
    ends = np.array([char == "\n" for char in text], bool)
    # The line end itself opens the next line: who has read it stands at column 0.
    last = np.maximum.accumulate(np.where(ends, places, -1)) if len(text) else places
    return np.asarray(places - last, np.int64)
