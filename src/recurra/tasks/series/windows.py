"""Windows of series, and what the network reads and predicts at each of their positions.

Position t reads the values up to y_t and predicts y_(t+1) .. y_(t+H). Nothing that it reads was
not known at t: a covariate of the future apart, which is known ahead by its nature. With
`difference`, what is predicted is z minus an anchor that is known at t: the last value of the same
season, or the last value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.tasks.series.encode import Scaled
from recurra.tasks.series.encoding import Encoding

Array = NDArray[Any]


@dataclass(slots=True)
class Buffer:
    """Windows of several series side by side, time-major, with what comes before and after.

    Row `reach` + t is position t; B columns.
    """

    z: NDArray[np.float32]
    """[reach + T + H, B]"""
    seen: NDArray[np.bool_]
    """Likewise: where a value is and may be asked for."""
    starts: NDArray[np.int64]
    """[B] position where the series begins; negative where it began before."""
    extra: NDArray[np.float32]
    """[T, B, n]"""
    future: NDArray[np.float32]
    """[T + H, B, F]: row t belongs to position t."""
    fixed: NDArray[np.float32]
    """[B, n]"""
    length: int


def cut(rows: Sequence[Scaled], firsts: Sequence[int], length: int, encoding: Encoding) -> Buffer:
    """Cut a window of `length` positions from each series, beginning at position `firsts` of it.

    Positions before the series began hold its first value, positions after its end its last.
    """
    reach, ahead, count = encoding.reach, encoding.horizon, len(rows)
    whole = reach + length + ahead
    buffer = Buffer(
        np.zeros((whole, count), np.float32),
        np.zeros((whole, count), bool),
        np.array([-first for first in firsts], np.int64),
        np.zeros((length, count, encoding.past + 2 * len(encoding.calendar)), np.float32),
        np.zeros((length + ahead, count, encoding.future), np.float32),
        np.stack([row.fixed for row in rows]),
        length,
    )
    for b, (row, first) in enumerate(zip(rows, firsts, strict=True)):
        low, high = max(0, first - reach), min(len(row.z), first + length + ahead)
        at = low - (first - reach)
        buffer.z[at : at + high - low, b] = row.z[low:high]
        buffer.z[:at, b] = row.z[0]
        buffer.z[at + high - low :, b] = row.z[-1]
        buffer.seen[at : at + high - low, b] = row.seen[low:high]
        low, high = max(0, first), min(len(row.extra), first + length)
        if high > low:
            buffer.extra[low - first : high - first, b] = row.extra[low:high]
        low, high = max(0, first), min(len(row.future), first + length + ahead)
        if high > low:
            buffer.future[low - first : high - first, b] = row.future[low:high]
    return buffer


def read_inputs(buffer: Buffer, encoding: Encoding) -> NDArray[np.float32]:
    """Return what positions read [T, B, features]."""
    reach, length = encoding.reach, buffer.length
    z = buffer.z
    now = z[reach : reach + length]
    count = now.shape[1]
    x = np.empty((length, count, encoding.features), np.float32)
    x[..., 0] = now
    at = 1
    for move in encoding.moves():
        x[..., at] = now - z[reach - move : reach - move + length]
        at += 1
    for lag in encoding.lags:
        for h in range(1, min(encoding.horizon, lag) + 1):
            first = reach + h - lag
            np.subtract(z[first : first + length], now, out=x[..., at])
            if lag != encoding.lags[0]:
                # Beside the anchor of the same step: how the seasons differ.
                base = encoding.lags[0]
                first = reach + h - base * -(-h // base)
                x[..., at] -= z[first : first + length] - now
            at += 1
    np.arcsinh(x[..., :at], out=x[..., :at])
    if encoding.masked:
        x[..., at] = buffer.seen[reach : reach + length]
        at += 1
    size = buffer.extra.shape[2]
    x[..., at : at + size] = buffer.extra
    at += size
    for h in range(1, encoding.horizon + 1):
        size = buffer.future.shape[2]
        if size:
            x[..., at : at + size] = buffer.future[h : h + length]
            at += size
    x[..., at:] = buffer.fixed
    return x


def anchors(buffer: Buffer, encoding: Encoding) -> NDArray[np.float32]:
    """Return what predictions are differences to [T, B, H]."""
    reach, length, ahead = encoding.reach, buffer.length, encoding.horizon
    found = np.zeros((length, buffer.z.shape[1], ahead), np.float32)
    for h in range(1, ahead + 1):
        if encoding.difference == "none":
            break
        back = 0
        if encoding.difference == "season":
            back = h - encoding.season * -(-h // encoding.season)
        found[..., h - 1] = buffer.z[reach + back : reach + back + length]
    return found


def wanted(
    buffer: Buffer, encoding: Encoding, centres: Array, scales: Array
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return targets [T, B, H * given] and which of them are there [T, B, H]."""
    reach, length, ahead = encoding.reach, buffer.length, encoding.horizon
    ahead_of = [slice(reach + h, reach + h + length) for h in range(1, ahead + 1)]
    z = np.stack([buffer.z[rows] for rows in ahead_of], axis=-1)
    there = np.stack([buffer.seen[rows] for rows in ahead_of], axis=-1).astype(np.float32)
    if encoding.counts:
        y = np.round(z * scales[:, None] + centres[:, None])
        scale = np.broadcast_to(scales[:, None].astype(np.float32), y.shape)
        return np.stack([y, scale], axis=-1).reshape(length, -1, 2 * ahead), there
    return z - anchors(buffer, encoding), there
