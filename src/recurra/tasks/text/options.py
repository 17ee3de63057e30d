"""What a person can set about reading a text."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import model_validator

from recurra.core.errors import ConfigError
from recurra.core.options import Options, knob
from recurra.formats.text import Reading, text_codec

RESETS = {
    # After the blank line or lines between two paragraphs.
    "paragraph": r"\r?\n(?:[ \t]*\r?\n)+",
    # Before a heading: "CHAPTER IV.", "Act 2", "\chapter{...}".
    "chapter": r"^(?=[ \t]*(?:(?i:chapter|book|canto|part|act|scene)[ \t]+"
    r"(?:\d+|[IVXLCDM]+|(?i:the|one|two|three|four|five|six|seven|eight|nine|ten)\b.*)"
    r"[ \t]*(?:[.:,\u2014-]|\r?$)|\\(?:chapter|section)\*?\{))",
    # No pattern: the beginnings of documents alone.
    "document": r"(?!)",
}
"""Names for patterns that `reset_at` takes."""


class TextOptions(Options):
    """How a text becomes a sequence of tokens."""

    vocabulary: Literal["characters", "bytes", "words", "subwords"] = knob(
        "characters", "what one token is"
    )
    encoding: str = knob(
        "auto", "encoding of the text; auto is UTF-8, or UTF-16 and UTF-32 where they show"
    )
    wrong_bytes: Literal["refuse", "replace"] = knob(
        "refuse", "what happens to a byte that is not in the encoding", advanced=True
    )
    normalise: Literal["keep", "nfc"] = knob(
        "keep",
        "write characters that can be written in several ways as one (Unicode NFC)",
        advanced=True,
    )
    line_ends: Literal["keep", "lf"] = knob(
        "keep", "lf turns CR LF and lone CR into LF", advanced=True
    )
    minimum_count: int = knob(
        1, "characters and words that are rarer become the unknown token", low=1, unit="occurrences"
    )
    vocabulary_size: int | None = knob(
        None,
        "most tokens of a vocabulary of words (10,000 if not said) or subwords (4,096)",
        low=2,
        high=2**24,
        unit="tokens",
    )
    unknown: Literal["refuse", "replace"] = knob(
        "refuse",
        "what happens to tokens outside the vocabulary in text that is given later; to "
        "replace them, the vocabulary gets an unknown token",
    )
    reset_at: str | None = knob(
        None,
        "forget everything after each match of this regular expression; paragraph, chapter "
        "and document are names for common ones",
    )
    validation: float = knob(0.05, "share of the text held out to validate on", low=0, below=1)
    test: float = knob(0.05, "share of the text held out to test on", low=0, below=1)
    split_by: Literal["position", "document"] = knob(
        "position", "hold out the end of the text, or whole documents at the end", advanced=True
    )

    @model_validator(mode="after")
    def _together(self) -> TextOptions:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation {self.validation} and test {self.test} leave nothing to train on; "
                "their sum has to be below 1."
            )
        if self.vocabulary == "bytes" and self.normalise != "keep":
            raise ValueError(
                "normalise works on characters, but the vocabulary is bytes; leave one of them out."
            )
        if self.encoding != "auto":
            text_codec(self.encoding)
        self.reset_pattern()
        return self

    @property
    def largest_vocabulary(self) -> int:
        """Most tokens of a vocabulary of words or subwords."""
        return self.vocabulary_size or (4_096 if self.vocabulary == "subwords" else 10_000)

    def reading(self) -> Reading:
        """Return how bytes become characters; bytes stay bytes, one character each."""
        encoding = "bytes" if self.vocabulary == "bytes" else self.encoding
        return Reading(encoding, self.wrong_bytes, self.line_ends, self.normalise)

    def reset_pattern(self) -> re.Pattern[str] | None:
        """Return the compiled `reset_at`. "^" and "$" match at every line.

        Raises:
            ConfigError: it is not a regular expression.
        """
        if self.reset_at is None:
            return None
        pattern = RESETS.get(self.reset_at, self.reset_at)
        flags = re.MULTILINE
        if self.vocabulary == "bytes":
            # Bytes are read as the characters of their numbers, so UTF-8 is matched byte by byte.
            pattern = pattern.encode().decode("latin-1")
            flags |= re.ASCII
        try:
            return re.compile(pattern, flags)
        except re.error as error:
            raise ConfigError(
                f"reset_at is {self.reset_at!r}, which is no regular expression: {error}.",
                "reset_at",
            ) from None
