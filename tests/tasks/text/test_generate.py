"""Generation: chunks, lanes, stop texts, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.core.sampling import SamplingOptions
from recurra.engines import EngineOptions, make
from recurra.learning.priming import read_prime
from recurra.tasks.text.generate import Lane, generate, generate_texts
from tests.tasks.text.toy import LETTERS, LaggingDecoder, ToyDecoder, ToyVocabulary, ids, network

SAMPLING = SamplingOptions()


def one(net, prime="a", *, sampling=SAMPLING, **options):
    pieces = generate(net, ToyVocabulary(), [ids(prime)], sampling, **options)
    return "".join(group[0].text for group in pieces)


@pytest.mark.parametrize("chunk", [1, 3, 7, 200])
def test_a_text_does_not_depend_on_the_chunks_it_is_drawn_in(chunk):
    net = network()
    want = one(net, length=100, seed=5, chunk=64)
    assert len(want) == 100
    assert one(net, length=100, seed=5, chunk=chunk) == want


def test_a_text_does_not_depend_on_what_is_generated_beside_it():
    net = network()
    primes = [ids("abc"), ids("j"), ids("abc"), ids("fade\n")]
    together = generate_texts(net, ToyVocabulary(), primes, SAMPLING, length=60, seed=9)
    for n, prime in enumerate(primes):
        pieces = generate(net, ToyVocabulary(), [prime], SAMPLING, length=60, seed=9, lanes=[n])
        alone = "".join(group[0].text for group in pieces)
        assert together[n].text == alone
    assert together[0].text != together[2].text


def test_samples_are_the_same_in_one_group_and_in_several(monkeypatch):
    net = network()
    primes = [ids("a")] * 10
    want = generate_texts(net, ToyVocabulary(), primes, SAMPLING, length=20, seed=2)
    monkeypatch.setattr("recurra.tasks.text.generate.LANES", 4)
    got = generate_texts(net, ToyVocabulary(), primes, SAMPLING, length=20, seed=2)
    assert [piece.text for piece in got] == [piece.text for piece in want]
    assert [piece.sample for piece in got] == list(range(10))


def test_the_prime_is_read_and_the_seed_counts():
    net = network()
    assert one(net, "ab", length=50, seed=1) == one(net, "ab", length=50, seed=1)
    assert one(net, "ab", length=50, seed=1) != one(net, "ab", length=50, seed=2)
    assert one(net, "ab", length=50, seed=1) != one(net, "cb", length=50, seed=1)


def test_a_long_prime_is_read_in_parts_as_if_in_one(monkeypatch):
    net = network()
    prime = ids("abcdefghij" * 5)
    whole = net.export_state(read_prime(net, prime)[1])
    monkeypatch.setattr("recurra.learning.priming.READ", 7)
    parts = net.export_state(read_prime(net, prime)[1])
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, rtol=0, atol=1e-12)


def test_the_engines_write_the_same_text():
    if reason := make("torch", EngineOptions()).available():
        pytest.skip(reason)
    sampling = SamplingOptions(temperature=0.8, top_p=0.95)
    texts = [
        one(network(engine), "abc", sampling=sampling, length=150, seed=3)
        for engine in ("reference", "torch")
    ]
    assert texts[0] == texts[1]


def test_without_a_length_text_comes_until_nobody_asks():
    pieces = generate(network(), ToyVocabulary(), [ids("a")], SAMPLING, length=0, seed=1, chunk=8)
    taken = [next(pieces)[0] for _ in range(20)]
    assert not any(piece.ended for piece in taken)
    assert [len(piece.tokens) for piece in taken[:6]] == [1, 2, 4, 8, 8, 8]


def test_alternatives_name_the_likeliest_tokens_at_each_place():
    net = network()
    (piece,) = generate_texts(
        net, ToyVocabulary(), [ids("ab")], SamplingOptions(temperature=0), length=30, seed=0,
        alternatives=3,
    )  # fmt: skip
    assert len(piece.alternatives) == len(piece.tokens) == 30
    for token, log_prob, likely in zip(
        piece.tokens, piece.log_probs, piece.alternatives, strict=True
    ):
        assert len(likely) == 3
        assert likely[0][0] == token  # greedy takes the likeliest
        assert likely[0][1] == pytest.approx(np.exp(log_prob), abs=1e-9)
        assert likely[0][1] >= likely[1][1] >= likely[2][1]


@given(
    text=st.text("ab", max_size=30),
    stops=st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3),
)
@settings(deadline=None)
def test_a_lane_ends_at_the_first_stop_text_and_holds_back_no_more_than_it_must(text, stops):
    alphabet = {"a": LETTERS.index("a"), "b": LETTERS.index("b")}
    lane = Lane(ToyDecoder(), stops)
    shown = ""
    for n, letter in enumerate(text):
        shown += lane.feed(alphabet[letter])
        if lane.ended:
            break
        # All that cannot begin a stop text is shown at once.
        assert len(text[: n + 1]) - len(shown) < max(map(len, stops))
    shown += lane.finish()
    # The stop text that is complete first ends the sample; of two complete at once, the longer.
    ends = [end for end in range(1, len(text) + 1) if any(map(text[:end].endswith, stops))]
    want = text
    if ends:
        done = text[: ends[0]]
        want = done[: -max(len(stop) for stop in stops if done.endswith(stop))]
    assert shown == want


def test_a_decoder_that_lags_loses_nothing():
    lane = Lane(LaggingDecoder(), ["cd"])
    assert "".join(lane.feed(token) for token in ids("abdc")) + lane.finish() == "abdc"
    lane = Lane(LaggingDecoder(), ["dc"])
    assert "".join(lane.feed(token) for token in ids("abdc")) + lane.finish() == "ab"


def test_a_stop_text_ends_one_sample_while_others_go_on():
    net = network()
    free = generate_texts(net, ToyVocabulary(), [ids("a")] * 6, SAMPLING, length=80, seed=4)
    stop = free[0].text[20:22]
    stopped = generate_texts(
        net, ToyVocabulary(), [ids("a")] * 6, SAMPLING, length=80, seed=4, stop=[stop]
    )
    for with_stop, without in zip(stopped, free, strict=True):
        assert with_stop.text == without.text.partition(stop)[0]
        assert stop not in with_stop.text
        assert with_stop.ended
