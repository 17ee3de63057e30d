"""Reading text: any input, any encoding, any size of piece, and a sentence for what is wrong."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import os
import sys
import threading
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.core.errors import ConfigError, FormatError
from recurra.formats import sources
from recurra.formats.encodings import detect_encoding
from recurra.formats.sources import Document, find_documents
from recurra.formats.text import Composer, Reading, begins_anew, read_text


def whole(document: Document, **options: str) -> str:
    return "".join(text for text, _ in read_text(document, Reading(**options)))  # type: ignore[arg-type]


def names(inputs: list[str | Path]) -> list[str]:
    return [Path(document.name).name for document in find_documents(inputs).documents]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK_BYTES", 3)


# What is found


def test_a_folder_is_read_in_the_order_of_its_paths(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/c.txt", ".hidden.txt", ".git/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert names([tmp_path]) == ["a.txt", "b.txt", "c.txt"]


def test_a_folder_leaves_out_what_is_not_text_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (tmp_path / "c.pdf").write_bytes(b"%PDF-1.7 and so on")
    (tmp_path / "d.bin").write_bytes(bytes(range(1, 256)) * 4)
    (tmp_path / "e.txt").write_bytes("größer".encode("utf-16"))
    (tmp_path / "f.txt").write_bytes(b"caf\xe9 cr\xe8me")
    found = find_documents([tmp_path])
    assert [Path(document.name).name for document in found.documents] == ["a.txt", "e.txt", "f.txt"]
    assert found.notes[0].startswith("3 files are not text and left out")


def test_inputs_keep_their_order_and_come_once(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(name)
    found = find_documents([tmp_path / "c.txt", str(tmp_path / "*.txt")])
    assert [Path(document.name).name for document in found.documents] == ["c.txt", "a.txt", "b.txt"]
    assert found.notes == ("1 file was named twice and read once.",)


def test_a_pattern_reaches_into_folders(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "x" / "y" / "a.txt").write_text("a")
    (tmp_path / "x" / "[b].txt").write_text("b")
    assert names([str(tmp_path / "**" / "*.txt")]) == ["[b].txt", "a.txt"]
    assert names([str(tmp_path / "x" / "[b].txt")]) == ["[b].txt"]
    assert names([str(tmp_path / "**")]) == ["[b].txt", "a.txt"]


@pytest.mark.parametrize("pattern", ["missing.txt", "*.nothing", "empty"])
def test_nothing_to_read_is_one_sentence(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match=r"no such file|no file matches|no files in the folder"):
        find_documents([tmp_path / pattern])


def test_a_folder_without_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(100))
    with pytest.raises(FormatError, match=r"no text to read.*1 file is not text"):
        find_documents([tmp_path])


def test_standard_input_can_be_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped \xc3\xa9")))
    (document,) = find_documents(["-"]).documents
    assert whole(document) == whole(document) == "piped é"
    assert document.name == "standard input"


def test_a_long_stream_is_kept_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MEMORY_BYTES", 10)
    monkeypatch.setattr(sources, "BLOCK_BYTES", 7)
    document = Document.of_stream(io.BytesIO(b"0123456789" * 5), "pipe")
    assert whole(document) == whole(document) == "0123456789" * 5
    assert document.stored_bytes == 50


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"through a pipe",))
    writer.start()
    (document,) = find_documents([pipe]).documents
    writer.join()
    assert whole(document) == "through a pipe"


# Compression


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_compressed_text_opens_whatever_its_name(tmp_path: Path, compress: object) -> None:
    (tmp_path / "a.dat").write_bytes(compress(b"squeezed " * 1000))  # type: ignore[operator]
    (document,) = find_documents([tmp_path]).documents
    assert whole(document) == "squeezed " * 1000


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_compressed_text_that_is_cut_short_says_so(tmp_path: Path, compress: object) -> None:
    data = compress(os.urandom(5000).hex().encode())  # type: ignore[operator]
    (tmp_path / "a.gz").write_bytes(data[:-2000])
    with pytest.raises(FormatError, match=r"a\.gz is cut short.*download it again"):
        whole(Document.of_file(tmp_path / "a.gz"))


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_damaged_compressed_text_says_so(tmp_path: Path, compress: object) -> None:
    data = bytearray(compress(os.urandom(5000).hex().encode()))  # type: ignore[operator]
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.gz").write_bytes(data)
    with pytest.raises(FormatError, match=r"a\.gz is damaged"):
        whole(Document.of_file(tmp_path / "a.gz"))


# Encodings


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
        ("utf-32-be", codecs.BOM_UTF32_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", b""),
        ("utf-32-be", b""),
    ],
)
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_the_encoding_is_recognised(
    monkeypatch: pytest.MonkeyPatch, encoding: str, mark: bytes, block: int
) -> None:
    text = "mostly ASCII text, as is usual, with an é and an \U0001f600\n"
    if encoding != "utf-8":
        block = max(block, 64)  # It takes some bytes to see.
    monkeypatch.setattr(sources, "BLOCK_BYTES", block)
    assert whole(Document.of_text(mark + text.encode(encoding))) == text


def test_short_and_binary_beginnings_are_taken_as_utf8() -> None:
    assert detect_encoding(b"") == "utf-8"
    assert detect_encoding(b"a\0") == "utf-8"
    assert detect_encoding(bytes(64)) == "utf-8"
    assert detect_encoding(os.urandom(4096)[2:]) == "utf-8"


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("before", ["", "a", "aé", "中中中"])
def test_a_wrong_byte_is_named_with_its_offset(before: str) -> None:
    data = before.encode() + b"\xe9t\xe9"
    with pytest.raises(FormatError) as caught:
        whole(Document.of_text(data, "cafe.txt"))
    sentence = str(caught.value)
    assert sentence.startswith(f"cafe.txt: byte 0xE9 at offset {len(before.encode())} is not UTF-8")
    assert "--encoding" in sentence


@pytest.mark.usefixtures("small_blocks")
def test_a_character_cut_short_at_the_end_is_named() -> None:
    with pytest.raises(FormatError, match="cut short at byte offset 4"):
        whole(Document.of_text(b"abcd\xe4\xb8"))


@pytest.mark.usefixtures("small_blocks")
def test_wrong_bytes_are_replaced_when_asked() -> None:
    assert whole(Document.of_text(b"a\xffb\xe4\xb8"), wrong_bytes="replace") == "a\ufffdb\ufffd"


@pytest.mark.usefixtures("small_blocks")
def test_a_named_encoding_is_used() -> None:
    assert whole(Document.of_text("café".encode("cp1252")), encoding="cp1252") == "café"
    japanese = Document.of_text("漢字かな".encode("shift_jis"))
    assert whole(japanese, encoding="shift_jis") == "漢字かな"
    assert whole(Document.of_text(b"\xff\0\xfe"), encoding="bytes") == "ÿ\0þ"


def test_a_document_may_know_its_encoding() -> None:
    document = replace(Document.of_text("Châlons".encode("cp437")), encoding="cp437")
    assert whole(document) == "Châlons"
    assert whole(document, encoding="latin-1") == "Ch\x83lons"


@pytest.mark.parametrize("name", ["klingon", "zip", "a\0b"])
def test_an_unknown_encoding_is_one_sentence(name: str) -> None:
    with pytest.raises(ConfigError, match="there is no text encoding"):
        whole(Document.of_text(b"abc"), encoding=name)


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(FormatError, match="surrogate"):
        Document.of_text("a\ud800")


# Line ends and normal forms, however the text is cut


@settings(max_examples=80, deadline=None)
@given(text=st.text(st.sampled_from("a\r\n")), block=st.integers(1, 5))
def test_line_ends_do_not_depend_on_pieces(text: str, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK_BYTES", block)
        got = whole(Document.of_text(text), line_ends="lf")
    assert got == text.replace("\r\n", "\n").replace("\r", "\n")


joining = st.sampled_from("aeé \u0301\u0327\u0323\u1100\u1161\u11a8가\u0dd9\u0dcf\u0dca中\u0344")


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.text(st.one_of(joining, st.characters()), max_size=4)))
def test_composing_does_not_depend_on_pieces(pieces: list[str]) -> None:
    composer = Composer()
    got = "".join(map(composer.feed, pieces)) + composer.feed("", final=True)
    assert got == unicodedata.normalize("NFC", "".join(pieces))


def test_no_character_that_joins_counts_as_a_beginning() -> None:
    for point in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(point)).split()
        if parts and not parts[0].startswith("<"):
            assert not any(begins_anew(chr(int(part, 16))) for part in parts[1:])
