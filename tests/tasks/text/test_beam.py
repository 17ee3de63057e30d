"""Beam search against greedy choice and against trying every continuation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from recurra.core.sampling import SamplingOptions, log_softmax
from recurra.tasks.text.beam import beam_search
from recurra.tasks.text.generate import generate_texts
from tests.tasks.text.toy import LETTERS, ToyVocabulary, ids, network

GREEDY = SamplingOptions(temperature=0)


def total(net, prime, path):
    """Return the log-probability of a path after a prime, read in one go."""
    read = np.concatenate([ids(prime), path])
    logits, _ = net.forward(read[:-1, None], net.zero_state(1))
    log_probs = log_softmax(logits[:, 0])
    first = len(prime) - 1
    return sum(log_probs[first + n, token] for n, token in enumerate(path))


@pytest.mark.parametrize("stop", [(), ("e",), ("\n", "ab")])
def test_width_one_is_greedy_choice(stop):
    net = network()
    (greedy,) = generate_texts(
        net, ToyVocabulary(), [ids("abc")], GREEDY, length=40, seed=0, stop=stop
    )
    (found,) = beam_search(net, ToyVocabulary(), ids("abc"), width=1, length=40, stop=stop)
    assert found.tokens == greedy.tokens
    assert found.text == greedy.text
    np.testing.assert_allclose(found.log_probs, greedy.log_probs, rtol=0, atol=1e-9)


def test_a_beam_as_wide_as_the_tree_finds_the_likeliest_text():
    net = network(seed=4)
    tokens = range(len(LETTERS))
    every = {path: total(net, "ba", path) for path in itertools.product(tokens, repeat=2)}
    best = sorted(every, key=lambda path: -every[path])[:5]
    found = beam_search(net, ToyVocabulary(), ids("ba"), width=len(LETTERS) ** 2, length=2)
    assert [tuple(one.tokens) for one in found[:5]] == best
    assert found[0].score == pytest.approx(every[best[0]] / 2, abs=1e-9)


def test_hypotheses_come_best_first_with_their_own_probabilities():
    net = network()
    found = beam_search(net, ToyVocabulary(), ids("abc"), width=4, length=12)
    assert len(found) == 4
    assert len({one.text for one in found}) == 4
    for one in found:
        assert sum(one.log_probs) == pytest.approx(total(net, "abc", one.tokens), abs=1e-8)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)


def test_the_stop_text_is_left_out_of_every_hypothesis():
    found = beam_search(network(), ToyVocabulary(), ids("a"), width=5, length=30, stop=["e", " "])
    assert found
    assert all("e" not in one.text and " " not in one.text for one in found)
