"""From the bytes of a document to its characters, a bounded piece at a time.

Nothing here depends on where one piece ends and the next begins: decoding, line ends and
normalisation give what they would give on the whole text at once.
"""

from __future__ import annotations

import codecs
import io
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from recurra.core.errors import ConfigError, FormatError
from recurra.formats.encodings import detect_encoding
from recurra.formats.sources import Document


@dataclass(frozen=True, slots=True)
class Reading:
    """How bytes become characters."""

    encoding: str = "auto"
    """A codec's name; "auto": the document's own, else UTF-8, or UTF-16 or UTF-32 where the first
    bytes show it; "bytes": each byte is the character of its number, whatever the encoding."""
    wrong_bytes: Literal["refuse", "replace"] = "refuse"
    """What happens to a byte that is not in the encoding: an error, or U+FFFD in its place."""
    line_ends: Literal["keep", "lf"] = "keep"
    """Whether CR LF and lone CR become LF."""
    normalise: Literal["keep", "nfc"] = "keep"
    """Whether characters that can be written in several ways are written as one (Unicode NFC)."""


def read_text(document: Document, reading: Reading = Reading()) -> Iterator[tuple[str, int]]:
    """Yield the text of a document piece by piece, each with how many stored bytes it took so far.

    Pieces are tens of thousands of characters, never empty. A byte order mark is left out.

    Raises:
        FormatError: a byte is not in the encoding (and is not to be replaced), or the document
            cannot be read. The message names the document, the byte and its offset.
        ConfigError: there is no such encoding.
    """
    decode = _Decoder(document, reading)
    ends = io.IncrementalNewlineDecoder(None, translate=True)
    compose = Composer()
    stored = 0
    for block, stored in document.blocks():
        yield from _piece(decode.feed(block), False, reading, ends, compose, stored)
    yield from _piece(decode.feed(b"", final=True), True, reading, ends, compose, stored)


def _piece(
    text: str,
    final: bool,
    reading: Reading,
    ends: io.IncrementalNewlineDecoder,
    compose: Composer,
    stored: int,
) -> Iterator[tuple[str, int]]:
    if reading.line_ends == "lf":
        text = ends.decode(text, final)
    if reading.normalise == "nfc":
        text = compose.feed(text, final=final)
    if text:
        yield text, stored


class _Decoder:
    """Decodes blocks of bytes, and knows the offset of each."""

    def __init__(self, document: Document, reading: Reading) -> None:
        self.document = document
        self.reading = reading
        self.codec: codecs.IncrementalDecoder | None = None
        self.name = reading.encoding
        self.offset = 0
        self.marked = True  # Whether the next character may be a byte order mark.

    def feed(self, block: bytes, *, final: bool = False) -> str:
        if self.reading.encoding == "bytes":
            return block.decode("latin-1")
        if self.codec is None:
            self.codec = self._open(block)
        waiting = len(self.codec.getstate()[0])
        try:
            text = self.codec.decode(block, final)
        except UnicodeDecodeError as error:
            raise self._sentence(error, self.offset - waiting + error.start) from None
        self.offset += len(block)
        if self.marked and text:
            self.marked = False
            text = text.removeprefix("\ufeff")
        return text

    def _open(self, beginning: bytes) -> codecs.IncrementalDecoder:
        name = self.reading.encoding
        if name == "auto":
            name = self.document.encoding or detect_encoding(beginning[:8192])
        self.name = name
        return text_codec(name)("strict" if self.reading.wrong_bytes == "refuse" else "replace")

    def _sentence(self, error: UnicodeDecodeError, offset: int) -> FormatError:
        byte = error.object[error.start] if error.start < len(error.object) else 0
        if error.reason == "unexpected end of data":
            what = f"the last character is cut short at byte offset {offset:,}"
        else:
            what = f"byte 0x{byte:02X} at offset {offset:,} is not {self.name.upper()}"
        return FormatError(
            f"{self.document.name}: {what}. Name the encoding it is in (such as --encoding cp1252 "
            "or latin-1), go on with --wrong-bytes replace, or read it with --vocabulary bytes."
        )


def text_codec(name: str) -> Callable[[str], codecs.IncrementalDecoder]:
    """Return the streaming decoder of an encoding. Raises `ConfigError` when there is none."""
    try:
        "a".encode(name)  # Refuses the codecs that turn bytes into bytes, such as "zip".
        decoder = codecs.getincrementaldecoder(name)
    except (LookupError, UnicodeError, ValueError):
        raise ConfigError(
            f"there is no text encoding '{name}'; use utf-8, utf-16, latin-1, cp1252 or another "
            "that Python knows.",
            "encoding",
        ) from None
    return lambda errors: decoder(errors)


class Composer:
    """Unicode NFC of a text that comes in pieces.

    What comes after the last character that surely begins anew waits for the next piece: an accent
    at its beginning may join the letter at the end of this one.
    """

    def __init__(self) -> None:
        self.waiting = ""

    def feed(self, text: str, *, final: bool = False) -> str:
        """Return as much of the text so far as later pieces cannot change."""
        text = self.waiting + text
        if final:
            self.waiting = ""
            return unicodedata.normalize("NFC", text)
        cut = len(text) - 1
        while cut > 0 and not begins_anew(text[cut]):
            cut -= 1
        cut = max(cut, 0)
        self.waiting = text[cut:]
        return unicodedata.normalize("NFC", text[:cut])


def begins_anew(character: str) -> bool:
    """Say whether a character surely never joins what comes before it under NFC.

    Marks (categories M*) may join, as may the vowels and final consonants of Korean and the vowel
    signs of Kirat Rai, which are letters.
    """
    return character.isascii() or not (
        unicodedata.category(character).startswith("M")
        or unicodedata.combining(character)
        or "\u1160" <= character <= "\u11ff"
        or "\U00016d63" <= character <= "\U00016d6a"
    )
