from __future__ import annotations

from recurra.learning.survey import summarise, survey
from tests.learning.toy import Stopper, train_toy


def test_every_run_is_listed_with_how_it_stands(tmp_path):
    train_toy(tmp_path / "b", steps=20, validate_every=10)
    train_toy(tmp_path / "a", steps=500, stop=Stopper(at_step=9).stop)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "run.json").write_text("{broken")
    (tmp_path / "nothing").mkdir()
    found = {run.path.name: run for run in survey(tmp_path)}
    assert {name: run.status for name, run in found.items()} == {
        "a": "interrupted", "b": "finished", "c": "failed",
    }  # fmt: skip
    finished = found["b"]
    assert (finished.step, finished.steps, len(finished.curve)) == (20, 20, 2)
    assert finished.best_loss_nats == min(finished.curve)
    assert "run.json" in found["c"].message
    assert found["a"].steps == 500


def test_a_run_is_its_own_survey(tmp_path):
    train_toy(tmp_path / "b", steps=5)
    assert survey(tmp_path / "b") == [summarise(tmp_path / "b")]
    assert survey(tmp_path / "nowhere") == []
