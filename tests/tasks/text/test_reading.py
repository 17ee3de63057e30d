"""Parts that are read side by side and joined are the text read in one go."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.parameters import initialise
from recurra.engines import EngineOptions, make
from recurra.tasks.text.reading import CHUNK, SHORTEST, read_stream
from tests.tasks.text.toy import SPEC, ids, network

TEXT = ids("abba cab deaf jihad\n" * 840)


def network_that_never_forgets():
    """Return a network whose forget gates are open and whose first tokens mark it for good."""
    params = initialise(SPEC, 0, np.float64)
    units = SPEC.stack.sizes[0]
    for name, array in params.items():
        if name.startswith("bias_ih"):
            array[units : 2 * units] = 40.0
        elif name.startswith("weight"):
            array *= 0.02
    params["head.weight"] *= 50
    return make("reference", EngineOptions(precision="float64")).build(SPEC, params)


@pytest.mark.parametrize("streams", [2, 5])
def test_a_network_that_forgets_is_read_again_for_a_chunk_or_two(streams):
    net = network()
    want = read_stream(net, TEXT, 0, streams=1)
    got = read_stream(net, TEXT, 0, streams=streams)
    assert (got.parts, want.parts, want.again) == (streams, 1, 0)
    assert 0 < got.again <= 2 * CHUNK * (streams - 1)
    np.testing.assert_allclose(got.token_nats, want.token_nats, atol=1e-4)
    np.testing.assert_allclose(got.confidence, want.confidence, atol=1e-4)


def test_a_network_that_never_forgets_is_read_again_as_a_whole_and_scores_the_same():
    net, text = network_that_never_forgets(), TEXT[:6000]
    want = read_stream(net, text, 0, streams=1)
    got = read_stream(net, text, 0, streams=4)
    assert got.again >= 3 * 1500
    np.testing.assert_allclose(got.token_nats, want.token_nats, rtol=1e-9)


def test_what_is_read_again_grows_with_the_text_and_not_with_the_parts():
    again = [read_stream(network_that_never_forgets(), TEXT[:4000], 0, streams=n).again
             for n in (4, 16, 64)]  # fmt: skip
    assert max(again) <= 3 * 4000


def test_a_short_text_is_read_in_one_go_and_a_long_one_in_parts():
    net = network()
    assert read_stream(net, TEXT[: SHORTEST - 1], 0).parts == 1
    assert read_stream(net, TEXT[: 2 * SHORTEST], 0).parts == 2
    assert read_stream(net, TEXT[:3], 0, streams=8).parts == 3
    assert len(read_stream(net, TEXT[:0], 0).token_nats) == 0
