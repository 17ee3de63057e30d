"""Arithmetic coding in integers: symbols with known odds become bytes, and back.

The coder holds 32 bits of range. A symbol takes the share of the range that its frequency has of
`TOTAL`; bytes leave when the range is below 2^24 (Martin 1979; carries go back into what has left,
as in LZMA). Every operation is one on integers below 2^53, so that any language with doubles can do
the same. What is lost to rounding is below 0.001 bits a symbol.

`frequencies` turns probabilities into integers. The same doubles give the same integers everywhere;
that the doubles are the same is the caller's affair.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError

TOTAL = 1 << 21
"""Sum of a distribution's frequencies."""
_TOP = 1 << 24
_MASK = (1 << 32) - 1


def cumulated(probs: NDArray[np.float64], escape: int = 0) -> NDArray[np.int64]:
    """Return the cumulated frequencies [B, V + 1 + (escape > 0)] of distributions [B, V].

    Every symbol gets at least 1 of `TOTAL`, and the likeliest gets what is left over. An escape
    symbol of `escape` of `TOTAL` stands after the last one where it is not 0.
    """
    size = probs.shape[1]
    shares = 1 + np.floor(probs * (TOTAL - size - escape)).astype(np.int64)
    best = probs.argmax(axis=1)
    shares[np.arange(len(probs)), best] += TOTAL - escape - shares.sum(axis=1)
    sums = np.zeros((len(probs), size + 1 + bool(escape)), np.int64)
    np.cumsum(shares, axis=1, out=sums[:, 1 : size + 1])
    if escape:
        sums[:, -1] = TOTAL
    return sums


class Writer:
    """Encodes symbols, one after the other."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._low = 0
        self._range = _MASK

    def put(self, start: int, end: int, total: int = TOTAL) -> None:
        """Encode the symbol whose cumulated frequencies are `start` and `end` of `total`."""
        below = self._range * start // total
        self._range = self._range * end // total - below
        self._low += below
        if self._low > _MASK:
            self._carry()
        while self._range < _TOP:
            self._out.append(self._low >> 24)
            self._low = (self._low << 8) & _MASK
            self._range <<= 8

    def _carry(self) -> None:
        self._low &= _MASK
        place = len(self._out) - 1
        while self._out[place] == 0xFF:
            self._out[place] = 0
            place -= 1
        self._out[place] += 1

    def finish(self) -> bytes:
        """Return all bytes; `Reader` takes zeros for what follows them."""
        # The shortest number within the range: as many of its last bytes zero as possible.
        value = self._low
        for bits in (24, 16, 8):
            rounded = -(-self._low >> bits << bits)  # Upwards.
            if rounded < self._low + self._range:
                value = rounded
                break
        if value > _MASK:
            self._low = value
            self._carry()
            value = self._low
        self._out += value.to_bytes(4, "big")
        return bytes(self._out).rstrip(b"\0")


class Reader:
    """Decodes what a `Writer` wrote, asked in the same order with the same frequencies."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 4
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._range = _MASK

    def value(self, total: int = TOTAL) -> int:
        """Return a number below `total` that lies in the next symbol's share.

        Raises: `FormatError` where no `Writer` can have written the data; damage that only leads
            to other symbols is not seen here.
        """
        if self._code >= self._range:
            raise FormatError("the compressed data are damaged or cut short.")
        return ((self._code + 1) * total - 1) // self._range

    def take(self, start: int, end: int, total: int = TOTAL) -> None:
        """Go past the symbol, whose frequencies are those given to `Writer.put`."""
        below = self._range * start // total
        self._range = self._range * end // total - below
        self._code -= below
        while self._range < _TOP:
            byte = self._data[self._at] if self._at < len(self._data) else 0
            self._at += 1
            self._code = (self._code << 8) | byte
            self._range <<= 8


class AdaptiveByte:
    """Odds of a byte that are learned as bytes go by, for what no model predicts."""

    def __init__(self) -> None:
        self._counts = [1] * 256
        self._sum = 256

    def write(self, into: Writer, byte: int) -> None:
        start = sum(self._counts[:byte])
        into.put(start, start + self._counts[byte], self._sum)
        self._learn(byte)

    def read(self, source: Reader) -> int:
        value = source.value(self._sum)
        byte = start = 0
        while value >= start + self._counts[byte]:
            start += self._counts[byte]
            byte += 1
        source.take(start, start + self._counts[byte], self._sum)
        self._learn(byte)
        return byte

    def _learn(self, byte: int) -> None:
        self._counts[byte] += 24
        self._sum += 24
        if self._sum > 1 << 14:
            self._counts = [(count + 1) // 2 for count in self._counts]
            self._sum = sum(self._counts)
