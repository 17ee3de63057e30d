"""Compression: any bytes come back, as short as the score promises, or a sentence says why."""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recurra
from recurra.core.errors import ConfigError, FormatError
from recurra.tasks.text.compress import MAGIC, read_header

TEXT = "the cat sat on the mat,\nthe dog lay in the fog.\n\n" * 60


def trained(folder, **options):
    (folder / "poem.txt").write_text(TEXT)
    return recurra.train(
        folder / "poem.txt", run=folder / "run", steps=30, engine="reference", sizes=[16],
        batch_size=8, window=32, learning_rate=2e-2, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("characters"))


@pytest.fixture(scope="module")
def replacing(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("replacing"), unknown="replace")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("bytes"), vocabulary="bytes")


BYTES = st.one_of(
    st.binary(max_size=120),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from([b"the cat ", b"\xff", b"\xed\xa0\x80", "é漢😀".encode(), b"\r\n"]),
             max_size=12).map(b"".join),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(BYTES, st.integers(1, 5))
def test_any_bytes_come_back(characters, replacing, raw, data, streams):
    for model in (characters, replacing, raw):
        parts = min(streams, max(1, len(data.decode("utf-8", "surrogateescape"))))
        assert model.decompress(model.compress(data, streams=parts)) == data


def test_the_size_is_what_the_score_says(characters):
    made = characters.compress(TEXT.encode(), streams=1)
    _, code = read_header(made)
    bits = characters.score(TEXT, xz=False).bits_per_char * len(TEXT)
    assert 8 * len(code) == pytest.approx(bits, abs=0.002 * len(TEXT) + 32)


def test_long_texts_are_cut_into_streams_that_cost_little(characters):
    data = (TEXT * 8).encode()
    made = characters.compress(data)
    assert read_header(made)[0]["streams"] == len(data) // 4096
    assert len(made) < 1.1 * len(characters.compress(data, streams=1))
    assert characters.decompress(made) == data


def test_progress_is_told(characters):
    seen = []
    made = characters.compress(TEXT.encode(), progress=lambda *at: seen.append(at))
    assert seen[0] == (0, len(TEXT))
    assert [at[0] for at in seen] == sorted(at[0] for at in seen)
    seen.clear()
    characters.decompress(made, progress=lambda *at: seen.append(at))
    assert seen


def test_another_model_is_refused(characters, replacing):
    made = characters.compress(b"the cat")
    with pytest.raises(FormatError, match="another model"):
        replacing.decompress(made)


def with_header(file, **changes):
    """Return a compressed file with other words in its header."""
    header, code = read_header(file)
    for name, value in changes.items():
        place = header if name in header else header["made_by"]
        place[name] = value
    packed = zlib.compress(json.dumps(header).encode())
    return MAGIC + struct.pack("<I", len(packed)) + packed + code


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"engine": "abacus"}, "engine 'abacus'"),
        ({"recurra": "0.0.1"}, "Recurra '0.0.1'"),
        ({"numpy": "1.0"}, "NumPy '1.0'"),
        ({"machine": "a loom"}, "machine 'a loom'"),
        ({"probe": "0123456789abcdef"}, "other probabilities"),
    ],
)
def test_what_was_made_elsewhere_is_refused_unless_tried_anyway(characters, change, says):
    made = with_header(characters.compress(b"the cat sat"), **change)
    with pytest.raises(FormatError, match=says):
        characters.decompress(made)
    assert characters.decompress(made, anyway=True) == b"the cat sat"


def test_damage_is_seen(characters):
    made = bytearray(characters.compress(TEXT[:300].encode()))
    header, code = read_header(bytes(made))
    for place in range(len(made) - len(code), len(made), 5):
        damaged = made.copy()
        damaged[place] ^= 0x10
        with pytest.raises(FormatError):
            characters.decompress(bytes(damaged))
    assert header["bytes"] == 300


@pytest.mark.parametrize(
    "file",
    [b"", b"PK\x03\x04 other", MAGIC, MAGIC + b"\xff\xff\xff\xff", MAGIC[:-1] + b"\x09" * 9,
     MAGIC + struct.pack("<I", 4) + b"abcd", MAGIC + struct.pack("<I", 10) + zlib.compress(b"{}")],
)  # fmt: skip
def test_what_is_no_compressed_file_is_refused(characters, file):
    with pytest.raises(FormatError):
        characters.decompress(file)


@pytest.mark.parametrize(
    "changes",
    [{"symbols": 10**15}, {"symbols": -1}, {"streams": 0}, {"streams": 10**9}, {"escape": 1 << 30},
     {"symbols": "many"}, {"sha256": 5}],
)  # fmt: skip
def test_claims_that_cannot_be_are_refused_before_anything_is_made(characters, changes):
    with pytest.raises(FormatError, match="header"):
        characters.decompress(with_header(characters.compress(b"the cat"), **changes))


def test_words_cannot_spell_every_file(tmp_path):
    model = trained(tmp_path, vocabulary="words")
    with pytest.raises(ConfigError, match="words"):
        model.compress(b"the cat")


def test_more_streams_than_symbols_are_refused(characters):
    with pytest.raises(ConfigError, match="streams"):
        characters.compress(b"the", streams=4)


def test_random_bytes_cost_little_more_than_they_have(raw, characters):
    data = np.random.default_rng(0).bytes(3000)
    assert len(characters.compress(data)) < 2.5 * len(data)
    assert len(raw.compress(data)) < 2.5 * len(data)
