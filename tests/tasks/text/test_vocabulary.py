"""Vocabularies: what goes in comes out, and what is outside is named."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.core.errors import ConfigError, FormatError
from recurra.tasks.text.vocabulary import (
    ByteVocabulary,
    CharacterVocabulary,
    Vocabulary,
    vocabulary_from_document,
)
from recurra.tasks.text.words import WordVocabulary, count_words

PROSE = (
    "He said, \"It's a well-known fact (isn't it?)\"... and left -- at 10:30, for £3.50.\n"
    "\n\n  Next paragraph:\ttabs,  two spaces , odd ,punctuation.Then 'quoted' words’ ends.\r\n"
)
texts = st.text(
    st.one_of(
        st.sampled_from(list("ab \n\t.,\"'-(’”“é—_1\r\x1c\u2003中́")),
        st.characters(exclude_categories=["Cs"]),
    )
)


def words_of(text: str, **options: object) -> WordVocabulary:
    return WordVocabulary.from_counts(count_words([text]), size=10_000, **options)  # type: ignore[arg-type]


def vocabulary(kind: str, text: str) -> Vocabulary:
    if kind == "characters":
        return CharacterVocabulary(text or "a")
    if kind == "bytes":
        return ByteVocabulary()
    if kind == "words":
        return words_of(text)
    pytest.importorskip("tokenizers")
    from recurra.tasks.text.subwords import SubwordVocabulary

    return SubwordVocabulary.learn([PROSE * 3], size=300)


KINDS = ["characters", "bytes", "words", "subwords"]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(text=texts)
def test_what_is_encoded_decodes_to_the_same_text(kind: str, text: str) -> None:
    known = vocabulary(kind, text)
    tokens = known.encode(text)
    assert tokens.dtype == known.dtype
    assert known.decode(tokens) == text


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(text=texts, cuts=st.lists(st.integers(0, 60), max_size=4))
def test_pieces_encode_as_the_whole(kind: str, text: str, cuts: list[int]) -> None:
    known = vocabulary(kind, text)
    encoder = known.encoder()
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [
        encoder.feed(text[a:b], final=i == len(bounds) - 2)
        for i, (a, b) in enumerate(pairwise(bounds))
    ]
    assert "".join(part.text for part in parts) == text
    assert np.concatenate([part.tokens for part in parts]).tolist() == known.encode(text).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_know_where_they_begin(kind: str) -> None:
    text = PROSE + "é中\U0001f600 end"
    known = vocabulary(kind, text)
    encoded = known.encoder().feed(text, final=True)
    starts = np.arange(len(encoded.tokens)) if encoded.starts is None else encoded.starts
    assert len(starts) == len(encoded.tokens)
    assert (np.diff(starts) >= 0).all()
    for token, start in zip(encoded.tokens.tolist(), starts.tolist(), strict=True):
        shown = known.decoder().feed(token)
        if "\ufffd" not in shown:
            assert text.startswith(shown, start)


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_survives_its_json(kind: str) -> None:
    known = vocabulary(kind, PROSE)
    again = vocabulary_from_document(json.loads(json.dumps(known.to_document())))
    assert again.size == known.size
    assert again.kind == known.kind
    assert again.unknown == known.unknown
    assert again.encode(PROSE).tolist() == known.encode(PROSE).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_token_by_token_gives_the_same_text(kind: str) -> None:
    known = vocabulary(kind, PROSE + "é中")
    decoder = known.decoder()
    tokens = known.encode(PROSE + "é中").tolist()
    assert "".join(map(decoder.feed, tokens)) + decoder.flush() == PROSE + "é中"
    assert all(isinstance(known.token_text(token), str) for token in range(known.size))


def test_characters_are_numbered_in_code_point_order() -> None:
    known = CharacterVocabulary("banane\n")
    assert known.characters == "\naben"
    assert known.encode("ban").tolist() == [2, 1, 4]
    assert known.unknown is None


def test_a_character_outside_is_named_with_its_place() -> None:
    known = CharacterVocabulary("abc\n")
    with pytest.raises(ConfigError, match=r"'é' \(U\+00E9\) \(position 4, line 2\)"):
        known.encode("ab\naé")
    with pytest.raises(ConfigError, match="no unknown token"):
        known.encode("z", unknown="replace")


def test_a_character_outside_becomes_the_unknown_token_when_asked() -> None:
    known = CharacterVocabulary("abc", unknown=True, policy="replace")
    assert known.encode("a中\U0001f600z").tolist() == [0, 3, 3, 3]
    assert known.decode([0, 3]) == "a\ufffd"
    with pytest.raises(ConfigError):
        known.encode("z", unknown="refuse")


def test_rare_characters_fold_into_the_unknown_token() -> None:
    counts = np.bincount([ord(c) for c in "aaabbc"])
    known = CharacterVocabulary.from_counts(counts, minimum_count=2)
    assert known.characters == "ab"
    assert known.unknown == 2
    assert CharacterVocabulary.from_counts(counts).unknown is None
    assert CharacterVocabulary.from_counts(counts, policy="replace").unknown == 3


@pytest.mark.parametrize("size", [255, 256, 257, 65_537])
def test_many_characters_get_a_wide_enough_type(size: int) -> None:
    text = "".join(map(chr, [*range(32, 0xD800), *range(0xE000, 0xE000 + 12_000)]))[:size]
    known = CharacterVocabulary(text)
    assert known.size == size
    assert known.dtype.itemsize == (1 if size <= 256 else 2 if size <= 65_536 else 4)
    assert known.decode(known.encode(text)) == text
    with pytest.raises(ConfigError):
        known.encode("\U0001f600")


def test_prose_costs_about_one_token_a_word() -> None:
    text = 'The cat sat (on the mat), and said "Well, it\'s late." Then it left.'
    known = words_of(text)
    shown = [known.token_text(token) for token in known.encode(text).tolist()]
    assert shown == [
        "The", "cat", "sat", "(", "on", "the", "mat", ")", ",", "and", "said", '"', "Well",
        ",", "it's", "late", ".", '"', "Then", "it", "left", ".",
    ]  # fmt: skip


def test_unusual_spacing_costs_a_token() -> None:
    known = words_of("a b\n\nc .d")
    shown = [known.token_text(token) for token in known.encode("a b\n\nc .d").tolist()]
    assert shown == ["a", "b", "\n\n", "c", " ", ".", "<join>", "d"]


def test_rare_words_become_the_unknown_word() -> None:
    counts = count_words(["the cat the dog the end cat"])
    known = WordVocabulary.from_counts(counts, size=6, policy="replace")
    assert known.size == 6
    assert known.decode(known.encode("the cat the dog")) == "the cat the \ufffd"
    with pytest.raises(ConfigError, match="the word 'dog'"):
        known.encode("the dog", unknown="refuse")


def test_rare_white_space_is_written_letter_by_letter() -> None:
    known = WordVocabulary.from_counts(Counter({"a": 2, "  \n ": 1}), size=5, policy="replace")
    assert known.decode(known.encode("a \n   a")) == "a \n   a"


def test_bytes_cut_within_a_character_wait_for_the_rest() -> None:
    decoder = ByteVocabulary().decoder()
    first, second = "é".encode()
    assert decoder.feed(first) == ""
    assert decoder.feed(second) == "é"
    decoder.feed(first)
    assert decoder.flush() == "\ufffd"
    assert decoder.feed(65) == "A"


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"kind": "runes"},
        {"kind": "characters", "characters": 3, "unknown": False, "policy": "refuse"},
        {"kind": "characters", "characters": "ba", "unknown": False, "policy": "refuse"},
        {"kind": "characters", "characters": "ab", "unknown": False, "policy": "?"},
        {"kind": "words", "words": ["a", "a"], "policy": "refuse"},
        {"kind": "words", "words": [1], "policy": "refuse"},
        {"kind": "subwords", "tokenizer": "{}"},
        {"kind": "subwords", "tokenizer": '{"model": {"vocab": {"a": 7}}}'},
    ],
)
def test_a_damaged_vocabulary_is_refused(document: object) -> None:
    with pytest.raises(FormatError):
        vocabulary_from_document(document)


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_outside_is_refused(kind: str) -> None:
    known = vocabulary(kind, "ab")
    with pytest.raises(ConfigError, match="is no token"):
        known.decode([known.size])
    with pytest.raises(ConfigError, match="is no token"):
        known.decode(np.array([-1]))
