"""Which encoding a text is in, told from its first bytes."""

from __future__ import annotations

import codecs

# UTF-32 before UTF-16: the mark of one begins with the mark of the other.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def detect_encoding(beginning: bytes) -> str:
    """Return the encoding that the first bytes of a text (a few thousand) show.

    A byte order mark decides. Without one, UTF-16 and UTF-32 are taken where the pattern of zero
    bytes leaves no doubt, as it does in any text that is mostly ASCII; everything else is UTF-8.
    """
    for mark, name in _MARKS:
        if beginning.startswith(mark):
            return name
    sample = beginning[: len(beginning) // 4 * 4]
    if len(sample) < 8:
        return "utf-8"
    quarter = len(sample) // 4
    zeros = [sample[lane::4].count(0) / quarter for lane in range(4)]
    for name, wanted in (
        ("utf-32-le", (False, True, True, True)),
        ("utf-32-be", (True, True, True, False)),
        ("utf-16-le", (False, True, False, True)),
        ("utf-16-be", (True, False, True, False)),
    ):
        if all(
            share > 0.9 if zero else share < 0.1 for share, zero in zip(zeros, wanted, strict=True)
        ):
            return name
    return "utf-8"


def looks_like_text(beginning: bytes) -> bool:
    """Say whether the first bytes of a file are text in some encoding. An empty file is."""
    if beginning.startswith(b"%PDF-"):
        return False
    if detect_encoding(beginning) != "utf-8":
        return True
    # Control characters hardly occur in text, but fill 27 of 256 places of random bytes.
    controls = sum(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in beginning)
    return 0 not in beginning and controls * 50 <= len(beginning)
