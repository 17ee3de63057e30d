"""Dynamic evaluation: it scores before it learns, and learns what it reads."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import NumericError
from recurra.engines.base import Batch
from recurra.insight.dynamic import DynamicOptions, evaluate_dynamically, squared_gradients
from recurra.tasks.text.reading import read_stream
from tests.tasks.text.toy import ids, network

TEXT = ids("abba cab\n" * 60)


def test_without_steps_it_is_the_plain_score():
    still = DynamicOptions(dynamic_plain_rate=0, dynamic_decay=0, dynamic_window=7)
    found = evaluate_dynamically(network(), TEXT, 0, still)
    np.testing.assert_allclose(found.nats, read_stream(network(), TEXT, 0).token_nats, rtol=1e-9)
    assert found.moved == 0


def test_the_first_window_is_scored_before_anything_is_learned():
    options = DynamicOptions(dynamic_plain_rate=0.5, dynamic_window=16)
    found = evaluate_dynamically(network(), TEXT, 0, options)
    plain = read_stream(network(), TEXT, 0).token_nats
    np.testing.assert_allclose(found.nats[:16], plain[:16], rtol=1e-9)
    assert found.nats[-200:].mean() < 0.8 * plain[-200:].mean()
    assert found.moved > 0


def test_steps_are_scaled_by_the_training_texts_gradients():
    windows = [Batch(TEXT[s : s + 8, None], TEXT[s + 1 : s + 9, None]) for s in range(0, 160, 8)]
    squares = squared_gradients(network(), windows)
    _, one = network().gradients(windows[0], network().zero_state(1))
    single = squared_gradients(network(), windows[:1])
    for name, gradient in one.params.items():
        np.testing.assert_allclose(single[name], gradient**2)
    options = DynamicOptions(dynamic_rate=3e-3, dynamic_window=8)
    found = evaluate_dynamically(network(), TEXT, 0, options, squares=squares)
    plain = read_stream(network(), TEXT, 0).token_nats
    assert found.nats[-200:].mean() < 0.8 * plain[-200:].mean()


def test_a_full_pull_keeps_the_weights_where_they_were():
    options = DynamicOptions(dynamic_plain_rate=0.5, dynamic_decay=1)
    found = evaluate_dynamically(network(), TEXT, 0, options)
    assert found.moved == pytest.approx(0, abs=1e-12)


def test_steps_that_go_astray_are_told():
    options = DynamicOptions(dynamic_rate=1e300)
    squares = {name: np.zeros_like(a) for name, a in network().weights().items()}
    with np.errstate(all="ignore"), pytest.raises(NumericError, match="smaller step"):
        evaluate_dynamically(network(), TEXT, 0, options, squares=squares)
