from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.engines.base import OptimiserOptions
from recurra.learning.checkpoint import load_checkpoint
from recurra.learning.resume import resume
from recurra.learning.run_folder import read_document
from tests.learning.same import assert_same_run, lines
from tests.learning.toy import Stopper, Toy, resume_toy, train_toy


@pytest.mark.parametrize(
    "optimiser",
    [
        {"optimiser": "sgd"},
        {"optimiser": "sgd", "momentum": 0.9},
        {"optimiser": "adagrad"},
        {"optimiser": "rmsprop"},
        {"optimiser": "adam", "weight_decay": 0.01},
        {"optimiser": "adamw", "weight_decay": 0.01},
    ],
    ids=lambda o: "-".join(map(str, o.values())),
)
def test_resumed_is_never_stopped(tmp_path, optimiser):
    settings = {"steps": 60, "log_every": 7, "validate_every": 9, "sample_every": 11}
    rule = OptimiserOptions(**optimiser)
    train_toy(tmp_path / "whole", optimiser=rule, **settings)
    # Every check for a stop falls at another moment of the loop: 23 of them reach about step 11.
    stopper = Stopper(at_step=23)
    outcome = train_toy(tmp_path / "run", optimiser=rule, stop=stopper.stop, **settings)
    assert outcome.reason == "interrupted"
    while outcome.reason == "interrupted":
        stopper.calls = 0
        outcome = resume_toy(tmp_path / "run", stop=stopper.stop)
    assert outcome.step == 60
    assert_same_run(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize(
    "settings",
    [
        {"accumulate": 3},
        {"schedule": "plateau", "plateau_patience": 1},
        {"schedule": "one-cycle"},
        {"patience": 2, "learning_rate": 0.3},
        {"epochs": 2.0},
    ],
    ids=lambda s: next(iter(s)),
)
def test_resumed_is_never_stopped_with(tmp_path, settings):
    settings = {"log_every": 3, "validate_every": 5, **settings}
    settings.setdefault("steps", None if "epochs" in settings else 50)
    train_toy(tmp_path / "whole", **settings)
    for moment in (7, 30, 55):
        run = tmp_path / f"run{moment}"
        outcome = train_toy(run, stop=Stopper(at_step=moment).stop, **settings)
        if outcome.reason == "interrupted":
            resume_toy(run)
        assert_same_run(run, tmp_path / "whole")


def test_what_was_recorded_after_the_checkpoint_never_happened(tmp_path):
    settings = {"steps": 40, "log_every": 2, "validate_every": 10}
    train_toy(tmp_path / "whole", **settings)
    run = tmp_path / "run"
    train_toy(run, stop=Stopper(at_step=20).stop, **settings)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"event": "step", "step": 99, "loss_nats": 7}\n{"event": "step", "st')
    resume_toy(run)
    assert_same_run(run, tmp_path / "whole")


def test_a_run_that_died_before_its_first_checkpoint_starts_over(tmp_path):
    settings = {"steps": 30, "validate_every": 10}
    train_toy(tmp_path / "whole", **settings)
    run = tmp_path / "run"
    train_toy(run, stop=Stopper(at_step=20).stop, **settings)
    (run / "last.checkpoint.safetensors").unlink()
    resume_toy(run)
    assert_same_run(run, tmp_path / "whole")


def test_a_run_that_died_after_its_last_save_is_only_closed(tmp_path):
    run = tmp_path / "run"
    train_toy(run, steps=30)
    before = lines(run)
    document = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**document, "status": "running"}))
    outcome = resume_toy(run)
    assert (outcome.reason, outcome.step) == ("budget", 30)
    assert lines(run) == before
    assert read_document(run)["status"] == "finished"


def test_a_finished_run_goes_on_with_a_larger_budget_only(tmp_path):
    run = tmp_path / "run"
    train_toy(run, steps=30)
    with pytest.raises(ConfigError, match=r"has finished \(30 steps"):
        resume_toy(run)
    with pytest.raises(ConfigError, match="has done 30 already"):
        resume_toy(run, changes={"steps": 20})
    outcome = resume_toy(run, changes={"steps": 45, "learning_rate": 0.001})
    assert outcome.step == 45
    recorded = read_document(run)["options"]["train"]
    assert (recorded["steps"], recorded["learning_rate"]) == (45, 0.001)


def test_another_kind_of_budget_takes_the_place_of_the_old(tmp_path):
    run = tmp_path / "run"
    train_toy(run, steps=30)
    outcome = resume_toy(run, changes={"epochs": 4})
    assert outcome.epoch == 4
    assert read_document(run)["options"]["train"]["steps"] is None


def test_early_stopping_can_be_overruled(tmp_path):
    run = tmp_path / "run"
    outcome = train_toy(run, steps=400, validate_every=5, patience=1, learning_rate=0.5)
    assert outcome.reason == "patience"
    again = resume_toy(run, changes={"steps": 500})
    assert again.step > outcome.step


def test_what_cannot_change_is_refused(tmp_path):
    run = tmp_path / "run"
    train_toy(run, steps=5)
    with pytest.raises(ConfigError, match="'batch_size' cannot be changed"):
        resume_toy(run, changes={"steps": 9, "batch_size": 4})


def test_other_data_is_refused(tmp_path):
    run = tmp_path / "run"
    train_toy(run, steps=5)
    with pytest.raises(FormatError, match="another network"):
        resume(run, restore=lambda _: Toy(sizes=(3,)), changes={"steps": 9})


@pytest.mark.parametrize("name", ["run.json", "last.checkpoint.safetensors"])
def test_a_damaged_file_is_named(tmp_path, name):
    run = tmp_path / "run"
    train_toy(run, steps=5)
    (run / name).write_bytes((run / name).read_bytes()[:70])
    with pytest.raises(FormatError, match=name):
        resume_toy(run, changes={"steps": 9})


def test_a_checkpoint_of_another_optimiser_is_refused(tmp_path):
    run, other = tmp_path / "run", tmp_path / "other"
    train_toy(run, steps=5)
    train_toy(other, steps=5, optimiser=OptimiserOptions(optimiser="sgd"))
    shutil.copy(other / "last.checkpoint.safetensors", run)
    with pytest.raises(FormatError, match="optimiser"):
        resume_toy(run, changes={"steps": 9})


def test_by_the_clock_a_better_model_from_after_the_checkpoint_is_kept(tmp_path):
    run = tmp_path / "run"
    train_toy(run, steps=200)
    best = (run / "best.safetensors").read_bytes()
    # The checkpoint of a run that had only begun, beside the model of the one that went on.
    train_toy(tmp_path / "early", seconds=9.0, stop=Stopper(at_step=4).stop)
    early = tmp_path / "early" / "last.checkpoint.safetensors"
    shutil.copy(early, run)
    # On a busy machine even the beginning takes its time, and the budget counts from there.
    seconds = load_checkpoint(early).progress.elapsed_s + 0.05
    resume_toy(run, changes={"seconds": seconds, "learning_rate": 1e-9})
    assert (run / "best.safetensors").read_bytes() == best


def test_the_state_survives_a_checkpoint_bit_for_bit(tmp_path):
    run = tmp_path / "run"
    train_toy(run, steps=7)
    checkpoint = load_checkpoint(run / "last.checkpoint.safetensors")
    assert checkpoint.progress.step == 7
    assert {n: a.shape for n, a in checkpoint.state.items()} == {
        "h_l0": (3, 6), "c_l0": (3, 6), "h_l1": (3, 5), "c_l1": (3, 5),
    }  # fmt: skip
    assert all(a.dtype == np.float32 for a in checkpoint.state.values())
