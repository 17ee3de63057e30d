"""Piano rolls as arrays: JSON lists of pitches a step, and NumPy's `.npz` of 0 and 1.

JSON: an object of splits ("train", "valid", "test"), each a list of pieces, or such a list alone. A
piece is a list of steps, a step the list of MIDI pitches that sound. Where every step of a piece
has the same number of entries and -1 stands for a rest, the entries are voices, and a pitch that
stays is one long note.

`.npz`: for each NAME either `NAME_roll` [steps, 88] of 0 and 1 with `NAME_lengths`, the steps of
each piece, or one array [steps, 88 or 128] a piece. Column 0 of 88 is MIDI note 21. Nothing is
unpickled, and every size is compared with the bytes that are there before memory is asked for.
"""

from __future__ import annotations

import ast
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError
from recurra.core.notes import TICKS, Note, Piece

LARGEST_BYTES = 256 << 20
"""Of all arrays together, unpacked."""
SPLITS = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}


def pieces_from_json(data: bytes, name: str, *, resolution: int | None = None) -> list[Piece]:
    """Return the pieces of a JSON piano roll.

    Args:
        resolution: steps a quarter note; None: 1, or 4 where voices are kept apart.
    Raises:
        FormatError: it is not of the form above.
    """
    if len(data) > LARGEST_BYTES:
        raise FormatError(f"{name} has {len(data):,} bytes, more than {LARGEST_BYTES:,}.")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name} is not JSON: {str(error)[:120]}.") from None
    splits = found if isinstance(found, dict) else {"": found}
    pieces = []
    for split, entries in splits.items():
        if not isinstance(entries, list):
            raise FormatError(f"{name}: '{split[:40]}' has to be a list of pieces.")
        for n, steps in enumerate(entries):
            where = f"{name}, {split or 'piece'} {n + 1}"
            pieces.append(_of_steps(_checked(steps, where), where, split, resolution))
    if not pieces:
        raise FormatError(f"{name} holds no pieces.")
    return pieces


def _checked(steps: Any, where: str) -> list[list[int]]:
    if not isinstance(steps, list):
        raise FormatError(f"{where}: a piece has to be a list of steps.")
    for t, step in enumerate(steps):
        if not isinstance(step, list) or not all(
            type(pitch) is int and -1 <= pitch <= 127 for pitch in step
        ):
            raise FormatError(
                f"{where}, step {t + 1}: a step is a list of MIDI pitches from 0 to 127 "
                f"(-1 for a rest), not {str(step)[:60]}."
            )
    return steps


def _of_steps(
    steps: Sequence[Sequence[int]], where: str, split: str, resolution: int | None
) -> Piece:
    widths = {len(step) for step in steps}
    # A quarter-note roll has as many pitches everywhere only by chance; voices are told by their
    # rests, or by a grid so fine that most steps repeat the one before.
    voiced = len(widths) == 1 and 1 < next(iter(widths)) <= 16
    voiced = voiced and (any(-1 in step for step in steps) or _held(steps))
    per_quarter = resolution or (4 if voiced else 1)
    ticks = TICKS // per_quarter
    notes: list[Note] = []
    if voiced:
        for voice in range(len(steps[0])):
            notes += _line([step[voice] for step in steps], voice, ticks)
    else:
        for t, step in enumerate(steps):
            notes += [Note(t * ticks, (t + 1) * ticks, p) for p in set(step) if p >= 0]
    return Piece.of(
        notes, name=where, length=len(steps) * ticks, split=SPLITS.get(split, ""),
        tempos=((0, 100.0),),
    )  # fmt: skip


def _held(steps: Sequence[Sequence[int]]) -> bool:
    """Whether most steps repeat the one before, as a fine grid does."""
    same = sum(list(a) == list(b) for a, b in pairwise(steps))
    return same > 0.3 * len(steps)


def _line(pitches: Sequence[int], voice: int, ticks: int) -> Iterator[Note]:
    """Yield the notes of one voice; a pitch that stays is one note."""
    start = 0
    for t in range(1, len(pitches) + 1):
        if t == len(pitches) or pitches[t] != pitches[start]:
            if pitches[start] >= 0:
                yield Note(start * ticks, t * ticks, pitches[start], voice=voice)
            start = t


def pieces_from_npz(data: bytes, name: str, *, resolution: int | None = None) -> list[Piece]:
    """Return the pieces of a `.npz` piano roll.

    Raises:
        FormatError: it is damaged, too large, or not of the form above.
    """
    arrays = _read_npz(data, name)
    ticks = TICKS // (resolution or 1)
    pieces: list[Piece] = []
    for key, roll in arrays.items():
        if key.endswith("_lengths"):
            continue
        if roll.ndim != 2 or roll.shape[1] not in (88, 128):
            raise FormatError(
                f"{name}: array '{key[:40]}' has the shape {roll.shape}, but a piano roll is "
                "[steps, 88] or [steps, 128]."
            )
        stem = key.removesuffix("_roll")
        lengths = arrays.get(f"{stem}_lengths")
        sizes = [len(roll)] if lengths is None else [int(n) for n in lengths.ravel()]
        if sum(sizes) != len(roll) or min(sizes, default=0) < 0:
            raise FormatError(
                f"{name}: '{stem}_lengths' does not add up to the {len(roll):,} rows."
            )
        first = 0
        for n, size in enumerate(sizes):
            part = roll[first : first + size] > 0
            first += size
            where = f"{name}, {stem} {n + 1}"
            pieces.append(_of_roll(part, where, stem, ticks))
    if not pieces:
        raise FormatError(f"{name} holds no piano roll.")
    return pieces


def _of_roll(roll: NDArray[np.bool_], where: str, split: str, ticks: int) -> Piece:
    low = 21 if roll.shape[1] == 88 else 0
    notes = [
        Note(t * ticks, (t + 1) * ticks, low + column)
        for t, column in zip(*(axis.tolist() for axis in np.nonzero(roll)), strict=True)
    ]
    return Piece.of(
        notes, name=where, length=len(roll) * ticks, split=SPLITS.get(split, ""),
        tempos=((0, 100.0),),
    )  # fmt: skip


def _read_npz(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    """Return the arrays; each header is compared with the member's size before it is believed."""
    found: dict[str, NDArray[Any]] = {}
    left = LARGEST_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist()[:1000]:
                if entry.file_size > left:
                    raise FormatError(f"{name} unpacks to more than {LARGEST_BYTES:,} bytes.")
                with archive.open(entry) as member:
                    # One byte more than is claimed would show a lie.
                    raw = member.read(entry.file_size + 1)
                left -= len(raw)
                key = entry.filename.removesuffix(".npy")
                found[key] = _read_npy(raw, f"{name}, array '{key[:40]}'")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise FormatError(f"{name} is a damaged .npz file ({str(error)[:80]}).") from None
    except (RuntimeError, struct.error, ValueError) as error:
        raise FormatError(f"{name} is a damaged .npz file ({str(error)[:80]}).") from None
    return found


def _read_npy(raw: bytes, where: str) -> NDArray[Any]:
    """Return one array of plain numbers."""
    if raw[:6] != b"\x93NUMPY" or len(raw) < 12:
        raise FormatError(f"{where} is no NumPy array.")
    wide = raw[6] > 1
    size = int.from_bytes(raw[8 : 12 if wide else 10], "little")
    start = (12 if wide else 10) + size
    if size > 10_000 or start > len(raw):
        raise FormatError(f"{where} has a damaged header.")
    try:
        header = ast.literal_eval(raw[12 if wide else 10 : start].decode("latin-1"))
        shape, order = tuple(header["shape"]), bool(header["fortran_order"])
        dtype = np.dtype(header["descr"])
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        raise FormatError(f"{where} has a damaged header.") from None
    if dtype.kind not in "biuf" or not all(type(n) is int and n >= 0 for n in shape):
        raise FormatError(f"{where} holds no plain numbers.")
    if math.prod(shape) * dtype.itemsize != len(raw) - start:
        raise FormatError(
            f"{where} claims {math.prod(shape):,} numbers, but only {len(raw) - start:,} bytes "
            "are there."
        )
    array = np.frombuffer(raw, dtype, offset=start)
    return array.reshape(shape, order="F" if order else "C")
