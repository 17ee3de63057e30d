"""The same model, seed and options give the same tokens on every engine."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.sampling import SamplingOptions
from tests.cases import VARIANTS, VOCABULARY, make_spec, random_params, random_state

RULES = {
    "plain": SamplingOptions(),
    "cool": SamplingOptions(temperature=0.5),
    "greedy": SamplingOptions(temperature=0),
    "top_k": SamplingOptions(top_k=3),
    "nucleus": SamplingOptions(top_p=0.7),
    "min_p": SamplingOptions(min_p=0.3),
    "all": SamplingOptions(temperature=1.5, top_k=5, top_p=0.9, min_p=0.05, resample=True),
}


def generate_both(pair, close, spec, rng, sampling, *, count=24, width=3):
    ours, theirs = pair(spec, random_params(spec, rng))
    arrays = random_state(spec, rng, width)
    tokens = rng.integers(0, VOCABULARY, width)
    got = ours.generate(tokens, ours.import_state(arrays), count, sampling, seed=5)
    want = theirs.generate(tokens, theirs.import_state(arrays), count, sampling, seed=5)
    np.testing.assert_array_equal(got.tokens, want.tokens)
    close(got.log_probs, want.log_probs)
    close(ours.export_state(got.state), theirs.export_state(want.state))


@pytest.mark.parametrize("rule", RULES)
def test_every_sampling_rule(pair, close, rng, rule):
    generate_both(pair, close, make_spec(sizes=(4, 4)), rng, RULES[rule])


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_cell(pair, close, rng, variant):
    spec = make_spec(VARIANTS[variant], sizes=(4, 3), reads="one_hot", residual=True)
    generate_both(pair, close, spec, rng, SamplingOptions())


def test_generation_follows_the_weights_as_they_learn(pair, rng):
    spec = make_spec(sizes=(4,))
    params = random_params(spec, rng)
    ours, theirs = pair(spec, params)
    start = np.array([1, 2])
    for network in (ours, theirs):
        network.generate(start, network.zero_state(2), 3, SamplingOptions(), seed=0)
    other = random_params(spec, rng)
    ours.load_weights(other)
    theirs.load_weights(other)
    got = ours.generate(start, ours.zero_state(2), 20, SamplingOptions(), seed=0)
    want = theirs.generate(start, theirs.zero_state(2), 20, SamplingOptions(), seed=0)
    np.testing.assert_array_equal(got.tokens, want.tokens)


@pytest.mark.parametrize("rule", RULES)
def test_sampling_as_tensors_chooses_as_numpy_does(rule, rng):
    import torch

    from recurra.core import sampling
    from recurra.engines.torch.draw import choose

    options = RULES[rule]
    log_probs = sampling.log_softmax(rng.normal(size=(200, 11)).round(1))
    uniforms = rng.random((200, 2))
    want = sampling.distribution(log_probs, options)
    want = (
        want.argmax(axis=-1)
        if options.greedy
        else sampling.choose(want, uniforms, resample=options.resample)
    )
    drawn = None if options.greedy else torch.from_numpy(uniforms)
    got = choose(torch.from_numpy(log_probs), drawn, options)
    np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("engine", ["torch"], indirect=True)  # it looks inside
def test_both_ways_of_drawing_on_a_device_agree_with_the_reference(pair, close, rng):
    import torch

    from recurra.core.sampling import sampling_uniforms
    from recurra.engines.torch.draw import draw_on_device, draw_on_host

    spec = make_spec(sizes=(4, 4))
    ours, theirs = pair(spec, random_params(spec, rng))
    options = RULES["all"]
    want = theirs.generate(np.array([1, 2, 3]), theirs.zero_state(3), 20, options, seed=2, start=40)
    uniforms = sampling_uniforms(2, np.arange(3), 40, 20)
    for draw in (draw_on_device, draw_on_host):
        with torch.no_grad():
            tokens, log_probs, state = draw(
                ours._read,
                ours._place(np.array([1, 2, 3])),
                ours.zero_state(3),
                uniforms,
                20,
                options,
            )
        np.testing.assert_array_equal(tokens, want.tokens)
        close(log_probs, want.log_probs)
        close(ours.export_state(state), theirs.export_state(want.state))
