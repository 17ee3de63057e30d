"""Figures of texts, worked by hand or by the library that defines them."""

from __future__ import annotations

import math

import pytest

from recurra.core.errors import ConfigError
from recurra.insight.text_statistics import (
    Balance,
    balance,
    bleu,
    character_counts,
    distinct,
    divergence,
    join,
    known_share,
    self_bleu,
    word_lengths,
    words,
)

TEXTS = [
    "the cat sat on the mat and looked at the dog in the fog",
    "the dog sat in the fog and the cat looked at the mat",
    "a cat and a dog sat on the mat in the fog all day",
]


def test_words_are_letters_with_apostrophes_and_hyphens_within():
    assert words("Don't stop -- the ex-king's 3 dogs, naïve!") == [
        "don't", "stop", "the", "ex-king's", "dogs", "naïve",
    ]  # fmt: skip


def test_distinct_counts_different_n_grams():
    assert distinct("a b a b".split(), 1) == 0.5
    assert distinct("a b a b".split(), 2) == pytest.approx(2 / 3)
    assert math.isnan(distinct(["a"], 2))


def test_known_words():
    assert known_share(["a", "b", "a", "c"], {"a"}) == 0.5
    assert math.isnan(known_share([], {"a"}))


def test_divergence_is_0_for_the_same_and_1_for_strangers():
    assert divergence(character_counts("abba"), character_counts("baab" * 3)) == 0
    assert divergence(character_counts("aa"), character_counts("bb")) == pytest.approx(1)
    # p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4)
    want = 0.5 * math.log2(4 / 3) + 0.25 * math.log2(2 / 3) + 0.25 * math.log2(2)
    assert divergence({"a": 3}, {"a": 1, "b": 1}) == pytest.approx(want)
    assert divergence(word_lengths(["a", "bb"]), word_lengths(["cc", "d"])) == 0
    assert math.isnan(divergence({}, {"a": 1}))


@pytest.mark.parametrize(
    ("text", "kind", "marks", "matched"),
    [
        ("f(a[1]) ) (", "()", 4, 2),
        ("f(a[1]) ) (", "[]", 2, 2),
        ("“Yes,” he said. “No.", "“”", 3, 2),
        ("„Ja“, sagte er.", "„“", 2, 2),
        ('"Yes," he said. "No.\n\n"Oh!"', '""', 5, 4),
        ("<a href='x'><b>c</a></b><br/>", "<tag>", 4, 2),
        ("<a><b>c</b></a></a>", "<tag>", 5, 4),
        (r"\begin{x}\begin{y}\end{y}\end{z}", "\\begin", 4, 2),
    ],
)
def test_balance(text, kind, marks, matched):
    assert balance(text)[kind] == Balance(marks, matched)


def test_what_a_text_has_not_is_not_balanced():
    assert balance("no marks at all") == {}
    assert join([balance("(a)"), balance("(b"), {}]) == {"()": Balance(3, 2)}


def test_bleu_is_sacrebleus_own():
    sacrebleu = pytest.importorskip("sacrebleu")
    want = sacrebleu.corpus_bleu(TEXTS[:2], [[TEXTS[2]] * 2, [TEXTS[0]] * 2]).score
    assert bleu(TEXTS[:2], [TEXTS[2], TEXTS[0]]) == want
    want = sacrebleu.corpus_bleu(TEXTS, [[*TEXTS[1:], TEXTS[0]], [TEXTS[2], *TEXTS[:2]]]).score
    assert self_bleu(TEXTS) == want
    assert bleu([TEXTS[0]], [TEXTS[0]]) == pytest.approx(100)
    assert self_bleu([TEXTS[0]] * 3) == pytest.approx(100)


def test_bleu_needs_something_to_compare():
    pytest.importorskip("sacrebleu")
    with pytest.raises(ConfigError):
        self_bleu(TEXTS[:1])
