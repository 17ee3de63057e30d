"""Arithmetic coding: what comes out is what went in, at the length that the odds promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.core.errors import FormatError
from recurra.insight.arithmetic import TOTAL, AdaptiveByte, Reader, Writer, cumulated


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=20),
       st.integers(0, 5))  # fmt: skip
def test_every_symbol_gets_a_share_and_the_shares_add_up(rows, escape):
    probs = np.array(rows) + 1e-9
    probs /= probs.sum(axis=1, keepdims=True)
    sums = cumulated(probs, escape)
    assert sums.shape == (len(rows), 4 + bool(escape))
    assert (np.diff(sums, axis=1) > 0).all()
    assert (sums[:, 0] == 0).all()
    assert (sums[:, -1] == TOTAL).all()
    np.testing.assert_allclose(np.diff(sums[:, :4], axis=1) / TOTAL, probs, atol=1e-5)


def test_certainty_is_no_trouble():
    sums = cumulated(np.array([[1.0, 0.0, 0.0]]))
    assert np.diff(sums[0]).tolist() == [TOTAL - 2, 1, 1]


@settings(deadline=None)
@given(st.data())
def test_symbols_come_back(data):
    size = data.draw(st.integers(1, 40))
    seed = data.draw(st.integers(0, 2**32 - 1))
    count = data.draw(st.integers(0, 300))
    sharpness = data.draw(st.sampled_from([0.01, 0.3, 5.0]))
    rng = np.random.default_rng(seed)
    sums = cumulated(rng.dirichlet(np.full(size, sharpness), size=max(1, count)) + 1e-300)
    # Half of the symbols are unlikely ones, which make long carries and tiny ranges.
    symbols = rng.integers(0, size, count)
    symbols[::2] = np.diff(sums, axis=1)[: len(symbols)].argmax(axis=1)[::2]
    writer, learned = Writer(), AdaptiveByte()
    for row, symbol in zip(sums, symbols.tolist()):
        writer.put(int(row[symbol]), int(row[symbol + 1]))
        if symbol % 5 == 0:
            learned.write(writer, symbol)
    source, learned = Reader(writer.finish()), AdaptiveByte()
    for row, symbol in zip(sums, symbols.tolist()):
        found = int(row.searchsorted(source.value(), side="right")) - 1
        assert found == symbol
        source.take(int(row[found]), int(row[found + 1]))
        if symbol % 5 == 0:
            assert learned.read(source) == symbol


def test_carries_run_through_bytes_that_are_full():
    """The last symbol of a row of near certainties lifts the low end past many 0xFF."""
    for length in range(1, 60):
        writer = Writer()
        for _ in range(length):
            writer.put(TOTAL - 1, TOTAL)
        writer.put(0, 1)
        writer.put(1, TOTAL)
        source = Reader(writer.finish())
        for _ in range(length):
            assert source.value() == TOTAL - 1
            source.take(TOTAL - 1, TOTAL)
        assert source.value() == 0
        source.take(0, 1)
        assert source.value() >= 1


def test_the_length_is_what_the_odds_promise():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.full(30, 0.2), size=20_000)
    sums = cumulated(probs)
    writer, bits = Writer(), 0.0
    for row, odds in zip(sums, probs):
        symbol = int(rng.choice(30, p=odds))
        writer.put(int(row[symbol]), int(row[symbol + 1]))
        bits -= np.log2(odds[symbol])
    assert 8 * len(writer.finish()) - bits < 0.002 * len(probs) + 32


def test_a_byte_that_comes_often_gets_cheap():
    writer, learned = Writer(), AdaptiveByte()
    for _ in range(2000):
        learned.write(writer, 7)
    assert len(writer.finish()) < 60


def test_what_no_writer_wrote_is_refused():
    with pytest.raises(FormatError):
        Reader(b"\xff" * 8).value()
