"""The native engine against the reference in float64: windows, learning, generation, threads."""

from __future__ import annotations

import multiprocessing
import os
import platform
import re

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError, ResourceError, ShapeError
from recurra.core.parameters import initialise
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Cell, Embedding, OneHot, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make, select
from recurra.engines.base import Batch, OptimiserOptions
from recurra.engines.native import NativeEngine
from recurra.engines.native.network import GENERATE, TRAIN
from recurra.kernel import library
from tests.cases import (
    VARIANTS,
    VOCABULARY,
    make_spec,
    random_batch,
    random_params,
    random_state,
)
from tests.engines.native_bounds import close
from tests.kernel.emulated import use

SIZES = {"one": (1,), "five": (5,), "two": (4, 4), "differing": (5, 3), "primes": (19, 17)}
BUILDS = [*library.X86_64, "arm64 emulated"]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture(params=BUILDS)
def build(request, monkeypatch) -> str:
    """Make every engine of the test run one build of the kernel."""
    if request.param not in library.X86_64:
        return use(monkeypatch).name
    monkeypatch.setenv(library.VARIABLE, request.param)
    if reason := NativeEngine(EngineOptions()).available():
        pytest.skip(reason)
    return request.param


def native(spec, params, optimiser=None, *, precision="float32", threads=1):
    options = EngineOptions(engine="native", precision=precision, threads=threads)
    return make("native", options).build(spec, params, optimiser)


def pair(spec, params, optimiser=None, **options):
    """Return the native network and the reference's, of the same weights."""
    reference = make("reference", EngineOptions(precision="float64"))
    return native(spec, params, optimiser, **options), reference.build(spec, params, optimiser)


def compare_window(spec, rng, *, time, width, threads=1, **batch):
    """Hold every result of the contract that concerns one window against the reference."""
    params = random_params(spec, rng)
    ours, theirs = pair(spec, params, threads=threads)
    window = random_batch(spec, rng, time, width, **batch)
    arrays = random_state(spec, rng, width)
    state, wanted_state = ours.import_state(arrays), theirs.import_state(arrays)

    got, after = ours.forward(window.inputs, state, window.resets)
    want, wanted_after = theirs.forward(window.inputs, wanted_state, window.resets)
    close(got, want, "values")
    close(ours.export_state(after), theirs.export_state(wanted_after), "values")

    report, picked, after = ours.evaluate(window, state)
    wanted_report, wanted_picked, _ = theirs.evaluate(window, wanted_state)
    close(picked, wanted_picked, "values")
    close(ours.export_state(after), theirs.export_state(wanted_after), "values")
    compare_reports(report, wanted_report)

    report, grads = ours.gradients(window, state)
    wanted_report, wanted = theirs.gradients(window, wanted_state)
    compare_reports(report, wanted_report)
    for part in ("params", "inputs", "state"):
        close(getattr(grads, part), getattr(wanted, part), "gradients")

    doutputs = rng.normal(size=(time, width, VOCABULARY))
    grads = ours.backward(window.inputs, state, doutputs, window.resets)
    wanted = theirs.backward(window.inputs, wanted_state, doutputs, window.resets)
    for part in ("params", "inputs", "state"):
        close(getattr(grads, part), getattr(wanted, part), "gradients")

    traced = theirs.trace(window.inputs, wanted_state, window.resets)
    close(ours.trace(window.inputs, state, window.resets), traced, "values")
    close(ours.weights(), params, "values")
    close(ours.export_state(state), arrays, "values")


def compare_reports(got, want):
    for field in ("loss_nats", "accuracy", "mean_posterior", "positions"):
        close(getattr(got, field), getattr(want, field), "values")


@pytest.mark.parametrize("reads", ["one_hot", "embedding", "vector"])
@pytest.mark.parametrize("sizes", list(SIZES.values()), ids=list(SIZES))
@pytest.mark.parametrize("cell", list(VARIANTS.values()), ids=list(VARIANTS))
def test_window(cell, sizes, reads, rng):
    spec = make_spec(cell, sizes=sizes, reads=reads)
    compare_window(spec, rng, time=4, width=3)
    compare_window(spec, rng, time=9, width=7, resets=True, weights=True)
    compare_window(spec, rng, time=1, width=1)


@pytest.mark.parametrize("cell", list(VARIANTS.values()), ids=list(VARIANTS))
def test_window_on_every_build_and_with_threads(build, cell, rng):
    spec = make_spec(cell, sizes=(19, 37), reads="one_hot")
    compare_window(spec, rng, time=3, width=8, threads=2, resets=True)
    compare_window(make_spec(cell, sizes=(6, 6), tied=True, residual=True), rng, time=5, width=5)


@pytest.mark.parametrize("sizes", [(1, 40), (16, 31), (48, 33)])
@pytest.mark.parametrize("name", ["vanilla", "cifg", "peephole", "nig", "noaf", "gru"])
def test_many_sequences_in_three_parts(build, name, sizes, rng, monkeypatch):
    """What is learned from many sequences, on builds that multiply float32 in parts."""
    monkeypatch.setattr("recurra.engines.native.network.SPLIT_BATCH", 17)
    for reads, width in (("one_hot", 50), ("embedding", 17), ("vector", 37)):
        spec = make_spec(VARIANTS[name], sizes=sizes, reads=reads, residual=True)
        compare_window(spec, rng, time=3, width=width, threads=3, resets=True)


def test_three_parts_run_where_they_pay(build, rng):
    spec = make_spec(sizes=(20,))
    network = native(spec, random_params(spec, rng))
    forms = [network.form(mode, width) for mode in (TRAIN, GENERATE) for width in (31, 32)]
    wide = "split" if build == "v4-amx" else "float32"
    assert forms == ["float32", wide, "float32", "float32"]
    layered = make_spec(VARIANTS["layer_norm"], sizes=(20,))
    network = native(layered, random_params(layered, rng))
    assert network.form(TRAIN, 64) == "float32"


def test_three_parts_are_as_exact_as_one(build, rng, monkeypatch):
    """Sums of the six largest of nine products: the error is that of float32, not of bfloat16."""
    spec = make_spec(sizes=(96, 64), reads="one_hot")
    params = {name: array / 3 for name, array in random_params(spec, rng).items()}
    window = random_batch(spec, rng, 64, 40)
    for least in (10**6, 1):
        monkeypatch.setattr("recurra.engines.native.network.SPLIT_BATCH", least)
        ours, theirs = pair(spec, params)
        _, grads = ours.gradients(window, ours.zero_state(40))
        _, wanted = theirs.gradients(window, theirs.zero_state(40))
        close(grads.params, wanted.params, "unroll")


def test_whole_tiles_and_panels(build, rng):
    spec = make_spec(sizes=(128, 64), reads="embedding")
    params = {name: array / 6 for name, array in random_params(spec, rng).items()}
    ours, theirs = pair(spec, params, threads=2)
    window = random_batch(spec, rng, 7, 32)
    _, grads = ours.gradients(window, ours.zero_state(32))
    _, wanted = theirs.gradients(window, theirs.zero_state(32))
    close(grads.params, wanted.params, "values")


def test_sixty_four_steps_within_1e_5(build, rng):
    spec = make_spec(sizes=(23, 31), reads="one_hot")
    params = {name: array / 3 for name, array in random_params(spec, rng).items()}
    ours, theirs = pair(spec, params)
    window = random_batch(spec, rng, 64, 5)
    got, _ = ours.forward(window.inputs, ours.zero_state(5))
    want, _ = theirs.forward(window.inputs, theirs.zero_state(5))
    close(got, want, "unroll")
    _, grads = ours.gradients(window, ours.zero_state(5))
    _, wanted = theirs.gradients(window, theirs.zero_state(5))
    close(grads.params, wanted.params, "unroll")


@pytest.mark.parametrize("optimiser", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
@pytest.mark.parametrize("name", ["vanilla", "gru", "peephole", "layer_norm"])
def test_ten_steps(name, optimiser, rng):
    spec = make_spec(
        VARIANTS[name], sizes=(6, 6), residual=True, dropout=0.3, recurrent_dropout=0.2
    )
    options = OptimiserOptions(optimiser=optimiser, momentum=0.5, weight_decay=0.1, clip_norm=0.5)
    compare_learning(spec, options, rng)


def test_ten_steps_of_three_parts_clipped_by_value(build, rng):
    spec = make_spec(sizes=(9,), reads="one_hot", dropout=0.5)
    options = OptimiserOptions(optimiser="sgd", clip_value=0.01, clip_norm=0.02)
    compare_learning(spec, options, rng, parts=3, threads=2)


def compare_learning(spec, options, rng, *, parts=1, threads=1):
    params = random_params(spec, rng)
    ours, theirs = pair(spec, params, options, threads=threads)
    state, wanted_state = ours.zero_state(3), theirs.zero_state(3)
    for step in range(10):
        for part in range(parts):
            window = random_batch(spec, rng, 4, 3)
            how = {"learning_rate": 0.01, "step": step, "seed": 5, "part": part, "parts": parts}
            report, state = ours.train_step(window, state, **how)
            wanted, wanted_state = theirs.train_step(window, wanted_state, **how)
            close(report.read().loss_nats, wanted.read().loss_nats, "ten steps")
            close(
                np.nan_to_num(report.read().gradient_norm),
                np.nan_to_num(wanted.read().gradient_norm),
                "ten steps",
            )
    close(ours.weights(), theirs.weights(), "ten steps")
    close(ours.optimiser_state(), theirs.optimiser_state(), "ten steps")


@pytest.mark.parametrize("width", [10, 69])
def test_bits_do_not_depend_on_threads(build, width, rng):
    spec = make_spec(sizes=(33, 20), reads="one_hot", dropout=0.2, recurrent_dropout=0.2)
    params = random_params(spec, rng)
    window = random_batch(spec, rng, 11, width, resets=True)
    found = []
    for threads in (1, 2, 3, 7):
        network = native(spec, params, threads=threads)
        state = network.zero_state(width)
        for step in range(3):
            _, state = network.train_step(window, state, learning_rate=0.1, step=step, seed=2)
        found.append((network.weights(), network.export_state(state)))
    for weights, state in found[1:]:
        for name, array in found[0][0].items():
            assert np.array_equal(array, weights[name]), name
        for name, array in found[0][1].items():
            assert np.array_equal(array, state[name]), name


def test_pools_serve_jobs_of_any_number_of_sequences(rng):
    spec = make_spec(sizes=(9,), reads="one_hot")
    params = random_params(spec, rng)
    alone, together = native(spec, params), native(spec, params, threads=5)
    for width in (2, 5, 3, 1, 4, 2, 7, 3) * 25:
        window = random_batch(spec, rng, 2, width)
        want = alone.evaluate(window, alone.zero_state(width))[1]
        got = together.evaluate(window, together.zero_state(width))[1]
        assert np.array_equal(got, want)


def test_large_vocabularies_take_the_head_in_rounds(rng):
    vocabulary = 70_001
    spec = Spec(
        input=Embedding(vocabulary_size=vocabulary, size=4),
        stack=Stack(sizes=(3,)),
        head=Softmax(vocabulary_size=vocabulary),
    )
    params = random_params(spec, rng, 0.1)
    ours, theirs = pair(spec, params, threads=2)
    batch = Batch(rng.integers(0, vocabulary, (9, 30)), rng.integers(0, vocabulary, (9, 30)))
    _, grads = ours.gradients(batch, ours.zero_state(30))
    _, wanted = theirs.gradients(batch, theirs.zero_state(30))
    close(grads.params, wanted.params, "values")


@pytest.mark.parametrize("name", ["vanilla", "cifg", "peephole", "noaf", "gru"])
def test_bfloat16_learns_alike(build, name, rng):
    spec = make_spec(VARIANTS[name], sizes=(33, 17), reads="one_hot", recurrent_dropout=0.2)
    params = {n: array / 3 for n, array in random_params(spec, rng).items()}
    ours, theirs = pair(spec, params, precision="bfloat16", threads=2)
    state, wanted_state = ours.zero_state(5), theirs.zero_state(5)
    window = random_batch(spec, rng, 7, 5, resets=True)
    for step in range(5):
        how = {"learning_rate": 0.003, "step": step, "seed": 5}
        report, state = ours.train_step(window, state, **how)
        wanted, wanted_state = theirs.train_step(window, wanted_state, **how)
        close(report.read().loss_nats, wanted.read().loss_nats, "bfloat16")
    close(ours.weights(), theirs.weights(), "bfloat16")


@pytest.mark.parametrize(("vocabulary", "tied"), [(32, False), (71, False), (101, True)])
def test_bfloat16_heads_learn_alike(build, vocabulary, tied, rng):
    spec = Spec(
        input=Embedding(vocabulary_size=vocabulary, size=19),
        stack=Stack(sizes=(8, 19), residual=True),
        head=Softmax(vocabulary_size=vocabulary, tied=tied),
    )
    params = random_params(spec, rng, 0.3)
    # A gradient, not a step of Adam, which makes large steps of small errors.
    rule = OptimiserOptions(optimiser="sgd", clip_norm=0)
    inputs, targets = rng.integers(0, vocabulary, (2, 5, 7))
    weights = rng.random((5, 7)).astype(np.float32)
    weights[2] = 0.0
    window = Batch(inputs, targets, weights=weights)
    found = []
    for threads in (1, 3):
        ours, theirs = pair(spec, params, rule, precision="bfloat16", threads=threads)
        how = {"learning_rate": 1.0, "step": 0, "seed": 5}
        report, _ = ours.train_step(window, ours.zero_state(7), **how)
        wanted, _ = theirs.train_step(window, theirs.zero_state(7), **how)
        close(report.read().loss_nats, wanted.read().loss_nats, "bfloat16")
        for name, after in theirs.weights().items():
            moved, wanted_move = ours.weights()[name] - params[name], after - params[name]
            assert np.abs(moved - wanted_move).max() < 0.03 * np.abs(wanted_move).max(), name
        found.append(ours.weights())
    for name, array in found[0].items():
        assert np.array_equal(array, found[1][name]), name


@pytest.mark.parametrize(
    ("sizes", "width"), [((64, 64), 32), ((72, 48), 37), ((150,), 49), ((32, 65), 3)]
)
def test_bfloat16_of_whole_and_of_broken_tiles(build, sizes, width, rng):
    spec = Spec(
        input=Embedding(vocabulary_size=83, size=40),
        stack=Stack(sizes=sizes),
        head=Softmax(vocabulary_size=83),
    )
    params = {n: array / 4 for n, array in random_params(spec, rng).items()}
    rule = OptimiserOptions(optimiser="sgd", clip_norm=0)
    window = random_batch(spec, rng, 9, width, resets=True)
    found = []
    for threads in (1, 2, 3):
        ours, theirs = pair(spec, params, rule, precision="bfloat16", threads=threads)
        how = {"learning_rate": 1.0, "step": 0, "seed": 5}
        report, state = ours.train_step(window, ours.zero_state(width), **how)
        found.append({**ours.weights(), **ours.export_state(state)})
    wanted, _ = theirs.train_step(window, theirs.zero_state(width), **how)
    close(report.read().loss_nats, wanted.read().loss_nats, "bfloat16")
    for name, after in theirs.weights().items():
        moved, wanted_move = found[0][name] - params[name], after - params[name]
        assert np.abs(moved - wanted_move).max() < 0.03 * np.abs(wanted_move).max(), name
    for other in found[1:]:
        assert all(np.array_equal(found[0][name], array) for name, array in other.items())


def test_generation_in_bfloat16_is_close(build, rng):
    spec = make_spec(sizes=(33, 17), reads="one_hot")
    params = {n: array / 3 for n, array in random_params(spec, rng).items()}
    ours, theirs = pair(spec, params, precision="bfloat16")
    greedy, tokens = SamplingOptions(temperature=0), np.array([1, 2, 3])
    got = ours.generate(tokens, ours.zero_state(3), 1, greedy, seed=1)
    want = theirs.generate(tokens, theirs.zero_state(3), 1, greedy, seed=1)
    close(got.log_probs, want.log_probs, "bfloat16")


def in_bytes(rows):
    """Return integers and the step of each row, as the kernel quantises."""
    steps = np.abs(rows).max(axis=1, keepdims=True) / 127
    return np.rint(rows / np.where(steps > 0, steps, 1.0)), steps


def byte_product(rows, weights):
    """Return rows @ weights.T with both in 8 bits."""
    (a, a_steps), (b, b_steps) = in_bytes(rows), in_bytes(weights)
    return a @ b.T * a_steps * b_steps.T


@pytest.mark.parametrize("width", [1, 7])
def test_a_step_in_int8_is_what_numpy_makes_of_it(build, width, rng):
    spec = make_spec(sizes=(33,), reads="embedding")
    params = random_params(spec, rng)
    params["weight_hh_l0"][3] = 0.0
    network = native(spec, params, precision="int8", threads=2)
    arrays, tokens = random_state(spec, rng, width), rng.integers(0, VOCABULARY, width)
    got, after = network.forward(tokens[None], network.import_state(arrays))
    p = {name: array.astype(np.float32).astype(np.float64) for name, array in params.items()}
    h, c = (arrays[f"{name}_l0"].astype(np.float32).astype(np.float64) for name in "hc")
    sums = byte_product(p["embedding.weight"][tokens], p["weight_ih_l0"])
    sums += byte_product(h, p["weight_hh_l0"]) + p["bias_ih_l0"]
    i, f, g, o = np.split(sums, 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
    c = f * c + i * np.tanh(g)
    h = o * np.tanh(c)
    close(network.export_state(after), {"h_l0": h, "c_l0": c}, "values")
    close(got[0], byte_product(h, p["head.weight"]) + p["head.bias"], "values")


@pytest.mark.parametrize("name", ["vanilla", "cifg", "peephole", "noaf", "gru"])
def test_int8_is_close(build, name, rng):
    spec = make_spec(VARIANTS[name], sizes=(33, 33, 17), reads="embedding", residual=True)
    params = {n: array / 3 for n, array in random_params(spec, rng).items()}
    ours, theirs = pair(spec, params, precision="int8", threads=2)
    window = random_batch(spec, rng, 7, 5, resets=True)
    state, wanted_state = ours.zero_state(5), theirs.zero_state(5)
    got, after = ours.forward(window.inputs, state, window.resets)
    want, wanted_after = theirs.forward(window.inputs, wanted_state, window.resets)
    close(got, want, "int8")
    close(ours.export_state(after), theirs.export_state(wanted_after), "int8")
    report, log_probs, _ = ours.evaluate(window, state)
    wanted_report, wanted, _ = theirs.evaluate(window, wanted_state)
    close(log_probs, wanted, "int8")
    close(report.loss_nats, wanted_report.loss_nats, "int8")
    # What learns does so in float32.
    _, grads = ours.gradients(window, state)
    close(grads.params, theirs.gradients(window, wanted_state)[1].params, "gradients")


def test_what_int8_draws_is_what_it_reads(build, rng):
    spec = make_spec(sizes=(40, 65), reads="one_hot")
    network = native(spec, random_params(spec, rng), precision="int8")
    drawn = network.generate(np.array([1, 2]), network.zero_state(2), 30, SamplingOptions(), seed=3)
    inputs = np.concatenate([[[1, 2]], drawn.tokens[:-1]])
    _, log_probs, state = network.evaluate(Batch(inputs, drawn.tokens), network.zero_state(2))
    assert np.abs(log_probs - drawn.log_probs).max() < 1e-6
    close(network.export_state(drawn.state), network.export_state(state), "unroll")


def test_int8_follows_the_weights(rng):
    spec = make_spec(sizes=(9,), reads="one_hot")
    first, second = random_params(spec, rng), random_params(spec, rng)
    network, other = (native(spec, p, precision="int8") for p in (first, second))
    inputs = rng.integers(0, VOCABULARY, (3, 2))
    network.forward(inputs, network.zero_state(2))
    network.load_weights(second)
    got = network.forward(inputs, network.zero_state(2))[0]
    assert np.array_equal(got, other.forward(inputs, other.zero_state(2))[0])


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("name", ["vanilla", "gru", "peephole"])
def test_one_text_shared_among_threads_is_the_same(build, name, precision, rng):
    spec = make_spec(VARIANTS[name], sizes=(160, 160, 150), reads="embedding", residual=True)
    params = {n: array / 8 for n, array in random_params(spec, rng).items()}
    found = []
    for threads in (1, 2, 3, 16):
        network = native(spec, params, precision=precision, threads=threads)
        drawn = network.generate(
            np.array([3]), network.zero_state(1), 40, SamplingOptions(), seed=1
        )
        found.append((drawn.log_probs, network.export_state(drawn.state)["h_l2"]))
    for log_probs, state in found[1:]:
        assert np.array_equal(log_probs, found[0][0])
        assert np.array_equal(state, found[0][1])


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_threads_that_part_and_meet_again_write_the_same(build, precision, rng):
    spec = make_spec(sizes=(330,), reads="embedding")
    params = {n: array / 9 for n, array in random_params(spec, rng).items()}
    found = []
    # More than there are processors: some come late, and the others do not wait for them.
    for threads in (1, 2 * (os.cpu_count() or 1) + 1):
        network = native(spec, params, precision=precision, threads=threads)
        found.append(
            network.generate(np.array([3]), network.zero_state(1), 9000, SamplingOptions(), seed=1)
        )
    assert np.array_equal(found[1].tokens, found[0].tokens)
    assert np.array_equal(found[1].log_probs, found[0].log_probs)


SAMPLINGS = [
    SamplingOptions(),
    SamplingOptions(temperature=0),
    SamplingOptions(temperature=0.7, top_k=4, top_p=0.8),
    SamplingOptions(top_p=0.7),
    SamplingOptions(top_k=3),
    SamplingOptions(temperature=1.5, min_p=0.3, resample=True),
]


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=range(len(SAMPLINGS)))
def test_equal_seeds_draw_equal_tokens(build, sampling, width, rng):
    for name in ("vanilla", "gru", "fgr", "layer_norm"):
        spec = make_spec(VARIANTS[name], sizes=(19, 70), reads="one_hot")
        params = {n: array / 2 for n, array in random_params(spec, rng).items()}
        ours, theirs = pair(spec, params, threads=2)
        arrays, tokens = random_state(spec, rng, width), rng.integers(0, VOCABULARY, width)
        how = {"seed": -3, "start": 7, "lanes": rng.integers(0, 99, width)}
        got = ours.generate(tokens, ours.import_state(arrays), 50, sampling, **how)
        want = theirs.generate(tokens, theirs.import_state(arrays), 50, sampling, **how)
        assert np.array_equal(got.tokens, want.tokens)
        close(got.log_probs, want.log_probs, "gradients")
        close(ours.export_state(got.state), theirs.export_state(want.state), "gradients")


@pytest.mark.parametrize("sizes", [(40, 65), (33, 390)])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_a_text_depends_neither_on_its_company_nor_on_cuts(build, precision, sizes, rng):
    spec = make_spec(sizes=sizes, reads="embedding")
    params = {n: array * 6 / max(sizes) for n, array in random_params(spec, rng).items()}
    network = native(spec, params, precision=precision, threads=3)
    tokens, lanes = rng.integers(0, VOCABULARY, 8), np.arange(8)
    together = network.generate(
        tokens, network.zero_state(8), 40, SamplingOptions(), seed=1, lanes=lanes
    )
    for b in (0, 5):
        state, last, cut = network.zero_state(1), tokens[b : b + 1], []
        for start in (0, 13):
            count = 13 if start == 0 else 27
            alone = network.generate(
                last, state, count, SamplingOptions(), seed=1, start=start, lanes=lanes[b : b + 1]
            )
            state, last = alone.state, alone.tokens[-1]
            cut.append(alone.log_probs)
        assert np.array_equal(np.concatenate(cut)[:, 0], together.log_probs[:, b])


def test_long_windows_in_pieces_change_nothing(rng, monkeypatch):
    spec = make_spec(VARIANTS["everything"], sizes=(6, 5))
    network = native(spec, random_params(spec, rng))
    window = random_batch(spec, rng, 23, 3, resets=True, weights=True)
    whole = [
        network.forward(window.inputs, network.zero_state(3), window.resets)[0],
        network.evaluate(window, network.zero_state(3))[1],
        *network.trace(window.inputs, network.zero_state(3), window.resets).values(),
    ]
    report = network.evaluate(window, network.zero_state(3))[0]
    monkeypatch.setattr("recurra.engines.native.network.CHUNK_POSITIONS", 12)
    cut = [
        network.forward(window.inputs, network.zero_state(3), window.resets)[0],
        network.evaluate(window, network.zero_state(3))[1],
        *network.trace(window.inputs, network.zero_state(3), window.resets).values(),
    ]
    for one, other in zip(whole, cut, strict=True):
        assert np.array_equal(one, other)
    compare_reports(network.evaluate(window, network.zero_state(3))[0], report)


def test_optimiser_state_resumes_bit_for_bit(rng):
    spec = make_spec(sizes=(7,), reads="one_hot")
    params = random_params(spec, rng)
    windows = [random_batch(spec, rng, 4, 3) for _ in range(6)]

    def learn(network, state, steps):
        for step in steps:
            _, state = network.train_step(
                windows[step], state, learning_rate=0.05, step=step, seed=1
            )
        return state

    never_stopped = native(spec, params)
    learn(never_stopped, never_stopped.zero_state(3), range(6))
    first = native(spec, params)
    state = first.export_state(learn(first, first.zero_state(3), range(3)))
    second = native(spec, first.weights())
    second.load_optimiser_state(first.optimiser_state())
    learn(second, second.import_state(state), range(3, 6))
    for name, array in never_stopped.weights().items():
        assert np.array_equal(array, second.weights()[name]), name


def test_weights_loaded_later_are_the_ones_that_run(rng):
    spec = make_spec(sizes=(7,), reads="one_hot")
    first, second = random_params(spec, rng), random_params(spec, rng)
    network, inputs = native(spec, first), rng.integers(0, VOCABULARY, (3, 2))
    network.forward(inputs, network.zero_state(2))
    network.load_weights(second)
    got, _ = network.forward(inputs, network.zero_state(2))
    want, _ = native(spec, second).forward(inputs, network.zero_state(2))
    assert np.array_equal(got, want)


def test_it_learns_a_repeated_line(rng):
    line = np.array([1, 5, 2, 2, 6, 3, 4, 0] * 8)
    spec = make_spec(sizes=(24,), reads="one_hot")
    network = native(spec, {n: a / 3 for n, a in random_params(spec, rng).items()}, threads=2)
    batch = Batch(line[:-1, None].repeat(4, 1), line[1:, None].repeat(4, 1))
    for step in range(150):
        report, _ = network.train_step(
            batch, network.zero_state(4), learning_rate=0.02, step=step, seed=1
        )
    assert report.read().loss_nats < 0.1
    assert report.read().accuracy > 0.9


def test_auto_runs_the_kernel(rng):
    spec = make_spec(sizes=(5,), reads="one_hot")
    for purpose in ("train", "generate"):
        network = select(spec, EngineOptions(device="cpu"), purpose).build(
            spec, random_params(spec, rng)
        )
        before = network.jobs
        network.forward(rng.integers(0, VOCABULARY, (3, 2)), network.zero_state(2))
        assert network.jobs == before + 1
    network.generate(np.array([1]), network.zero_state(1), 500, SamplingOptions(), seed=1)
    assert network.jobs == before + 2


def test_a_missing_library_is_said_and_not_replaced(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    with pytest.raises(ResourceError, match="kernel was not built for this machine"):
        select(make_spec(), EngineOptions(engine="native"), "train")


def test_a_library_that_is_none_is_said(monkeypatch, tmp_path):
    for name in (*library.X86_64, "arm64"):
        (tmp_path / f"recurra-{name}.so").write_bytes(b"not a library")
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    assert "could not be loaded" in NativeEngine(EngineOptions()).available()


def test_an_unknown_build_is_refused(monkeypatch):
    monkeypatch.setenv(library.VARIABLE, "v9")
    assert "take one of v2, v3, v4, v4-bf16" in NativeEngine(EngineOptions()).available()


X86_64_ONLY = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="x86-64 has several builds"
)


@X86_64_ONLY
@pytest.mark.parametrize(
    ("offered", "products", "words"),
    [
        (15, "float32", r"float32 products \(bfloat16 is no faster on this processor\)"),
        (15 | library.AMX, "float32", "has AMX, but the system does not let programs use it"),
        (15 | library.FULL_RATE, "bfloat16", "kernel v4-bf16 .*, bfloat16 products"),
        (63, "bfloat16", "kernel v4-amx .*, bfloat16 products"),
        (3, "float32", "kernel v4 .*, float32 products$"),
    ],
)
def test_training_takes_bfloat16_only_where_it_gains(monkeypatch, offered, products, words):
    monkeypatch.delenv(library.VARIABLE, raising=False)
    monkeypatch.setattr(library, "_offered", lambda folder: offered)
    library._load.cache_clear()
    try:
        engine = NativeEngine(EngineOptions())
        spec = make_spec(sizes=(32,))
        assert re.search(words, engine.describe())
        assert engine.build(spec, initialise(spec, 0)).precisions[TRAIN] == products
        asked = NativeEngine(EngineOptions(precision="bfloat16"))
        assert asked.describe().endswith("bfloat16 products")
    finally:
        library._load.cache_clear()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_training_is_validated_in_the_precision_that_it_learns_in(precision, rng):
    spec = make_spec(sizes=(32,))
    params = {name: array / 3 for name, array in random_params(spec, rng).items()}
    window = random_batch(spec, rng, 9, 40)
    trained = native(spec, params, OptimiserOptions(), precision=precision)
    report, _, _ = trained.evaluate(window, trained.zero_state(40))
    same = native(spec, params, precision=precision)
    wanted, _, _ = same.evaluate(window, same.zero_state(40))
    assert report.loss_nats == wanted.loss_nats
    whole = native(spec, params)
    exact, _, _ = whole.evaluate(window, whole.zero_state(40))
    assert (report.loss_nats == exact.loss_nats) == (precision == "float32")
    close(report.loss_nats, exact.loss_nats, "bfloat16")


def test_what_it_does_not_compute_is_said():
    engine = NativeEngine(EngineOptions(device="cuda"))
    assert "on the CPU, not on cuda" in engine.available()
    with pytest.raises(ConfigError, match="not in float64"):
        select(make_spec(), EngineOptions(engine="native", precision="float64"), "train")
    for precision in ("bfloat16", "int8"):
        with pytest.raises(ConfigError, match="float32 only"):
            options = EngineOptions(engine="native", precision=precision)
            select(make_spec(Cell(layer_norm=True)), options, "generate")
    for other in ("torch", "reference"):
        with pytest.raises(ConfigError, match="not in int8"):
            select(make_spec(), EngineOptions(engine=other, precision="int8"), "generate")


def test_arrays_that_do_not_fit_are_refused(rng):
    spec = make_spec(reads="one_hot")
    network = native(spec, random_params(spec, rng))
    state = network.zero_state(2)
    with pytest.raises(ShapeError, match="tokens run from 0 to 7"):
        network.forward(np.array([[0, 7]]), state)
    with pytest.raises(ShapeError, match="inputs hold 3 sequences"):
        network.forward(np.zeros((1, 3), int), state)
    with pytest.raises(ShapeError, match="vocabulary"):
        network.evaluate(Batch(np.zeros((1, 2), int), np.array([[0, 9]])), state)
    with pytest.raises(ShapeError, match="doutputs"):
        network.backward(np.zeros((1, 2), int), state, np.zeros((1, 2, 3)))
    with pytest.raises(FormatError):
        network.load_weights({})
    with pytest.raises(FormatError):
        network.load_optimiser_state({})


def test_empty_windows(rng):
    spec = make_spec(reads="one_hot")
    network = native(spec, random_params(spec, rng))
    outputs, state = network.forward(np.zeros((0, 2), int), network.zero_state(2))
    assert outputs.shape == (0, 2, VOCABULARY)
    assert not state.flat.any()
    drawn = network.generate(np.array([1]), network.zero_state(1), 0, SamplingOptions(), seed=1)
    assert drawn.tokens.shape == (0, 1)


def _sum_in_child(connection, network, inputs) -> None:
    connection.send(float(network.forward(inputs, network.zero_state(4))[0].sum()))


def test_threads_survive_a_fork(rng):
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    spec = Spec(
        input=OneHot(vocabulary_size=7), stack=Stack(sizes=(9,)), head=Softmax(vocabulary_size=7)
    )
    network = native(spec, random_params(spec, rng), threads=2)
    inputs = rng.integers(0, 7, (3, 4))
    want = float(network.forward(inputs, network.zero_state(4))[0].sum())
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_sum_in_child, args=(theirs, network, inputs))
    child.start()
    assert ours.poll(30)
    assert ours.recv() == want
    child.join(30)
    assert child.exitcode == 0
