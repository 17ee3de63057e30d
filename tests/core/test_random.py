"""The counter-based generator: published vectors, order independence, exact rates."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core import random

MASK = 2**64 - 1


def philox4x64(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x64-10 in exact integers, written from Salmon et al. 2011, section 3.3."""
    for turn in range(10):
        if turn:
            key = [(key[0] + 0x9E3779B97F4A7C15) & MASK, (key[1] + 0xBB67AE8584CAA73B) & MASK]
        first = counter[0] * 0xD2E7470EE14C6C93
        second = counter[2] * 0xCA5A826395121157
        counter = [
            (second >> 64) ^ counter[1] ^ key[0],
            second & MASK,
            (first >> 64) ^ counter[3] ^ key[1],
            first & MASK,
        ]
    return counter


def test_published_vectors():
    """Known answers from the Random123 distribution's test vectors for philox4x64-10."""
    assert philox4x64([0] * 4, [0] * 2) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]
    assert philox4x64([MASK] * 4, [MASK] * 2) == [
        0x87B092C3013FE90B,
        0x438C3C67BE8D0224,
        0x9CC7D7C69CD777B6,
        0xA09CAEBF594F0BA0,
    ]


@pytest.mark.parametrize(("index", "lane"), [(0, 0), (5, 3), (2**40, 2**33), (MASK, 0)])
def test_words_are_the_published_function_of_the_next_counter(index, lane):
    carried = index + 1
    counter = [carried & MASK, (lane + (carried >> 64)) & MASK, 0, 0]
    wanted = philox4x64(counter, [11, random.SAMPLE])
    got = random.words(11, random.SAMPLE, 4, index=index, lane=lane)
    assert got.tolist() == wanted


def test_blocks_can_be_drawn_out_of_order():
    together = random.words(7, random.SHUFFLE, 40, index=3)
    apart = [random.words(7, random.SHUFFLE, 4, index=3 + n) for n in range(10)]
    np.testing.assert_array_equal(np.concatenate(apart), together)


def test_negative_seeds_are_seeds_too():
    assert random.words(-1, 1, 4).tolist() == random.words(MASK, 1, 4).tolist()


def test_uniforms_fill_the_unit_interval():
    draws = random.uniforms(1, random.SAMPLE, 20_000)
    assert 0 <= draws.min() < 1e-3
    assert 1 - 1e-3 < draws.max() < 1
    counts, _ = np.histogram(draws, bins=10, range=(0, 1))
    assert np.abs(counts - 2000).max() < 200  # five standard deviations


def test_normals_have_mean_zero_and_deviation_one():
    draws = random.normals(1, random.INITIALISE, 20_000)
    assert abs(draws.mean()) < 0.03
    assert abs(draws.std() - 1) < 0.03


def test_permutation_holds_every_number_once_and_depends_on_the_lane():
    one, two = (random.permutation(1, random.SHUFFLE, 500, lane=lane) for lane in (1, 2))
    assert sorted(one) == list(range(500))
    assert (one != two).any()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    mask = random.dropout_mask((100, 201), rate, 1, random.DROPOUT, index=0, lane=0)
    assert mask.shape == (100, 201)
    assert mask.dtype == np.float32
    assert abs((mask == 0).mean() - rate) < 0.02
    assert abs(mask.mean() - 1) < 0.1
    other = random.dropout_mask((100, 201), rate, 1, random.DROPOUT, index=0, lane=1)
    assert (mask != other).any()
