"""Windows over a split: what is covered, in what order, and what a window depends on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.core.errors import ConfigError
from recurra.learning.windows import LastPosition, Streams


def counted(window):
    """Return the (input, target) pairs of a window that weigh anything."""
    batch = window.batch
    weights = np.ones(batch.targets.shape) if batch.weights is None else batch.weights
    return batch.inputs[weights > 0], batch.targets[weights > 0]


@given(
    size=st.integers(2, 300),
    batch=st.integers(1, 40),
    window=st.integers(1, 50),
    epoch=st.integers(0, 3),
)
@settings(deadline=None, max_examples=200)
def test_streams_learn_every_position_once_an_epoch(size, batch, window, epoch):
    streams = Streams(np.arange(size), batch=batch, window=window)
    seen = []
    for n in range(streams.count):
        inputs, targets = counted(streams[epoch * streams.count + n])
        np.testing.assert_array_equal(targets, inputs + 1)
        seen += inputs.tolist()
    assert sorted(seen) == list(range(size - 1))


def test_streams_run_on_from_window_to_window_and_start_again_with_an_epoch():
    streams = Streams(np.arange(97), batch=4, window=10)
    assert streams.count == 2  # 24 positions a stream: 10 and 14
    first, second, again = streams[0], streams[1], streams[2]
    np.testing.assert_array_equal(second.batch.inputs[0], first.batch.inputs[-1] + 1)
    assert [first.carries, second.carries, again.carries] == [False, True, False]
    np.testing.assert_array_equal(again.batch.inputs, first.batch.inputs)
    assert first.tokens + second.tokens == 96


def test_now_and_then_all_streams_start_from_the_state_zero_as_generation_does():
    streams = Streams(np.arange(10_001), batch=2, window=50)
    assert streams.count == 100
    cold = [n for n in range(200) if not streams[n].carries]
    assert cold == [0, 32, 64, 96, 100, 132, 164, 196]


def test_a_window_depends_on_its_number_alone():
    tokens = np.random.default_rng(0).integers(0, 9, 500).astype(np.uint8)
    once = Streams(tokens, batch=3, window=7)
    for n in (40, 3, 17):
        once[n]
    fresh = Streams(tokens, batch=3, window=7)
    np.testing.assert_array_equal(once[29].batch.inputs, fresh[29].batch.inputs)


@pytest.mark.parametrize("objective", ["every", "last"])
def test_only_the_windows_own_tokens_are_read_from_a_map(tmp_path, objective):
    path = tmp_path / "tokens"
    np.arange(5000, dtype="<u2").tofile(path)
    mapped = np.memmap(path, "<u2", "r")
    if objective == "every":
        window = Streams(mapped, batch=5, window=20)[3]
    else:
        window = LastPosition(mapped, batch=5, window=20, stride=3, seed=1)[3]
    assert window.batch.inputs.dtype == np.int64
    assert not isinstance(window.batch.inputs, np.memmap)
    np.testing.assert_array_equal(window.batch.targets, window.batch.inputs + 1)


def test_a_short_split_gets_fewer_streams_rather_than_tiny_windows():
    streams = Streams(np.arange(200), batch=32, window=64)
    assert streams.batch == 3
    assert streams[0].batch.inputs.shape[0] >= 64
    assert Streams(np.arange(5), batch=32, window=64)[0].batch.inputs.shape == (4, 1)


def test_a_split_of_one_token_is_refused():
    with pytest.raises(ConfigError, match="validation split has 1 tokens"):
        Streams(np.arange(1), batch=1, window=8, what="validation")


def test_resets_fall_where_the_positions_say():
    resets = np.array([5, 30, 31])
    streams = Streams(np.arange(41), batch=2, window=10, resets=resets)
    marked = []
    for n in range(streams.count):
        batch = streams[n].batch
        if batch.resets is not None:
            marked += batch.inputs[batch.resets].tolist()
    assert sorted(marked) == [5, 30, 31]
    assert Streams(np.arange(41), batch=2, window=10)[0].batch.resets is None


def test_a_limit_spreads_over_the_whole_split():
    streams = Streams(np.arange(10_001), batch=10, window=16, limit=200)
    inputs = np.concatenate([streams[n].batch.inputs.ravel() for n in range(streams.count)])
    assert len(inputs) == 200
    assert inputs.max() > 9000


@given(
    size=st.integers(8, 200),
    batch=st.integers(1, 20),
    stride=st.integers(1, 9),
    epoch=st.integers(0, 2),
)
@settings(deadline=None, max_examples=100)
def test_last_position_takes_every_window_once_an_epoch(size, batch, stride, epoch):
    windows = LastPosition(np.arange(size), batch=batch, window=7, stride=stride, seed=3)
    seen = []
    for n in range(windows.count):
        got = windows[epoch * windows.count + n]
        assert not got.carries
        inputs, targets = counted(got)
        np.testing.assert_array_equal(targets, inputs + 1)
        seen += targets.tolist()
        assert got.batch.weights[:-1].sum() == 0
    assert sorted(seen) == list(range(7, size, stride))


def test_the_order_of_windows_changes_with_epoch_and_seed_only():
    def order(seed, epoch):
        windows = LastPosition(np.arange(100), batch=10, window=5, stride=2, seed=seed)
        first = epoch * windows.count
        return [windows[first + n].batch.inputs[0].tolist() for n in range(windows.count)]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_segments_do_not_lose_windows(monkeypatch):
    monkeypatch.setattr("recurra.learning.windows.SEGMENT", 16)
    windows = LastPosition(np.arange(100), batch=7, window=5, stride=2, seed=3)
    seen = []
    for n in range(windows.count, 2 * windows.count):
        seen += counted(windows[n])[1].tolist()
    assert sorted(seen) == list(range(5, 100, 2))


def test_a_split_shorter_than_a_window_is_refused():
    with pytest.raises(ConfigError, match="needs 9") as caught:
        LastPosition(np.arange(8), batch=1, window=8, stride=1, seed=0)
    assert caught.value.field == "window"
