"""The public door: `recurra.train` and `recurra.resume` as a Python user calls them."""

from __future__ import annotations

import pytest

import recurra

POEM = "the cat sat on the mat,\nthe dog lay in the fog.\n\n" * 60
QUICK = {
    "engine": "reference", "sizes": (8,), "embedding": 4, "batch_size": 4, "window": 16,
    "preset": "tiny",
}  # fmt: skip


def test_five_lines_do_it_all(tmp_path):
    text = tmp_path / "poem.txt"
    text.write_text(POEM)
    recurra.train(text, run=tmp_path / "run", steps=30, **QUICK)
    model = recurra.resume(tmp_path / "run", steps=60)
    again = recurra.load(tmp_path / "run")
    written = model.generate("the ", length=40, seed=1)
    assert again.generate("the ", length=40, seed=1) == written
    assert len(written) == 40
    assert set(written) <= set(POEM)


def test_progress_is_shown_when_asked_and_nowhere_else(tmp_path, capsys):
    text = tmp_path / "poem.txt"
    text.write_text(POEM)
    recurra.train(text, steps=5, progress=True, **QUICK)
    assert "held-out" in capsys.readouterr().err
    recurra.train(text, steps=5, **QUICK)
    assert capsys.readouterr().err == ""


def test_a_setting_that_is_none_names_the_nearest(tmp_path):
    text = tmp_path / "poem.txt"
    text.write_text(POEM)
    with pytest.raises(recurra.ConfigError, match="did you mean 'learning_rate'"):
        recurra.train(text, learning_rat=0.1)
