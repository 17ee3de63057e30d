"""What only a CUDA device can show: graphs, device masks, the same numbers with and without."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from recurra.core.parameters import initialise
from recurra.core.spec import Cell, OneHot, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make
from recurra.engines.base import Batch, OptimiserOptions

pytestmark = pytest.mark.gpu

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch  # noqa: E402

if not torch.cuda.is_available():
    pytest.skip("this machine has no CUDA device", allow_module_level=True)


def network(cell=None, *, precision="float32", rule="adamw", size=32, **stack):
    spec = Spec(
        input=OneHot(vocabulary_size=11),
        stack=Stack(sizes=(size, size), cell=cell or Cell(), **stack),
        head=Softmax(vocabulary_size=11),
    )
    options = EngineOptions(engine="torch", device="cuda", precision=precision)
    chosen = OptimiserOptions(optimiser=rule, epsilon=1e-4)
    return make("torch", options).build(spec, initialise(spec, 0), chosen)


def learn(net, count, *, width=4, length=9):
    rng = np.random.default_rng(0)
    state = net.zero_state(width)
    reports = []
    for step in range(count):
        tokens = rng.integers(0, 11, (length, width))
        batch = Batch(tokens, np.roll(tokens, -1, axis=0))
        late, state = net.train_step(
            batch, state, learning_rate=0.01 / (1 + step), step=step, seed=1
        )
        reports.append(late)
    return [report.read() for report in reports]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("rule", ["rmsprop", "adam", "adamw"])
@pytest.mark.parametrize(
    ("cell", "dropout"),
    [(Cell(), 0.0), (Cell(), 0.3), (Cell(gru=True), 0.0), (Cell(coupled=True), 0.0)],
)
def test_a_graph_learns_what_plain_steps_learn(precision, rule, cell, dropout):
    graph = network(cell, precision=precision, rule=rule, dropout=dropout)
    plain = network(cell, precision=precision, rule=rule, dropout=dropout)
    plain._captures = False
    got, want = learn(graph, 9), learn(plain, 9)
    assert len(graph._captured._graphs) == 1
    assert not plain._captured._graphs
    bound = 1e-5 if precision == "float32" else 2e-2
    for mine, other in zip(got, want, strict=True):
        assert mine.loss_nats == pytest.approx(other.loss_nats, abs=bound)
        assert mine.gradient_norm == pytest.approx(other.gradient_norm, abs=bound)
    for name, array in graph.weights().items():
        np.testing.assert_allclose(array, plain.weights()[name], rtol=0, atol=bound)


def test_reports_read_late_keep_their_own_numbers():
    late = [report.loss_nats for report in learn(network(), 12)]
    assert len(set(late)) == 12


def test_a_memory_loaded_after_recording_is_the_one_that_is_used():
    a, b = network(), network()
    learn(a, 8)
    learn(b, 8)
    weights, memory = b.weights(), b.optimiser_state()
    a.load_weights(weights)
    a.load_optimiser_state(memory)
    got, want = learn(a, 8), learn(b, 8)
    assert got[-1].loss_nats == pytest.approx(want[-1].loss_nats, abs=1e-4)
    assert a.optimiser_state()["step"] == [16]


def test_large_masks_are_a_function_of_seed_and_step():
    net = network(size=256, dropout=0.25)

    def draw(seed, index):
        return net._stack.masks(64, 32, seed=seed, index=index, dtype=torch.float32).outputs

    first, again, other = draw(1, 2), draw(1, 2), draw(1, 3)
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], first[1])
    assert abs(float((first[0] == 0).float().mean()) - 0.25) < 0.01
    assert float(first[0].max()) == pytest.approx(1 / 0.75)
