"""Vocabularies: from text to token numbers and back.

A vocabulary never changes once it is made. Token numbers run from 0 to `size` - 1. Texts go in
whole (`encode`) or piece by piece (`encoder`), and come out whole (`decode`) or token by token
(`decoder`), with the same result. This file holds what all share and the two simplest, characters
and bytes; `words.py` and `subwords.py` hold the others.
"""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError

UNITS = {"characters": "character", "bytes": "byte", "words": "word", "subwords": "subword"}
"""What one token of each kind is called."""

UNKNOWN = "\ufffd"
"""How the unknown token is written: the replacement character."""

Tokens = NDArray[np.unsignedinteger[Any]]
Policy = Literal["refuse", "replace"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A stretch of text and its tokens."""

    text: str
    tokens: Tokens
    starts: NDArray[np.int64] | None = None
    """Where in `text` each token begins, in characters; None: token i is character i."""


class Encoder(Protocol):
    """Encodes a text that comes in pieces. What may still change waits for the next piece."""

    def feed(self, text: str, *, final: bool = False) -> Encoded: ...


class Decoder(Protocol):
    """Turns tokens into text as they come."""

    def feed(self, token: int) -> str:
        """Return what the token adds to the text: "" while a character is incomplete."""
        ...

    def flush(self) -> str:
        """Return what is left at the end, and begin anew."""
        ...


class Vocabulary(ABC):
    """What every vocabulary can do."""

    kind: str
    size: int
    unknown: int | None = None
    """The token for what is outside the vocabulary, where there is one."""
    policy: Policy = "refuse"
    """What `encode` does outside the vocabulary, unless it is told otherwise."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest little-endian unsigned type that holds every token."""
        name = "u1" if self.size <= 1 << 8 else "<u2" if self.size <= 1 << 16 else "<u4"
        return np.dtype(name)

    @abstractmethod
    def encoder(self, unknown: Policy | None = None) -> Encoder:
        """Return an encoder of one text from its beginning; `unknown` as for `encode`."""

    @abstractmethod
    def decoder(self) -> Decoder: ...

    @abstractmethod
    def token_text(self, token: int) -> str:
        """Return how one token is shown to a person."""

    @abstractmethod
    def to_document(self) -> dict[str, Any]:
        """Return the vocabulary as JSON; `vocabulary_from_document` reads it."""

    def encode(self, text: str, unknown: Policy | None = None) -> Tokens:
        """Return the tokens of a text, [tokens] of `dtype`.

        Args:
            unknown: what to do outside the vocabulary, in place of the vocabulary's own `policy`.
        Raises:
            ConfigError: the text holds something that the vocabulary does not, and it is to be
                refused, or there is no unknown token to replace it with.
        """
        return self.encoder(unknown).feed(text, final=True).tokens

    def decode(self, tokens: Iterable[int] | Tokens) -> str:
        """Return the text of some tokens. Raises `ConfigError` when one is outside."""
        decoder = self.decoder()
        listed = np.asarray(tokens).tolist() if isinstance(tokens, np.ndarray) else list(tokens)
        self.check(listed)
        return "".join(map(decoder.feed, listed)) + decoder.flush()

    def check(self, tokens: Sequence[int]) -> None:
        """Raise `ConfigError` unless all tokens are in the vocabulary."""
        for token in (min(tokens, default=0), max(tokens, default=0)):
            if not 0 <= token < self.size:
                raise ConfigError(
                    f"{token} is no token: this vocabulary of {self.kind} runs from 0 to "
                    f"{self.size - 1}."
                )

    def refuse(self, what: str, text: str, position: int, replace: bool) -> ConfigError:
        """Return the error for something outside the vocabulary at a position of a text."""
        if replace:
            way = "and no unknown token to put in its place: leave it out, or train a model with "
            way += "--unknown replace."
        elif self.unknown is not None:
            way = "so leave it out, or go on with --unknown replace."
        else:
            way = "so leave it out, or train a model with --unknown replace."
        line = text.count("\n", 0, position) + 1
        return ConfigError(
            f"{what} (position {position:,}, line {line:,}) is not among the {self.size:,} "
            f"{self.kind} that this model knows, {way}"
        )


class CharacterVocabulary(Vocabulary):
    """Unicode characters (code points), numbered in their order; the unknown token comes last."""

    kind = "characters"

    def __init__(self, characters: str, *, unknown: bool = False, policy: Policy = "refuse"):
        self.characters = "".join(sorted(set(characters)))
        self.unknown = len(self.characters) if unknown else None
        self.size = len(self.characters) + unknown
        self.policy = policy
        if not self.size:
            raise ConfigError("a vocabulary needs at least one character, but the text is empty.")
        self._texts = [*self.characters, UNKNOWN] if unknown else list(self.characters)
        points = code_points(self.characters)
        # One entry a code point up to the highest that is known, then one for all beyond. Outside
        # of the vocabulary stands `size`.
        length = max(int(points.max(initial=0)) + 2, 256)
        self._table = np.full(length, self.size, np.min_scalar_type(self.size))
        self._table[points] = np.arange(len(points))

    @classmethod
    def from_counts(
        cls, counts: NDArray[np.int64], *, minimum_count: int = 1, policy: Policy = "refuse"
    ) -> CharacterVocabulary:
        """Take the characters that occur often enough; `counts` has one entry a code point.

        There is an unknown token when some are too rare, or when the policy needs one.
        """
        common = np.flatnonzero(counts >= minimum_count)
        rare = bool(((counts > 0) & (counts < minimum_count)).any())
        known = common.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return cls(known, unknown=rare or policy == "replace", policy=policy)

    def encoder(self, unknown: Policy | None = None) -> Encoder:
        return _CharacterEncoder(self, (unknown or self.policy) == "replace")

    def look_up(self, text: str) -> Tokens:
        """Return the tokens of a text, `size` for what is outside (in a type that holds it)."""
        if text.isascii():
            return self._table[np.frombuffer(text.encode("ascii"), np.uint8)]
        return self._table[np.minimum(code_points(text), np.uint32(len(self._table) - 1))]

    def decoder(self) -> Decoder:
        return _Lookup(self._texts)

    def decode(self, tokens: Iterable[int] | Tokens) -> str:
        listed = np.asarray(tokens).tolist() if isinstance(tokens, np.ndarray) else list(tokens)
        self.check(listed)
        return "".join(map(self._texts.__getitem__, listed))

    def token_text(self, token: int) -> str:
        return "<unknown>" if token == self.unknown else self._texts[token]

    def to_document(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "characters": self.characters,
            "unknown": self.unknown is not None,
            "policy": self.policy,
        }


class _CharacterEncoder:
    def __init__(self, vocabulary: CharacterVocabulary, replace: bool) -> None:
        self.vocabulary = vocabulary
        self.replace = replace

    def feed(self, text: str, *, final: bool = False) -> Encoded:
        known = self.vocabulary
        tokens = known.look_up(text)
        if tokens.size and int(tokens.max()) == known.size:
            outside = tokens == known.size
            if not self.replace or known.unknown is None:
                position = int(outside.argmax())
                what = f"the character {text[position]!r} (U+{ord(text[position]):04X})"
                raise known.refuse(what, text, position, self.replace)
            tokens[outside] = known.unknown
        return Encoded(text, tokens.astype(known.dtype, copy=False))


class ByteVocabulary(Vocabulary):
    """The 256 bytes: every text and every file can be written in them. Text is UTF-8."""

    kind = "bytes"
    size = 256

    def encoder(self, unknown: Policy | None = None) -> Encoder:
        return _ByteEncoder()

    def raw_encoder(self) -> Encoder:
        """Return an encoder of bytes that were read as the characters of their numbers."""
        return _RawEncoder()

    def decoder(self) -> Decoder:
        return ByteDecoder([bytes([value]) for value in range(256)])

    def token_text(self, token: int) -> str:
        return chr(token) if 32 <= token < 127 else f"\\x{token:02x}"

    def to_document(self) -> dict[str, Any]:
        return {"kind": self.kind}


class _ByteEncoder:
    def feed(self, text: str, *, final: bool = False) -> Encoded:
        data = text.encode("utf-8", "surrogatepass")
        tokens = np.frombuffer(data, np.uint8)
        return Encoded(text, tokens, None if text.isascii() else character_of_byte(tokens))


class _RawEncoder:
    def feed(self, text: str, *, final: bool = False) -> Encoded:
        return Encoded(text, np.frombuffer(text.encode("latin-1"), np.uint8))


class ByteDecoder:
    """Joins the bytes of tokens and reads them as UTF-8; what is wrong becomes U+FFFD."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: int) -> str:
        return self._utf8.decode(self._pieces[token])

    def flush(self) -> str:
        left = self._utf8.decode(b"", final=True)
        self._utf8.reset()
        return left


class _Lookup:
    """Each token has a text of its own."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def feed(self, token: int) -> str:
        return self._texts[token]

    def flush(self) -> str:
        return ""


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code point of each character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def character_of_byte(utf8: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return which character each byte of UTF-8 belongs to."""
    return np.cumsum((utf8 & 0xC0) != 0x80, dtype=np.int64) - 1


def vocabulary_from_document(document: Any) -> Vocabulary:
    """Build the vocabulary that a model file describes.

    Raises:
        FormatError: the description is not one that `to_document` makes.
    """
    from recurra.tasks.text.subwords import SubwordVocabulary
    from recurra.tasks.text.words import WordVocabulary

    try:
        kind = document["kind"]
        if kind == "bytes":
            return ByteVocabulary()
        if kind == "subwords":
            return SubwordVocabulary(_text(document["tokenizer"]))
        policy = document["policy"]
        if policy not in ("refuse", "replace"):
            raise TypeError
        if kind == "words":
            return WordVocabulary([_text(word) for word in document["words"]], policy=policy)
        if kind == "characters":
            characters = _text(document["characters"])
            unknown = bool(document["unknown"])
            found = CharacterVocabulary(characters, unknown=unknown, policy=policy)
            if found.characters != characters:
                raise FormatError("the vocabulary's characters are not in order, each once.")
            return found
    except (KeyError, TypeError, ValueError, OverflowError):
        raise FormatError("the vocabulary in this file is incomplete or damaged.") from None
    raise FormatError(
        f"the vocabulary is of the kind {kind!r}, which this version of Recurra does not know; "
        "a newer one may."
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
