"""The arm64 build really runs under emulation, and agrees with the reference on the golden cases.

Everything else that is tested on builds (functions, refusals, windows, learning, generation) takes
it as one more of them, "arm64 emulated"; see emulated.py.
"""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from recurra.core.sampling import SamplingOptions
from recurra.engines import EngineOptions, make
from recurra.engines.base import OptimiserOptions
from recurra.kernel.library import ABI, Job
from tests.cases import VARIANTS, make_spec, random_batch, random_params, random_state
from tests.kernel.emulated import use
from tests.parity.bounds import BOUND, error


@pytest.fixture
def arm64(monkeypatch):
    return use(monkeypatch)


def test_it_is_the_arm64_build(arm64):
    functions = arm64.functions
    assert functions.recurra_abi() == ABI
    assert functions.recurra_job_size() == ctypes.sizeof(Job)
    assert functions.recurra_lanes() == 4


@pytest.mark.parametrize("variant", list(VARIANTS))
@pytest.mark.parametrize("threads", [1, 3])
def test_learns_and_writes_as_the_reference_does(arm64, variant, threads):
    rng = np.random.default_rng(23)
    spec = make_spec(VARIANTS[variant], sizes=(17, 6), dropout=0.2, recurrent_dropout=0.1)
    # float32 on the way in, so that both sides start from the same numbers.
    params = {n: a.astype(np.float32) for n, a in random_params(spec, rng).items()}
    rule = OptimiserOptions(optimiser="adamw", weight_decay=0.1, clip_norm=0.5)
    options = EngineOptions(engine="native", precision="float32", threads=threads)
    network = make("native", options).build(spec, params, rule)
    reference = make("reference", EngineOptions(engine="reference", precision="float64")).build(
        spec, {n: a.astype(np.float64) for n, a in params.items()}, rule
    )
    window = random_batch(spec, rng, 7, 3, resets=True, weights=True)
    arrays = {n: a.astype(np.float32) for n, a in random_state(spec, rng, 3).items()}
    before = arm64.functions.jobs
    ours, theirs = network.import_state(arrays), reference.import_state(arrays)
    drawn = network.generate(window.inputs[0], ours, 40, SamplingOptions(), seed=5)
    wanted = reference.generate(window.inputs[0], theirs, 40, SamplingOptions(), seed=5)
    assert drawn.tokens.tolist() == wanted.tokens.tolist()
    for step in range(3):
        said, ours = network.train_step(window, ours, learning_rate=0.01, step=step, seed=3)
        meant, theirs = reference.train_step(window, theirs, learning_rate=0.01, step=step, seed=3)
        assert error(said.read().loss_nats, meant.read().loss_nats) <= BOUND["float32"][1]
    want = reference.weights()
    for name, array in network.weights().items():
        assert error(array, want[name]) <= BOUND["float32"][1], name
    # The emulated kernel did all of it.
    assert arm64.functions.jobs == before + 4 == before + network.jobs
