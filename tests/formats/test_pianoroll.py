"""Piano rolls: JSON and npz, and what they may not claim."""

import io
import json
import zipfile

import numpy as np
import pytest

from recurra.core.errors import FormatError
from recurra.formats.pianoroll import pieces_from_json, pieces_from_npz


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def notes(piece):
    return [note[:3] for note in piece.notes]


def test_a_step_of_pitches_is_a_quarter_note_and_splits_are_kept():
    data = json.dumps({"train": [[[60, 64], [], [62]]], "valid": [[[70]]]}).encode()
    first, second = pieces_from_json(data, "a.json")
    assert notes(first) == [(0, 480, 64), (0, 480, 60), (960, 1440, 62)]
    assert (first.split, second.split) == ("train", "validation")
    assert pieces_from_json(data, "a.json", resolution=4)[0].length == 360


def test_voices_apart_hold_their_notes():
    steps = [[72, 60], [72, 62], [72, -1], [71, -1]]
    (piece,) = pieces_from_json(json.dumps([steps]).encode(), "a.json")
    assert notes(piece) == [(0, 360, 72), (0, 120, 60), (120, 240, 62), (360, 480, 71)]
    assert [note.voice for note in piece.notes] == [0, 1, 1, 0]


def test_rolls_with_lengths_are_cut_into_pieces():
    roll = np.zeros((5, 88), np.uint8)
    roll[0, 39] = roll[3, [39, 43]] = 1
    first, second = pieces_from_npz(npz(test_roll=roll, test_lengths=np.array([2, 3])), "a.npz")
    assert notes(first) == [(0, 480, 60)]
    assert notes(second) == [(480, 960, 64), (480, 960, 60)]
    assert (first.length, second.length, first.split) == (960, 1440, "test")


def test_a_roll_of_128_columns_begins_at_pitch_0():
    roll = np.zeros((1, 128), bool)
    roll[0, 60] = True
    (piece,) = pieces_from_npz(npz(tune=roll), "a.npz")
    assert notes(piece) == [(0, 480, 60)]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"{", "not JSON"), (b'{"train": 3}', "list of pieces"), (b"[[3]]", "step 1"),
        (b"[[[60], [200]]]", "step 2"), (b"[]", "no pieces"), (b"[" * 100_000, "not JSON"),
    ],
)  # fmt: skip
def test_json_that_is_no_roll_is_told(data, sentence):
    with pytest.raises(FormatError, match=sentence):
        pieces_from_json(data, "a.json")


def member(raw):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", raw)
    return buffer.getvalue()


def header(text, body=b""):
    encoded = text.encode()
    return b"\x93NUMPY\x01\x00" + len(encoded).to_bytes(2, "little") + encoded + body


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"nothing", "damaged"),
        (member(b"x"), "no NumPy array"),
        (
            member(header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 88)}")),
            "claims",
        ),
        (
            member(header("{'descr': '|O', 'fortran_order': False, 'shape': (1, 88)}", bytes(704))),
            "plain",
        ),
        (member(header("__import__('os')")), "damaged header"),
        (npz(x=np.zeros((3, 7))), r"\(3, 7\)"),
        (npz(a_roll=np.zeros((3, 88)), a_lengths=np.array([9])), "add up"),
        (npz(a_lengths=np.array([9])), "no piano roll"),
    ],
)
def test_npz_that_is_no_roll_is_told(data, sentence):
    with pytest.raises(FormatError, match=sentence):
        pieces_from_npz(data, "a.npz")


def test_what_unpacks_beyond_all_measure_is_refused(monkeypatch):
    monkeypatch.setattr("recurra.formats.pianoroll.LARGEST_BYTES", 10_000)
    with pytest.raises(FormatError, match="unpacks to more"):
        pieces_from_npz(npz(x=np.zeros((10_000, 88), np.uint8)), "a.npz")
