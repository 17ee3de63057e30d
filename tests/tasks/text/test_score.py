"""Scores of networks whose distributions are known, and what scores must not depend on."""

from __future__ import annotations

import lzma
import math

import numpy as np
import pytest

from recurra.core.parameters import initialise
from recurra.engines import EngineOptions, make
from recurra.tasks.text.reading import read_stream
from recurra.tasks.text.score import Score, xz_size
from tests.tasks.text.toy import LETTERS, SPEC, ids, network

TEXT = ids("abba cab\n" * 30 + "deaf jihad\n" * 20)


def known_network(shares):
    """Return a network that gives every token the same distribution, whatever it has read."""
    params = initialise(SPEC, 0, np.float64)
    params["head.weight"][:] = 0
    params["head.bias"] = np.log(shares)
    return make("reference", EngineOptions(precision="float64")).build(SPEC, params)


def test_a_network_that_knows_the_frequencies_scores_their_entropy():
    counts = np.bincount(TEXT, minlength=len(LETTERS))
    shares = (counts + 1e-9) / (counts + 1e-9).sum()
    sums = read_stream(known_network(shares), TEXT, 0)
    present = counts[counts > 0] / len(TEXT)
    entropy = -(present * np.log(present)).sum()
    assert sums.nats / len(TEXT) == pytest.approx(entropy, abs=1e-6)
    assert sums.accuracy == pytest.approx(counts.max() / len(TEXT))
    assert sums.mean_posterior == pytest.approx((present**2).sum(), abs=1e-6)


@pytest.mark.parametrize("chunk", [1, 7, 64, 10_000])
def test_the_score_does_not_depend_on_the_chunks(chunk):
    net = network()
    want = read_stream(net, TEXT, 0, chunk=100)
    got = read_stream(net, TEXT, 0, chunk=chunk)
    assert got.nats == pytest.approx(want.nats, rel=1e-12)
    assert got.accuracy == pytest.approx(want.accuracy, abs=1e-12)


def test_every_token_counts_and_the_first_is_predicted_from_the_start_token():
    net = network()
    logits, _ = net.forward(np.array([[ids("\n")[0]], *TEXT[:-1, None]]), net.zero_state(1))
    log_probs = logits[:, 0] - np.log(np.exp(logits[:, 0]).sum(axis=1, keepdims=True))
    want = -log_probs[np.arange(len(TEXT)), TEXT].sum()
    assert read_stream(net, TEXT, int(ids("\n")[0])).nats == pytest.approx(want, rel=1e-12)


def test_progress_counts_up_to_the_end():
    seen = []
    read_stream(network(), TEXT[:100], 0, chunk=30, progress=lambda *at: seen.append(at))
    assert seen == [(30, 100), (60, 100), (90, 100), (100, 100)]


def test_the_measures_follow_from_the_sum_of_nats():
    score = Score(
        tokens=100, characters=400, words=80, unit="word", nats=100 * math.log(8), accuracy=0.5,
        mean_posterior=0.4, vocabulary_size=16, xz_bytes=150,
    )  # fmt: skip
    assert score.perplexity == pytest.approx(8)
    assert score.bits_per_char == pytest.approx(3 * 100 / 400)
    assert score.nats_per_word == pytest.approx(100 * math.log(8) / 80)
    assert score.uniform_bits_per_char == pytest.approx(1.0)
    assert score.xz_bits_per_char == pytest.approx(3.0)
    assert "carried from the first" in score.facts()["method"]


def test_xz_is_what_xz_does():
    data = "naïve café\n".encode() * 50_000
    assert xz_size(data) == len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
