from __future__ import annotations

import pytest

pytest.importorskip("matplotlib", reason="the plots extra is not installed")

from recurra.core.errors import ResourceError
from recurra.learning import curves
from recurra.learning.curves import draw_curves
from recurra.learning.run_folder import read_document
from tests.learning.toy import Toy, train_toy

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_finished_run_has_a_picture(tmp_path):
    train_toy(tmp_path / "run", steps=40)
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(PNG)


def test_a_picture_needs_no_held_out_data(tmp_path):
    train_toy(tmp_path / "run", task=Toy(held_out=False), steps=3)
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(PNG)


def test_a_run_without_a_point_has_none(tmp_path):
    assert draw_curves(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_gaps_and_odd_lines_are_drawn_around(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(
        '{"event": "step", "step": 1, "loss_nats": null, "learning_rate": 0.1}\n'
        '{"event": "step", "step": 2, "loss_nats": 1.5}\n'
        '{"event": "step", "step": 3, "loss_nats": 1.5, "learning_rate": 0.1}\n'
        '{"event": "validated", "step": 3, "loss_nats": 1.4}\n{"torn'
    )
    assert draw_curves(tmp_path).read_bytes().startswith(PNG)


def test_without_matplotlib_the_training_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(curves.importlib.util, "find_spec", lambda name: None)
    assert "pip install 'recurra[plots]'" in curves.missing()
    with pytest.raises(ResourceError, match="matplotlib is missing"):
        draw_curves(tmp_path)
    train_toy(tmp_path / "run", steps=3)
    assert read_document(tmp_path / "run")["status"] == "finished"
    assert not (tmp_path / "run" / "curves.png").exists()


def test_a_picture_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    def full(folder):
        raise ResourceError("the disk is full")

    monkeypatch.setattr(curves, "draw_curves", full)
    train_toy(tmp_path / "run", steps=3)
    assert read_document(tmp_path / "run")["status"] == "finished"
