"""Subwords: byte-level byte-pair encoding by Hugging Face `tokenizers`, an optional package.

Byte-level, so every text can be written and nothing is ever unknown (Radford et al. 2019). Learning
and encoding need the package; decoding is done here from the table of tokens, so a model generates
without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from recurra.core.errors import FormatError, ResourceError
from recurra.tasks.text.vocabulary import (
    ByteDecoder,
    Decoder,
    Encoded,
    Encoder,
    Policy,
    Vocabulary,
    character_of_byte,
)
from recurra.tasks.text.words import last_gap

LEARN_CHARACTERS = 32 << 20
"""Subwords are learned from at most so much text, taken from all over it."""


class SubwordVocabulary(Vocabulary):
    """The tokens of a byte-level BPE tokeniser, given as the JSON of `tokenizers`."""

    kind = "subwords"

    def __init__(self, tokenizer: str) -> None:
        self.tokenizer = tokenizer
        try:
            vocabulary = json.loads(tokenizer)["model"]["vocab"]
            numbers = sorted(vocabulary.values())
            if not numbers or numbers != list(range(len(numbers))):
                raise ValueError
            values = _byte_values()
            self.pieces = [
                bytes(values[character] for character in written)
                for written in sorted(vocabulary, key=vocabulary.__getitem__)
            ]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise FormatError(
                "the subwords in this file are not a byte-level tokeniser of `tokenizers`."
            ) from None
        self.size = len(self.pieces)
        self.lengths = np.array([len(piece) for piece in self.pieces], np.int64)

    @classmethod
    def learn(cls, texts: Iterable[str], *, size: int, minimum_count: int = 1) -> SubwordVocabulary:
        """Learn the commonest `size` subwords of a text that comes in pieces.

        Raises:
            ResourceError: `tokenizers` is not installed.
        """
        library = _library()
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        alphabet = library.pre_tokenizers.ByteLevel.alphabet()
        trainer = library.trainers.BpeTrainer(
            vocab_size=max(size, len(alphabet)),
            min_frequency=max(minimum_count, 2),
            initial_alphabet=sorted(alphabet),
            show_progress=False,
        )
        tokenizer.train_from_iterator(_stretches(texts), trainer)
        return cls(tokenizer.to_str())

    @cached_property
    def library_tokenizer(self) -> Any:
        """The `tokenizers.Tokenizer`. Raises `ResourceError` when it is not installed."""
        return _library().Tokenizer.from_str(self.tokenizer)

    def encoder(self, unknown: Policy | None = None) -> Encoder:
        return _SubwordEncoder(self)

    def decoder(self) -> Decoder:
        return ByteDecoder(self.pieces)

    def token_text(self, token: int) -> str:
        return self.pieces[token].decode("utf-8", "backslashreplace")

    def to_document(self) -> dict[str, Any]:
        return {"kind": self.kind, "tokenizer": self.tokenizer}


class _SubwordEncoder:
    """Encodes up to the last white space; what follows may be half a word."""

    def __init__(self, vocabulary: SubwordVocabulary) -> None:
        self.vocabulary = vocabulary
        self.tokenizer = vocabulary.library_tokenizer
        self.waiting = ""

    def feed(self, text: str, *, final: bool = False) -> Encoded:
        text = self.waiting + text
        cut = len(text) if final else last_gap(text)
        text, self.waiting = text[:cut], text[cut:]
        stretches = list(_stretches([text], 1 << 14))
        encodings = self.tokenizer.encode_batch_fast(stretches, add_special_tokens=False)
        numbers = [np.array(encoding.ids, np.int64) for encoding in encodings]
        tokens = np.concatenate([*numbers, np.zeros(0, np.int64)])
        lengths = self.vocabulary.lengths[tokens]
        starts = np.cumsum(lengths) - lengths
        if not text.isascii():
            data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
            starts = character_of_byte(data)[starts]
        return Encoded(text, tokens.astype(self.vocabulary.dtype), starts)


def _stretches(texts: Iterable[str], length: int = 1 << 16) -> Iterator[str]:
    """Cut a text before white space, into stretches that tokenise as the whole does."""
    waiting = ""
    for text in texts:
        waiting += text
        at = 0
        while len(waiting) - at > length:
            cut = last_gap(waiting[at : at + length]) or length
            yield waiting[at : at + cut]
            at += cut
        waiting = waiting[at:]
    if waiting:
        yield waiting


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise ResourceError(
            "subwords need the package `tokenizers`: pip install 'recurra[subwords]'."
        ) from None
    return tokenizers


def _byte_values() -> dict[str, int]:
    """Return which byte each character of a byte-level token stands for (Radford et al. 2019).

    Printable bytes of Latin-1 stand for themselves; the others, in order, are U+0100 onwards.
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [value for value in range(256) if value not in printable]
    return {
        **{chr(value): value for value in printable},
        **{chr(256 + place): value for place, value in enumerate(others)},
    }
