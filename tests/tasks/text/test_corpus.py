"""A corpus: the same tokens by every way, splits that add up, and a cache that can be trusted."""

from __future__ import annotations

import hashlib
import json
import math
import re
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.core.errors import ConfigError, FormatError
from recurra.formats import sources, token_map
from recurra.formats.sources import Document
from recurra.tasks.text import corpus as corpora
from recurra.tasks.text import survey as surveys
from recurra.tasks.text.advice import advice
from recurra.tasks.text.corpus import Corpus, load_corpus
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.survey import RepeatedLine, ResetFinder

KINDS = ["characters", "bytes", "words", "subwords"]
TEXT = (
    'Chapter one.\n\nIt was a dark night; the rain fell. "Café?" she said.\n\n'
    "Then it stopped - 中文 and \U0001f600 emoji -- and he went home.\n\n\n  The end.\n"
) * 40


def loaded(text: str | list[str], cache_dir: Path | None = None, **options: object) -> Corpus:
    texts = [text] if isinstance(text, str) else text
    documents = [Document.of_text(each, f"text {n}") for n, each in enumerate(texts)]
    return load_corpus(documents, TextOptions(**options), cache_dir)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "subwords":
        pytest.importorskip("tokenizers")
    return str(request.param)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK_BYTES", 97)
    monkeypatch.setattr(surveys, "LONGEST_MATCH", 16)
    monkeypatch.setattr(corpora, "HOLD_BYTES", 1000)


@pytest.fixture
def always_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "KEEP_BYTES", 0)
    monkeypatch.setattr(corpora, "KEEP_BYTES_SLOW", 0)
    monkeypatch.setattr(token_map, "RELEASE_BYTES", 512)


def options_of(kind: str) -> dict[str, object]:
    return {"vocabulary": kind, **({"vocabulary_size": 300} if kind == "subwords" else {})}


# What is in it


@pytest.mark.usefixtures("small_blocks")
def test_the_tokens_decode_to_the_text(kind: str) -> None:
    corpus = loaded(TEXT, validation=0, test=0, **options_of(kind))
    assert corpus.text("train") == TEXT
    assert corpus.tokens.dtype == corpus.vocabulary.dtype
    assert corpus.characters == len(TEXT)
    assert corpus.bytes == len(TEXT.encode())
    assert corpus.words == len(TEXT.split())
    assert corpus.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


def test_pieces_do_not_change_anything(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    how = {"reset_at": "paragraph", "line_ends": "lf", **options_of(kind)}
    text = TEXT.replace("\n", "\r\n")
    whole = loaded(text, **how)
    monkeypatch.setattr(sources, "BLOCK_BYTES", 61)
    monkeypatch.setattr(surveys, "LONGEST_MATCH", 16)
    pieces = loaded(text, **how)
    if kind != "subwords":  # Which are learned from less than all, so pieces matter.
        assert pieces.tokens.tolist() == whole.tokens.tolist()
        assert pieces.resets.tolist() == whole.resets.tolist()
    assert pieces.encoding.cuts[3].words == whole.encoding.cuts[3].words == len(text.split())


def test_several_documents_follow_each_other_and_reset(kind: str) -> None:
    texts = ["first text here. " * 9, "", "second text. " * 9, "third"]
    corpus = loaded(texts, validation=0, test=0, **options_of(kind))
    assert len(corpus.document_starts) == 3
    assert corpus.resets.tolist() == corpus.document_starts.tolist()
    bounds = [*corpus.document_starts.tolist(), len(corpus.tokens)]
    for text, start, stop in zip(filter(None, texts), bounds, bounds[1:], strict=False):
        assert corpus.text("train", start, stop) == text
    assert corpus.words == len(" ".join(texts).split())


def test_one_document_is_never_reset_unless_asked() -> None:
    assert loaded(TEXT).resets.tolist() == []
    assert loaded(TEXT, reset_at="document").resets.tolist() == [0]


# Resets


def test_the_state_is_reset_after_blank_lines(kind: str) -> None:
    corpus = loaded(TEXT, reset_at="paragraph", validation=0, test=0, **options_of(kind))
    wanted = [0] + [match.end() for match in re.finditer(r"\n\n+", TEXT) if match.end() < len(TEXT)]
    assert len(corpus.resets) == len(wanted)
    for reset, position in zip(corpus.resets.tolist(), wanted, strict=True):
        shown = corpus.text("train", reset, reset + 40)
        assert TEXT[position:].lstrip().startswith(shown.lstrip()[:5])


@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
def test_chapters_begin_at_their_headings(vocabulary: str) -> None:
    text = "Preface.\nCHAPTER I.\nA part of it.\n  Act 2\nthe act was 3\n\\section{x}\nend\n"
    corpus = loaded(
        text, reset_at="chapter", vocabulary=vocabulary, validation=0, test=0, wrong_bytes="replace"
    )
    assert [corpus.text("train", at, at + 7) for at in corpus.resets.tolist()] == [
        "Preface", "CHAPTER", "  Act 2", "\\sectio",
    ]  # fmt: skip


def test_bytes_match_beyond_ascii() -> None:
    corpus = loaded("aé—b " * 10, reset_at="—", vocabulary="bytes", validation=0, test=0)
    assert corpus.resets.tolist() == [0, *range(6, 80, 8)]


@pytest.mark.parametrize("pattern", ["b+", r"\b", "(?<=a)b", "^a", "a$", "(?=b)", "ab?|b", "x*"])
@settings(max_examples=40, deadline=None)
@given(text=st.text(st.sampled_from("aab \n")), cuts=st.lists(st.integers(1, 9), max_size=6))
def test_resets_are_found_as_in_the_whole_text(pattern: str, text: str, cuts: list[int]) -> None:
    compiled = re.compile(pattern, re.MULTILINE)
    found = array("q")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surveys, "LONGEST_MATCH", 64)
        finder = ResetFinder(compiled, 0, found)
        at = 0
        for cut in cuts:
            finder.feed(text[at : at + cut])
            at += cut
        finder.feed(text[at:], final=True)
    ends = sorted({match.end() for match in compiled.finditer(text)} - {0, len(text)})
    assert found.tolist() == ends


def test_resets_are_found_across_small_windows() -> None:
    text = "paragraph one\n\nparagraph two, longer\n\n\nthree\n" * 50
    found = array("q")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surveys, "LONGEST_MATCH", 8)
        finder = ResetFinder(re.compile("\n\n+"), 100, found)
        for at in range(0, len(text), 5):
            finder.feed(text[at : at + 5])
        finder.feed("", final=True)
    assert found.tolist() == [100 + match.end() for match in re.finditer("\n\n+", text)]


# Splits


@pytest.mark.usefixtures("small_blocks")
def test_the_splits_are_90_5_5_and_add_up(kind: str) -> None:
    corpus = loaded(TEXT, reset_at="paragraph", **options_of(kind))
    spans = [corpus.split(name) for name in ("train", "validation", "test")]
    assert "".join(corpus.text(name) for name in ("train", "validation", "test")).replace(
        " ", ""
    ) == TEXT.replace(" ", "")
    assert sum(map(len, spans)) == len(corpus.tokens)
    assert sum(span.characters for span in spans) == corpus.characters
    assert sum(span.bytes for span in spans) == corpus.bytes
    assert sum(span.words for span in spans) == corpus.words
    assert sum(len(span.resets) for span in spans) == len(corpus.resets)
    unit = len(TEXT.encode()) if kind == "bytes" else len(TEXT)
    for span, share in zip(spans, (0.9, 0.05, 0.05), strict=True):
        size = span.bytes if kind == "bytes" else span.characters
        assert abs(size - share * unit) <= 30  # A word, at most.
        assert (span.resets < len(span)).all()
        assert (span.start + span.resets == np.intersect1d(
            corpus.resets, np.arange(span.start, span.start + len(span))
        )).all()  # fmt: skip
    held_out = corpus.text("validation")
    assert spans[1].characters in (len(held_out), len(held_out) + 1)


def test_every_vocabulary_splits_the_text_at_the_same_place() -> None:
    ends = {corpora_kind: loaded(TEXT, vocabulary=corpora_kind).text("test")[-20:]
            for corpora_kind in ("characters", "words")}  # fmt: skip
    assert len(set(ends.values())) == 1


def test_whole_documents_are_held_out() -> None:
    texts = [f"text {n} " * 10 for n in range(10)]
    corpus = loaded(texts, split_by="document")
    assert corpus.text("train") == "".join(texts[:8])
    assert corpus.text("validation") == texts[8]
    assert corpus.text("test") == texts[9]
    assert corpus.split("train").resets.tolist() == list(range(0, 560, 70))
    assert corpus.split("test").resets.tolist() == [0]


def test_too_few_documents_to_hold_one_out() -> None:
    with pytest.raises(ConfigError, match="at least 3 documents"):
        loaded(["one " * 10, "two " * 10], split_by="document")


def test_bits_count_characters_and_words_for_every_vocabulary() -> None:
    corpus = loaded("one two three " * 100, vocabulary="words", validation=0, test=0)
    span = corpus.split("train")
    assert span.bits_per_character(math.log(2)) == pytest.approx(len(span) / 1400)
    assert span.bits_per_word(math.log(2)) == pytest.approx(len(span) / 300)


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("", {}, "it is empty"),
        ("a", {"validation": 0, "test": 0}, "at least 2 are needed"),
        ("abc", {}, "too few to hold out"),
        ("abcdefgh", {"validation": 0.01, "test": 0}, "too few to hold out 1%"),
    ],
)
def test_a_text_that_is_too_short_is_refused(
    text: str, options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        loaded(text, **options)


def test_nothing_is_held_out_when_nothing_is_asked() -> None:
    corpus = loaded("abc", validation=0, test=0)
    assert len(corpus.split("validation")) == len(corpus.split("test")) == 0
    with pytest.raises(ConfigError, match="no split"):
        corpus.split("dev")  # type: ignore[arg-type]


# Vocabularies


def test_rare_characters_become_unknown() -> None:
    corpus = loaded("aaaa bbbb é " * 1 + "ab" * 50, minimum_count=2, validation=0, test=0)
    assert "\ufffd" in corpus.text("train")
    assert corpus.vocabulary.unknown is not None


def test_words_are_learned_from_the_training_split_alone() -> None:
    corpus = loaded("known words here " * 50 + "secret " * 3, vocabulary="words", test=0)
    assert "\ufffd" in corpus.text("validation")
    with pytest.raises(ConfigError, match="'secret'"):
        corpus.vocabulary.encode("secret")


# The cache


@pytest.mark.usefixtures("always_cached")
def test_a_cached_text_is_the_same_text(kind: str, tmp_path: Path) -> None:
    how = {"reset_at": "paragraph", **options_of(kind)}
    first = loaded(TEXT, tmp_path, **how)
    again = loaded(TEXT, tmp_path, **how)
    assert len(list(tmp_path.iterdir())) == 1
    for name in ("train", "validation", "test"):
        assert first.split(name).tokens.tolist() == again.split(name).tokens.tolist()  # type: ignore[arg-type]
        assert first.split(name).characters == again.split(name).characters  # type: ignore[arg-type]
    assert first.resets.tolist() == again.resets.tolist()
    assert again.encoding.facts == first.encoding.facts
    assert again.vocabulary.to_document() == first.vocabulary.to_document()


@pytest.mark.usefixtures("always_cached")
def test_the_cache_is_read_the_second_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(TEXT, tmp_path)
    monkeypatch.setattr(corpora, "survey", None)
    loaded(TEXT, tmp_path)
    with pytest.raises(TypeError):
        loaded(TEXT + "!", tmp_path)
    with pytest.raises(TypeError):
        loaded(TEXT, tmp_path, minimum_count=2)
    with pytest.raises(TypeError):
        loaded([TEXT[:50], TEXT[50:]], tmp_path)


@pytest.mark.usefixtures("always_cached")
@pytest.mark.parametrize("damage", ["tokens.bin", "positions.bin", "corpus.json"])
@pytest.mark.parametrize("how", ["gone", "short", "wrong"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: str, how: str) -> None:
    whole = loaded(TEXT, tmp_path).tokens.tolist()
    (folder,) = tmp_path.iterdir()
    if how == "gone":
        (folder / damage).unlink()
    elif how == "short":
        (folder / damage).write_bytes((folder / damage).read_bytes()[:-7])
    else:
        (folder / damage).write_text(json.dumps({"vocabulary": []}))
    assert loaded(TEXT, tmp_path).tokens.tolist() == whole


@pytest.mark.usefixtures("always_cached")
def test_mapped_tokens_give_plain_arrays(tmp_path: Path) -> None:
    corpus = loaded(TEXT, tmp_path, validation=0, test=0)
    tokens = corpus.split("train").tokens
    plain = loaded(TEXT, validation=0, test=0).tokens
    index = np.arange(100)[:, None] + np.array([0, 500, 900])
    for _ in range(20):  # Pages are handed back in between.
        assert (tokens[index] == plain[index]).all()
        assert (tokens[7:90] == plain[7:90]).all()
    assert type(tokens[index]) is type(tokens[7:90]) is type(tokens == 3) is np.ndarray
    assert isinstance(tokens.max(), np.integer)
    with pytest.raises(ValueError, match="read-only"):
        tokens[0] = 1


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    seen: list[tuple[int, int, str]] = []
    load_corpus(tmp_path / "a.txt", progress=lambda *call: seen.append(call))
    size = (tmp_path / "a.txt").stat().st_size
    assert {what for _, _, what in seen} == {"reading", "counting", "encoding"}
    assert seen[-1] == (size, size, "encoding")


def test_a_wrong_byte_is_reported_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9 " * 100)
    with pytest.raises(FormatError, match=r"a\.txt: byte 0xE9 at offset 3"):
        load_corpus(tmp_path / "a.txt")
    assert load_corpus(tmp_path / "a.txt", TextOptions(encoding="latin-1")).characters == 500
    assert load_corpus(tmp_path / "a.txt", TextOptions(vocabulary="bytes")).bytes == 500


# Advice


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("Some words of a text.\nAnd more.\n" * 40, {}, "below about 100,000"),
        ("All work and no play.\n" * 9000, {}, "one line over and over"),
        ("\0\1\2\3text" * 20_000, {}, "--vocabulary bytes"),
        ("a line\r\nand another\r\n" * 9000, {}, "--line-ends lf"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 4000))) * 30, {}, "4,000 different characters"),
        ("ab " * 50_000, {"reset_at": "b"}, "reset every 3.0 characters"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 100))), {}, "seen once or never"),
    ],
)
def test_what_is_unusual_gets_a_sentence(
    text: str, options: dict[str, object], sentence: str
) -> None:
    notes = advice(loaded(text, **options))
    assert any(sentence in note for note in notes), notes
    assert all(note.endswith((".", "?")) for note in notes)


def test_an_ordinary_text_gets_no_advice() -> None:
    text = "".join(f"{n} of the lines.\n" for n in range(8000))
    assert advice(loaded(text), window=64) == []


def test_a_split_shorter_than_a_window_gets_a_sentence() -> None:
    notes = advice(loaded("x yz\n" * 30_000, validation=0.0001), window=64)
    assert any("validation split has 15" in note for note in notes)


@pytest.mark.parametrize("cut", [1, 3, 50])
@pytest.mark.parametrize(
    ("text", "found"),
    [("ab\n" * 9, True), ("ab\n" * 9 + "ab", True), ("ab\n" * 9 + "a\n", False), ("ab\nab", False),
     ("ab" * 9, False), ("\n\n\n", True), ("", False)],
)  # fmt: skip
def test_a_repeated_line_is_noticed(text: str, found: bool, cut: int) -> None:
    line = RepeatedLine()
    for at in range(0, len(text), cut):
        line.add(text[at : at + cut])
    assert line.found is found


# Options


@pytest.mark.parametrize(
    ("options", "field", "sentence"),
    [
        ({"encoding": "klingon"}, "encoding", "no text encoding 'klingon'"),
        ({"encoding": "bytes"}, "encoding", "no text encoding 'bytes'"),
        ({"reset_at": "("}, "reset_at", "no regular expression"),
        ({"validation": 0.6, "test": 0.4}, None, "nothing to train on"),
        ({"vocabulary": "bytes", "normalise": "nfc"}, None, "leave one of them out"),
        ({"vocabulary": "runes"}, "vocabulary", "runes"),
    ],
)
def test_options_that_cannot_be_are_refused(
    options: dict[str, object], field: str | None, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        TextOptions(**options)
    assert field is None or caught.value.field == field
