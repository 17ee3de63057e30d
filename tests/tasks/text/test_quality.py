"""Details of a score: parts that add up to it, and the same text read in other ways."""

from __future__ import annotations

import math

import numpy as np
import pytest

import recurra
from recurra.insight.dynamic import DynamicOptions
from recurra.tasks.text.quality import KINDS, as_codes, by_kind, by_position, kinds_of
from recurra.tasks.text.reading import read_stream
from recurra.tasks.text.vocabulary import ByteVocabulary, CharacterVocabulary
from tests.tasks.text.toy import LETTERS, ids, network

TEXT = "the cat sat on the mat,\nthe dog (1) lay in the fog.\n\n" * 60


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality")
    (folder / "poem.txt").write_text(TEXT)
    return recurra.train(
        folder / "poem.txt", run=folder / "run", steps=20, engine="reference", sizes=[16],
        embedding=0, batch_size=8, window=32, learning_rate=2e-2, dropout=0.2,
    )  # fmt: skip


def test_kinds_of_characters():
    vocabulary = CharacterVocabulary("\n Abcé1.,€")
    names = [KINDS[k] for k in kinds_of(vocabulary, vocabulary.encode("Abé. 1€\nb"))]
    assert names == [
        "letter that begins a word", "letter within a word", "letter within a word",
        "punctuation", "space", "digit", "punctuation", "line end", "letter that begins a word",
    ]  # fmt: skip
    raw = ByteVocabulary()
    assert KINDS[kinds_of(raw, raw.encode("aé"))[0]] == "letter that begins a word"


def test_the_kinds_add_up_to_the_whole():
    vocabulary = CharacterVocabulary(LETTERS)
    tokens = vocabulary.encode("abba cab\n" * 40)
    nats = np.random.default_rng(0).uniform(size=len(tokens))
    parts = by_kind(vocabulary, tokens, nats)
    assert sum(part.tokens for part in parts) == len(tokens)
    assert sum(part.tokens * part.nats for part in parts) == pytest.approx(nats.sum())


def test_positions_are_counted_from_the_state_zero():
    net, text = network(), ids("abba cab deaf jihad\n" * 20)
    starts = np.array([0, 57, len(text) - 3, len(text) - 1])
    parts = by_position(net, text, starts, longest=15)
    assert [part.name for part in parts] == ["1", "2-3", "4-7", "8-15"]
    # The third start has two tokens after it, and the last none.
    assert [part.tokens for part in parts] == [3, 5, 8, 16]
    want = 0.0
    for start in starts[:3]:
        logits, _ = net.forward(text[start : start + 1, None], net.zero_state(1))
        shares = np.exp(logits[0, 0]) / np.exp(logits[0, 0]).sum()
        want -= math.log(shares[text[start + 1]]) / 3
    assert parts[0].nats == pytest.approx(want)
    assert by_position(net, text[:1]) == ()


@pytest.mark.parametrize("chunk", [64, 700, 5000])
def test_streams_side_by_side_are_one_stream_to_a_network_that_forgets(chunk):
    net, text = network(), ids("abba cab deaf jihad\n" * 401)[:8001]
    want = read_stream(net, text, 0)
    for streams in (2, 3, 4):
        got = read_stream(net, text, 0, streams=streams, chunk=chunk)
        np.testing.assert_allclose(got.token_nats, want.token_nats, rtol=1e-6)
        assert (got.right == want.right).mean() > 0.999
        assert got.token_nats.shape == text.shape


def test_numbers_are_common_to_all_texts():
    (first, second), size = as_codes(["abz", "zé"])
    assert size == 4
    assert first.tolist() == [0, 1, 2]
    assert second.tolist() == [2, 3]


def test_a_score_holds_its_details(model):
    passage = model.passage()
    found = model.score(passage, detail=True, dynamic=DynamicOptions())
    low, high = found.interval
    assert low <= found.bits_per_char <= high
    detail = found.detail
    assert sum(part.tokens for part in detail.kinds) == found.tokens
    # The text repeats itself, so counting knows it by heart.
    assert 0 < detail.kneser_ney_bits < 0.3
    assert detail.notes == ()
    facts = found.facts()
    assert facts["kneser_ney_bits_per_char"] == detail.kneser_ney_bits
    assert facts["calibration"]["expected_error"] == found.calibration.error
    assert facts["dynamic_bits_per_char"] == pytest.approx(found.bits_per_char, rel=0.5)


def test_dynamic_evaluation_leaves_the_model_as_it_was(model):
    before = {name: array.copy() for name, array in model.network("train").weights().items()}
    found = model.score(TEXT[:500], dynamic=DynamicOptions(dynamic_rate=1e-3))
    assert found.detail.dynamic_moved > 0
    assert found.detail.dynamic_bits < found.bits_per_char
    for name, array in model.network("train").weights().items():
        np.testing.assert_array_equal(array, before[name])


def test_without_its_text_a_model_has_no_baseline_and_says_so(model):
    document = {**model.document, "provenance": {}}
    alone = recurra.Model(model.weights, document)
    detail = alone.score(TEXT[:500], detail=True).detail
    assert detail.kneser_ney_bits is None
    assert "not found" in detail.notes[0]
