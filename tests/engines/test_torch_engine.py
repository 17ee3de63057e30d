"""What the torch engine promises beyond agreement: fast paths, precision, states, refusals."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from recurra.core.errors import FormatError, ResourceError, ShapeError
from recurra.core.parameters import initialise
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Cell, OneHot, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make, select
from recurra.engines.base import Batch, OptimiserOptions
from tests.cases import make_spec, random_batch, random_params

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed", allow_module_level=True)

CPU = EngineOptions(engine="torch", device="cpu", precision="float64")


def build(spec, rng, options=CPU, **optimiser):
    return make("torch", options).build(
        spec, random_params(spec, rng), OptimiserOptions(**optimiser)
    )


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def calls(monkeypatch):
    """Count the calls of the library's fused layers, and how many layers each took."""
    import torch

    seen = []
    for name in ("lstm", "gru"):
        plain = getattr(torch, name)

        def spy(*arguments, name=name, plain=plain):
            seen.append((name, arguments[4]))
            return plain(*arguments)

        monkeypatch.setattr(torch, name, spy)
    return seen


@pytest.mark.parametrize(
    ("spec", "want"),
    [
        (make_spec(sizes=(4, 4, 4)), [("lstm", 3)]),
        (make_spec(Cell(forget_bias=0.0), sizes=(4, 4)), [("lstm", 2)]),
        (make_spec(Cell(gru=True), sizes=(4, 4)), [("gru", 2)]),
        (make_spec(sizes=(5, 3, 3)), [("lstm", 1), ("lstm", 2)]),
        (make_spec(sizes=(4, 4), residual=True), [("lstm", 1), ("lstm", 1)]),
        (make_spec(sizes=(4, 4), dropout=0.5), [("lstm", 1), ("lstm", 1)]),
        (make_spec(sizes=(4, 4), recurrent_dropout=0.5), []),
        (make_spec(Cell(coupled=True), sizes=(4, 4)), []),
    ],
    ids=["lstm", "bias", "gru", "sizes", "residual", "dropout", "recurrent", "coupled"],
)
def test_the_library_computes_what_it_can(calls, rng, spec, want):
    network = build(spec, rng)
    batch = random_batch(spec, rng, 5, 2)
    network.train_step(batch, network.zero_state(2), learning_rate=0.1, step=0, seed=0)
    assert calls == want


def test_recurrent_dropout_only_costs_the_fused_path_while_training(calls, rng):
    spec = make_spec(sizes=(4, 4), recurrent_dropout=0.5)
    network = build(spec, rng)
    network.evaluate(random_batch(spec, rng, 5, 2), network.zero_state(2))
    assert calls == [("lstm", 2)]


def test_a_window_is_cut_only_where_states_are_reset(calls, rng):
    spec = make_spec(sizes=(4, 4))
    network = build(spec, rng)
    inputs = random_batch(spec, rng, 9, 2).inputs
    resets = np.zeros((9, 2), bool)
    network.forward(inputs, network.zero_state(2), resets)
    assert len(calls) == 1
    resets[0, 1] = resets[4, 0] = resets[7] = True
    calls.clear()
    network.forward(inputs, network.zero_state(2), resets)
    assert len(calls) == 3


def test_states_carry_no_history(rng):
    spec = make_spec(sizes=(4, 4), dropout=0.2)
    network = build(spec, rng)
    batch = random_batch(spec, rng, 5, 2, resets=True)
    _, after = network.train_step(batch, network.zero_state(2), learning_rate=0.1, step=0, seed=0)
    _, seen = network.forward(batch.inputs, after)
    assert not any(array.requires_grad for array in [*after.values(), *seen.values()])


def test_arguments_stay_as_they_were(rng):
    spec = make_spec(sizes=(4,))
    network = build(spec, rng)
    batch = random_batch(spec, rng, 5, 2, resets=True, weights=True)
    copies = [np.copy(a) for a in (batch.inputs, batch.targets, batch.weights, batch.resets)]
    state = network.zero_state(2)
    before = network.export_state(state)
    network.train_step(batch, state, learning_rate=0.5, step=0, seed=0)
    kept = (batch.inputs, batch.targets, batch.weights, batch.resets)
    for array, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    for name, array in network.export_state(state).items():
        np.testing.assert_array_equal(array, before[name])


def test_read_only_arrays_are_accepted(rng):
    spec = make_spec(sizes=(4,))
    network = build(spec, rng)
    batch = random_batch(spec, rng, 5, 2)
    batch.inputs.flags.writeable = batch.targets.flags.writeable = False
    network.train_step(batch, network.zero_state(2), learning_rate=0.5, step=0, seed=0)


def test_exported_weights_are_copies(rng):
    spec = make_spec(sizes=(4,))
    network = build(spec, rng)
    before = network.weights()
    for array in network.weights().values():
        array += 1
    for name, array in network.weights().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("rule", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
def test_a_resumed_run_is_bit_for_bit_the_one_that_never_stopped(rng, rule):
    spec = make_spec(sizes=(32, 32), dropout=0.2)
    options = EngineOptions(engine="torch", device="cpu")
    params = initialise(spec, 1)
    batches = [random_batch(spec, rng, 5, 3) for _ in range(6)]
    chosen = OptimiserOptions(optimiser=rule, momentum=0.5 if rule == "sgd" else 0.0)

    def learn(network, state, first, last):
        for step in range(first, last):
            _, state = network.train_step(
                batches[step], state, learning_rate=0.01, step=step, seed=4
            )
        return state

    straight = make("torch", options).build(spec, params, chosen)
    learn(straight, straight.zero_state(3), 0, 6)
    first = make("torch", options).build(spec, params, chosen)
    state = first.export_state(learn(first, first.zero_state(3), 0, 3))
    second = make("torch", options).build(spec, first.weights(), chosen)
    second.load_optimiser_state(first.optimiser_state())
    learn(second, second.import_state(state), 3, 6)
    for name, array in second.weights().items():
        np.testing.assert_array_equal(array, straight.weights()[name], err_msg=name)
    for name, array in second.optimiser_state().items():
        np.testing.assert_array_equal(array, straight.optimiser_state()[name], err_msg=name)


def test_generation_does_not_depend_on_how_it_is_cut_into_calls(rng):
    spec = make_spec(sizes=(4,))
    network = build(spec, rng)
    tokens, options = np.array([1, 4]), SamplingOptions()
    whole = network.generate(tokens, network.zero_state(2), 10, options, seed=9)
    first = network.generate(tokens, network.zero_state(2), 4, options, seed=9)
    rest = network.generate(first.tokens[-1], first.state, 6, options, seed=9, start=4)
    np.testing.assert_array_equal(np.concatenate([first.tokens, rest.tokens]), whole.tokens)


def test_a_model_loads_into_the_library_in_three_lines(rng):
    import torch

    spec = make_spec(sizes=(4, 4), reads="vector")
    network = build(spec, rng)
    weights = {n: torch.from_numpy(w) for n, w in network.weights().items() if "_l" in n}
    lstm = torch.nn.LSTM(4, 4, 2).double()
    zeros = {n: torch.zeros(16) for n in ("bias_hh_l0", "bias_hh_l1")}
    lstm.load_state_dict({**weights, **zeros})
    x = rng.normal(size=(6, 2, 4))
    with torch.no_grad():
        h, _ = lstm(torch.from_numpy(x))
    trace = network.trace(x, network.zero_state(2))
    np.testing.assert_allclose(trace["h_l1"], h.numpy(), rtol=0, atol=1e-10)


def test_no_position_with_weight_gives_no_gradient_and_no_nan(rng):
    spec = make_spec(sizes=(4,))
    network = build(spec, rng)
    batch = random_batch(spec, rng, 5, 2)
    batch = Batch(batch.inputs, batch.targets, np.zeros((5, 2), np.float32))
    report, grads = network.gradients(batch, network.zero_state(2))
    assert report.positions == 0
    assert report.loss_nats == 0
    assert all(np.all(grad == 0) for grad in grads.params.values())


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        (Batch(np.full((3, 2), 7), np.zeros((3, 2), int)), "vocabulary has 7"),
        (Batch(np.zeros((3, 4), int), np.zeros((3, 4), int)), "the state holds 2"),
        (Batch(np.zeros((3, 2), int), np.zeros((2, 2), int)), "targets are"),
        (
            Batch(np.zeros((3, 2), int), np.zeros((3, 2), int), weights=np.ones((3, 1))),
            "weights are",
        ),
    ],
    ids=["tokens", "width", "targets", "weights"],
)
def test_arrays_that_do_not_fit_are_refused_and_nothing_changes(rng, batch, sentence):
    network = build(make_spec(sizes=(4,)), rng)
    before = network.weights()
    with pytest.raises(ShapeError, match=sentence):
        network.train_step(batch, network.zero_state(2), learning_rate=1.0, step=0, seed=0)
    for name, array in network.weights().items():
        np.testing.assert_array_equal(array, before[name])


def test_weights_of_another_network_are_refused(rng):
    network = build(make_spec(sizes=(4,)), rng)
    with pytest.raises(FormatError, match="weight_ih_l0"):
        network.load_weights(random_params(make_spec(sizes=(5,)), rng))


def test_automatic_precision_takes_bfloat16_only_where_it_gains(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    engine = make("torch", EngineOptions(device="cpu"))
    params = {}

    def products(cell=None, size=64, **stack):
        spec = Spec(
            input=OneHot(vocabulary_size=5),
            stack=Stack(sizes=(size,), cell=cell or Cell(), **stack),
            head=Softmax(vocabulary_size=5),
        )
        params.update(initialise(spec, 0))
        return engine.build(spec, initialise(spec, 0)).bfloat16

    assert products()
    assert not products(size=50)
    assert not products(Cell(peephole=True))
    assert not products(recurrent_dropout=0.1)
    assert "bfloat16 products" in engine.describe()
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert not products()
    assert "float32 products" in engine.describe()


def test_a_device_that_is_not_here_is_said_so():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    options = EngineOptions(engine="torch", device="cuda")
    with pytest.raises(ResourceError, match="no CUDA device"):
        select(make_spec(), options, "train")


def test_the_engine_is_made_without_importing_torch():
    code = (
        "import sys; from recurra.engines import EngineOptions, make;"
        "make('torch', EngineOptions()); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def pretend_to_record(network):
    """Return a recorder for `CapturedStep` that works without CUDA: replaying runs again."""
    import torch

    made = []

    def recorder(run):
        weights, memory = network.weights(), network.optimiser_state()
        results = run()
        with torch.no_grad():
            for name, weight in network._weights.items():
                weight.copy_(torch.from_numpy(weights[name]))
        network._optimiser.load(memory)

        def replay():
            again = run()
            results.scores.copy_(again.scores)
            results.norm.copy_(again.norm)
            for name, part in again.state.items():
                results.state[name].copy_(part)

        made.append(replay)
        return replay, results

    return recorder, made


@pytest.mark.parametrize("weighted", [False, True])
def test_a_recorded_step_reads_each_window_and_keeps_each_result(rng, weighted):
    from recurra.engines.torch.capture import CapturedStep

    spec = make_spec(sizes=(4, 4), dropout=0.3)
    params = random_params(spec, rng)
    captured, plain = (make("torch", CPU).build(spec, params) for _ in range(2))
    recorder, made = pretend_to_record(captured)
    captured._captured = CapturedStep(captured._learn, recorder)
    captured._captures = True
    states = [captured.zero_state(2), plain.zero_state(2)]
    late = []
    for step in range(10):
        # The odd last window has another length, and must not disturb the recording.
        batch = random_batch(spec, rng, 3 if step == 7 else 5, 2)
        if weighted:
            weights = np.zeros(batch.targets.shape, np.float32)
            weights[-1] = 1 + step
            batch = Batch(batch.inputs, batch.targets, weights)
        for n, network in enumerate((captured, plain)):
            report, states[n] = network.train_step(
                batch, states[n], learning_rate=0.01 * (1 + step), step=step, seed=3
            )
            late.append(report)
    assert len(made) == 1
    for mine, other in zip(late[::2], late[1::2], strict=True):
        assert mine.read() == other.read()
    for name, array in captured.weights().items():
        np.testing.assert_array_equal(array, plain.weights()[name])
    for name, array in captured.optimiser_state().items():
        np.testing.assert_array_equal(array, plain.optimiser_state()[name])


def test_steps_go_on_where_recording_is_refused(rng):
    from recurra.engines.torch.capture import CapturedStep

    spec = make_spec(sizes=(4,))
    network = build(spec, rng)
    asked = []
    network._captured = CapturedStep(network._learn, lambda run: asked.append(run))
    network._captures = True
    batch, state = random_batch(spec, rng, 5, 2), network.zero_state(2)
    for step in range(8):
        _, state = network.train_step(batch, state, learning_rate=0.01, step=step, seed=0)
    assert len(asked) == 1
    assert network.optimiser_state()["step"] == [8]
