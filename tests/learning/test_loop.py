from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from recurra.core.errors import ConfigError, NumericError
from recurra.engines.base import OptimiserOptions, Report
from recurra.engines.reference.network import Ready, ReferenceNetwork
from recurra.formats.jsonl import read_lines
from recurra.formats.model_file import load_model
from recurra.learning.events import Failed, Finished, Sampled, Started, Stepped, Validated
from recurra.learning.options import TrainOptions
from tests.learning.toy import Stopper, Toy, curve, train_toy


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_events_come_in_order():
    seen = Stopper()
    train_toy(None, steps=20, validate_every=10, sample_every=10, log_every=5, listeners=[seen])
    assert [event.kind for event in seen.events] == [
        "started", "step", "step", "validated", "sampled",
        "step", "step", "validated", "sampled", "finished",
    ]  # fmt: skip
    assert [event.step for event in seen.events] == [0, 5, 10, 10, 10, 15, 20, 20, 20, 20]


def test_it_learns():
    outcome = train_toy(None, steps=300, task=Toy(dropout=0.0))
    assert outcome.reason == "budget"
    assert outcome.best_loss_nats < 0.6 * math.log(7)
    assert set(outcome.weights) >= {"weight_ih_l0", "head.weight"}
    assert outcome.document["provenance"]["steps"] == outcome.best_step


def test_a_point_is_the_mean_of_its_steps():
    fine, coarse = Stopper(), Stopper()
    train_toy(None, steps=12, log_every=1, listeners=[fine])
    train_toy(None, steps=12, log_every=4, listeners=[coarse])
    losses = [event.loss_nats for event in of(fine.events, Stepped)]
    want = np.reshape(losses, (3, 4)).mean(axis=1)
    got = [event.loss_nats for event in of(coarse.events, Stepped)]
    np.testing.assert_allclose(got, want, rtol=1e-12)
    assert of(coarse.events, Stepped)[0].measures["bits_per_char"] == pytest.approx(
        want[0] / math.log(2)
    )


def test_what_is_left_over_becomes_a_last_point():
    seen = Stopper()
    train_toy(None, steps=7, log_every=5, listeners=[seen])
    assert [event.step for event in of(seen.events, Stepped)] == [5, 7]


def test_state_is_carried_within_an_epoch_only(monkeypatch):
    carried = []
    learn = ReferenceNetwork.train_step

    def spy(self, batch, state, **arguments):
        carried.append(any(layer["h"].any() for layer in state))
        return learn(self, batch, state, **arguments)

    monkeypatch.setattr(ReferenceNetwork, "train_step", spy)
    task = Toy()
    train_toy(None, steps=2 * task.windows, task=task)
    assert carried == ([False] + [True] * (task.windows - 1)) * 2


def test_accumulated_parts_move_the_weights_once(monkeypatch):
    calls = []
    learn = ReferenceNetwork.train_step

    def spy(self, batch, state, **arguments):
        calls.append((arguments["step"], arguments["part"], arguments["parts"]))
        return learn(self, batch, state, **arguments)

    monkeypatch.setattr(ReferenceNetwork, "train_step", spy)
    seen = Stopper()
    train_toy(None, steps=3, accumulate=2, log_every=1, listeners=[seen])
    assert calls == [(s, p, 2) for s in range(3) for p in range(2)]
    points = of(seen.events, Stepped)
    assert [point.step for point in points] == [1, 2, 3]
    assert all(math.isfinite(point.gradient_norm) for point in points)


def test_epochs_are_counted_in_steps():
    task = Toy()
    outcome = train_toy(None, task=task, epochs=2)
    assert outcome.step == 2 * task.steps_per_epoch
    assert outcome.epoch == 2


def test_a_budget_in_seconds_is_the_wall_clock():
    seen = Stopper()
    outcome = train_toy(None, seconds=0.6, listeners=[seen])
    assert 0.3 < outcome.elapsed_s < 1.5
    rates = [event.learning_rate for event in of(seen.events, Stepped)]
    assert rates[-1] < 0.25 * max(rates)  # the schedule came to its end
    assert len(of(seen.events, Validated)) >= 2


def test_the_best_weights_are_kept_not_the_last(monkeypatch):
    losses = iter([1.5, 1.0, 1.2, 1.3])
    kept = []

    def evaluate(self, batch, state):
        loss = next(losses) if not state[0]["h"].any() else None
        if loss is not None:
            kept.append((loss, self.weights()))
        picked = np.zeros(batch.targets.shape)
        after = [{n: np.ones_like(a) for n, a in layer.items()} for layer in state]
        return Report(kept[-1][0], 0.5, 0.4, float(picked.size)), picked, after

    monkeypatch.setattr(ReferenceNetwork, "evaluate", evaluate)
    outcome = train_toy(None, steps=40, validate_every=10)
    assert (outcome.best_loss_nats, outcome.best_step) == (1.0, 20)
    for name, array in kept[1][1].items():
        np.testing.assert_array_equal(outcome.weights[name], array)


@pytest.fixture
def held_out_losses(monkeypatch):
    """Let validations return the losses of a list, one after the other, the last one for ever."""
    losses = []

    def evaluate(self, batch, state):
        if not state[0]["h"].any():
            evaluate.now = losses.pop(0) if len(losses) > 1 else losses[0]
        after = [{n: np.ones_like(a) for n, a in layer.items()} for layer in state]
        return Report(evaluate.now, 0.5, 0.4, 1.0), np.zeros(batch.targets.shape), after

    monkeypatch.setattr(ReferenceNetwork, "evaluate", evaluate)
    return losses


def test_early_stopping_waits_for_its_patience(held_out_losses):
    held_out_losses += [1.5, 1.4, 1.45, 1.39, 1.4, 1.4, 1.4, 1.4]
    seen = Stopper()
    outcome = train_toy(None, steps=1000, validate_every=10, patience=3, listeners=[seen])
    assert outcome.reason == "patience"
    assert (outcome.step, outcome.best_step) == (70, 40)
    assert of(seen.events, Finished)[0].reason == "patience"
    assert [event.best for event in of(seen.events, Validated)] == [
        True, True, False, True, False, False, False,
    ]  # fmt: skip


def test_plateau_lowers_the_rate_of_the_steps_that_follow(held_out_losses):
    held_out_losses += [1.5, 1.6]
    seen = Stopper()
    train_toy(
        None, steps=60, validate_every=10, log_every=10, schedule="plateau", warmup=0.0,
        plateau_patience=2, final_learning_rate=0.2, listeners=[seen],
    )  # fmt: skip
    rates = [event.learning_rate / 0.02 for event in of(seen.events, Stepped)]
    assert rates == pytest.approx([1, 1, 1, 0.5, 0.5, 0.25])


@pytest.mark.parametrize("needs", [{"patience": 2}, {"schedule": "plateau"}])
def test_watching_held_out_data_needs_some(needs):
    with pytest.raises(ConfigError, match="none is held out"):
        train_toy(None, task=Toy(held_out=False), steps=5, **needs)


def test_without_held_out_data_the_last_weights_are_the_model(tmp_path):
    outcome = train_toy(tmp_path / "run", task=Toy(held_out=False), steps=30)
    assert outcome.best_loss_nats is None
    weights, document = load_model(tmp_path / "run" / "best.safetensors")
    assert document["provenance"]["steps"] == 30
    in_memory = train_toy(None, task=Toy(held_out=False), steps=30)
    for name, array in weights.items():
        np.testing.assert_array_equal(array, in_memory.weights[name])


def test_samples_wait_for_the_mean_posterior():
    seen = Stopper()
    train_toy(None, steps=100, sample_every=10, sample_threshold=0.2, listeners=[seen])
    posteriors = {event.step: event.mean_posterior for event in of(seen.events, Stepped)}
    sampled = [event.step for event in of(seen.events, Sampled)]
    assert sampled
    assert sampled == [step for step in range(10, 101, 10) if posteriors[step] >= 0.2]
    assert 10 not in sampled


def break_step(monkeypatch, at_step, **change):
    learn = ReferenceNetwork.train_step

    def broken(self, batch, state, **arguments):
        pending, after = learn(self, batch, state, **arguments)
        if arguments["step"] >= at_step:
            pending = Ready(replace(pending.read(), **change))
        return pending, after

    monkeypatch.setattr(ReferenceNetwork, "train_step", broken)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"loss_nats": math.nan}, "the loss became nan at step 31"),
        ({"loss_nats": math.inf}, "the loss became inf at step 31"),
        ({"gradient_norm": math.nan}, "the gradient's norm became nan at step 31"),
        ({"loss_nats": 40.0}, "the loss rose to 40 nats at step 31"),
    ],
)
def test_a_loss_that_breaks_stops_the_run_and_leaves_the_checkpoint(
    tmp_path, monkeypatch, change, sentence
):
    break_step(monkeypatch, 30, **change)
    seen = Stopper()
    with pytest.raises(NumericError, match="--learning-rate") as error:
        train_toy(
            tmp_path / "run", steps=100, log_every=1, validate_every=20, checkpoint_seconds=0,
            listeners=[seen],
        )  # fmt: skip
    assert sentence in str(error.value)
    assert "The checkpoint of step" in str(error.value)
    assert isinstance(seen.events[-1], Failed)
    weights, _ = load_model(tmp_path / "run" / "best.safetensors")
    assert all(np.isfinite(array).all() for array in weights.values())


def test_weights_that_are_not_finite_are_never_saved(tmp_path, monkeypatch):
    learn = ReferenceNetwork.train_step

    def broken(self, batch, state, **arguments):
        done = learn(self, batch, state, **arguments)
        if arguments["step"] == 12:
            self.params["head.bias"][0] = np.nan
        return done

    monkeypatch.setattr(ReferenceNetwork, "train_step", broken)
    with pytest.raises(NumericError, match=r"'head\.bias' stopped being finite by step 13"):
        train_toy(tmp_path / "run", steps=13, validate_every=0)
    assert "failed" in (tmp_path / "run" / "run.json").read_text()


def test_a_bug_is_recorded_and_raised(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("what a bug says")

    monkeypatch.setattr(ReferenceNetwork, "train_step", broken)
    with pytest.raises(ZeroDivisionError):
        train_toy(tmp_path / "run", steps=13)
    assert "what a bug says" in (tmp_path / "run" / "run.json").read_text()


def test_a_stop_without_a_folder_still_gives_weights():
    seen = Stopper(at_step=10)
    outcome = train_toy(None, steps=10**6, stop=seen.stop, validate_every=0)
    assert outcome.reason == "interrupted"
    assert outcome.weights is not None


def test_the_recorded_curve_is_the_one_that_listeners_saw(tmp_path):
    seen = Stopper()
    train_toy(tmp_path / "run", steps=40, listeners=[seen])
    recorded = read_lines(tmp_path / "run" / "metrics.jsonl")
    recorded += read_lines(tmp_path / "run" / "samples.jsonl")
    told = [event.to_json() for event in seen.events]
    order = [event["event"] for event in told if event["event"] != "sampled"]
    assert [event["event"] for event in recorded if event["event"] != "sampled"] == order

    def key(event):
        return (event["step"], event["event"])

    assert sorted(curve(recorded), key=key) == sorted(curve(told), key=key)


def test_started_says_what_is_trained():
    seen = Stopper()
    train_toy(None, steps=3, listeners=[seen])
    (started,) = of(seen.events, Started)
    assert (started.step, started.steps, started.seconds, started.outputs) == (0, 3, None, 7)
    assert started.unit == "token"


def test_the_seed_decides_everything():
    first, second, other = (train_toy(None, steps=20, seed=s).weights for s in (3, 3, 4))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])
    assert any((array != other[name]).any() for name, array in first.items())


def test_a_network_of_another_optimiser_is_asked_for_nothing_it_lacks():
    for name in ("sgd", "adagrad", "rmsprop", "adam", "adamw"):
        outcome = train_toy(None, steps=5, optimiser=OptimiserOptions(optimiser=name))
        assert outcome.step == 5


def test_options_need_no_budget_until_they_train():
    assert TrainOptions().budget is None
