"""The likelihood of music, beside a case worked by hand and a reader of its own."""

import math

import numpy as np
import pytest

from recurra.core.errors import ConfigError
from recurra.tasks.music.vocabulary import AbcVocabulary, PolyphonyVocabulary
from tests.tasks.music.toy import chord_piece, model_of

WORDS = PolyphonyVocabulary(60, 65)  # end, step, and six pitches
PIECES = [chord_piece((60, 64), (62,)), chord_piece((65, 62, 60), (), (61,))]


def test_a_uniform_model_worked_by_hand():
    model = model_of(WORDS)
    model.weights = {name: np.zeros_like(array) for name, array in model.weights.items()}
    score = model.score(PIECES)
    # First piece: 2 notes + step, 1 note + step, end = 6 tokens. Second: 3 + 1, 1, 1 + 1, end = 8.
    assert (score.tokens, score.steps, score.pieces) == (14, 5, 2)
    assert score.nats == pytest.approx(14 * math.log(8))
    assert score.nats_per_step == pytest.approx(14 / 5 * math.log(8))
    assert score.piece_nats == pytest.approx([6 * math.log(8), 8 * math.log(8)])


def test_a_biased_model_worked_by_hand():
    model = model_of(WORDS)
    model.weights = {name: np.zeros_like(array) for name, array in model.weights.items()}
    (bias,) = [n for n, a in model.weights.items() if a.shape == (WORDS.size,)]
    wanted = np.array([0.02, 0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.03])
    model.weights[bias] = np.log(wanted).astype(model.weights[bias].dtype)
    # (60, 64), (62): E4 .05, C4 .2, step .4, D4 .1, step .4, end .02.
    hand = -sum(map(math.log, (0.05, 0.2, 0.4, 0.1, 0.4, 0.02)))
    score = model.score(PIECES[:1])
    assert score.nats == pytest.approx(hand, rel=1e-5)
    assert score.nats_per_step == pytest.approx(hand / 2, rel=1e-5)


def test_it_is_what_reading_one_token_after_the_other_gives():
    model = model_of(WORDS, sizes=(7, 5))
    network = model.network()
    total = 0.0
    for piece in PIECES:
        state, token = network.zero_state(1), 0
        for target in [*model.encode(piece).tolist(), 0]:
            logits, state = network.forward(np.array([[token]]), state)
            row = logits[0, 0].astype(np.float64)
            total -= row[target] - math.log(np.exp(row).sum())
            token = target
    assert model.score(PIECES).nats == pytest.approx(total, rel=1e-5)


def test_pieces_are_scored_alone_whatever_stands_beside_them():
    model = model_of(WORDS)
    together = model.score(PIECES * 20).piece_nats
    alone = [model.score([piece]).nats for piece in PIECES]
    np.testing.assert_allclose(together, alone * 20, rtol=1e-5)


def test_what_cannot_be_scored_is_told():
    model = model_of(AbcVocabulary(["<end>", "M:4/4", "K:C", "C2", "|]"]))
    assert model.score([chord_piece((60,))]).facts()["tokens"] == 5  # the end of the piece too
    with pytest.raises(ConfigError, match="no pieces"):
        model.score([])
    with pytest.raises(ConfigError, match="occurs in none"):
        model.score([chord_piece((61,))])
