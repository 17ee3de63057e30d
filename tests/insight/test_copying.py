"""Copies: found where they were planted, and nowhere else, whatever bounds the memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.core.errors import ConfigError
from recurra.insight import suffixes
from recurra.insight.copying import find_copies
from recurra.insight.suffixes import longest_matches, suffix_array


def codes(text: str):
    return np.frombuffer(text.encode(), np.uint8)


SEQUENCES = st.one_of(
    st.lists(st.integers(0, 2), max_size=80),
    st.lists(st.integers(0, 300), max_size=40),
    st.lists(st.integers(0, 2**31), max_size=12),
    st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=5), st.integers(1, 60)).map(
        lambda one: one[0] * one[1]
    ),
)


@given(SEQUENCES)
def test_a_suffix_array_is_the_suffixes_in_order(sequence):
    found = suffix_array(np.array(sequence, np.int64)).tolist()
    assert found == sorted(range(len(sequence)), key=lambda at: sequence[at:])


def matches_one_by_one(source, query):
    """Return the longest match from each place of the query, by trying all."""
    found = []
    for at in range(len(query)):
        length = 0
        while at + length < len(query) and any(
            source[k : k + length + 1] == query[at : at + length + 1]
            for k in range(len(source) - length)
        ):
            length += 1
        found.append(length)
    return found


@settings(deadline=None)
@given(SEQUENCES, SEQUENCES)
def test_longest_matches_are_those_found_by_trying_all(source, query):
    query = query + source[3:20] + query[:3]
    a, b = np.array(source, np.int64), np.array(query, np.int64)
    lengths, places = longest_matches(a, suffix_array(a), b)
    assert lengths.tolist() == matches_one_by_one(source, query)
    for at, (length, place) in enumerate(zip(lengths, places)):
        assert source[place : place + length] == query[at : at + length]


def test_planted_copies_are_found_with_their_places(rng):
    source = rng.integers(0, 60, 5000)
    sequence = rng.integers(0, 60, 900)
    sequence[100:150] = source[2000:2050]
    sequence[149], sequence[99], sequence[150] = 61, 61, 61
    sequence[700:720] = source[40:60]
    sequence[699], sequence[720] = 61, 61
    found = find_copies(source, sequence)
    assert [(one.start, one.length, one.source) for one in found.copies] == [
        (100, 49, 2000),
        (700, 20, 40),
    ]
    assert found.share == pytest.approx(69 / 900)
    assert found.longest == 49
    assert [one.length for one in found.ranked()] == [49, 20]
    assert [span for span in found.spans() if span[2]] == [(100, 149, True), (700, 720, True)]


def test_one_symbol_less_than_the_minimum_is_no_copy(rng):
    source = rng.integers(0, 60, 5000)
    sequence = np.concatenate([[61], source[10:29], [61], source[30:50], [61]])
    found = find_copies(source, sequence, minimum=20)
    assert [one.start for one in found.copies] == [21]
    assert len(find_copies(source, sequence, minimum=19).copies) == 2


def test_shuffled_text_holds_no_copies(rng):
    source = codes("it was the best of times, it was the worst of times; " * 100)
    assert find_copies(source, rng.permutation(source)).share == 0
    assert find_copies(source, source[1000:2000]).share == 1


@pytest.mark.parametrize("segment", [400, 999, 5000])
def test_the_result_does_not_depend_on_the_segments(rng, segment):
    source = rng.integers(0, 4, 3000)
    sequence = np.concatenate([source[350:450], rng.integers(0, 4, 50), source[2900:]])
    whole = find_copies(source, sequence, minimum=12)
    parts = find_copies(source, sequence, minimum=12, segment=segment, overlap=150)
    assert [(one.start, one.length) for one in parts.copies] == [
        (one.start, one.length) for one in whole.copies
    ]
    assert (parts.covered == whole.covered).all()


def test_copies_longer_than_the_search_compares_are_followed_to_their_ends(rng, monkeypatch):
    monkeypatch.setattr(suffixes, "LONG", 32)
    source = rng.integers(0, 5, 4000)
    sequence = np.concatenate([source[100:900], [9], source[850:2400], source[5:300]])
    found = find_copies(source, sequence)
    monkeypatch.setattr(suffixes, "LONG", 10**9)
    want = find_copies(source, sequence)
    assert [(one.start, one.length) for one in found.copies] == [
        (one.start, one.length) for one in want.copies
    ]
    assert (found.covered == want.covered).all()


def test_a_text_of_one_letter_is_one_copy():
    found = find_copies(np.zeros(3000, np.uint8), np.zeros(2000, np.uint8))
    assert (found.share, found.longest, len(found.copies)) == (1.0, 2000, 1)


@pytest.mark.parametrize(("source", "sequence"), [([], [1, 2]), ([1, 2], []), ([], [])])
def test_nothing_is_copied_from_nothing(source, sequence):
    found = find_copies(np.array(source, np.int64), np.array(sequence, np.int64), minimum=1)
    assert found.copies == ()
    assert found.share == 0


def test_a_minimum_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        find_copies(np.zeros(3, np.int64), np.zeros(3, np.int64), minimum=0)


def test_progress_counts_up_to_the_end():
    seen = []
    find_copies(
        np.arange(1000), np.arange(50), segment=400, overlap=100,
        progress=lambda *at: seen.append(at),
    )  # fmt: skip
    assert seen == [(400, 1000), (700, 1000), (1000, 1000)]


@pytest.fixture
def rng():
    return np.random.default_rng(3)
