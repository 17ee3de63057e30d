"""`recurra score`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import recurra
from recurra.cli.main import app

TEXT = "the cat sat on the mat,\nthe dog lay in the fog.\n\n" * 60


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("score")
    (folder / "poem.txt").write_text(TEXT)
    recurra.train(
        folder / "poem.txt", run=folder / "run", steps=30, engine="reference", sizes=[16],
        embedding=0, batch_size=8, window=32, learning_rate=2e-2, unknown="replace", test=0.1,
    )  # fmt: skip
    return folder / "run"


def score(*words: object):
    return CliRunner().invoke(app, ["score", *map(str, words)])


def test_a_file_is_scored_beside_uniform_and_xz(run):
    done = score(run, run.parent / "poem.txt")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert "state carried from the first character" in lines[0]
    assert [line.split()[0] for line in lines[2:]] == ["model", "xz", "uniform"]
    want = recurra.load(run).score(TEXT)
    assert lines[2].split()[1] == f"{want.bits_per_char:.4f}"


def test_json_holds_the_same_numbers(run):
    made = json.loads(score(run, run.parent / "poem.txt", "--json").stdout)
    want = recurra.load(run).score(TEXT)
    assert made["bits_per_char"] == pytest.approx(want.bits_per_char)
    assert made["characters"] == len(TEXT)
    assert made["xz_bits_per_char"] == pytest.approx(want.xz_bits_per_char)


def test_without_a_file_the_models_own_held_out_part_is_scored(run):
    made = json.loads(score(run, "--json", "--no-xz").stdout)
    assert made["characters"] == pytest.approx(0.1 * len(TEXT), abs=2)
    assert "held-out" in made["text"]
    assert made["xz_bits_per_char"] is None


def test_without_its_text_the_model_asks_for_a_file(run, tmp_path):
    recurra.load(run).save(tmp_path / "alone.safetensors")
    document = recurra.load(run).document
    document["provenance"]["data"]["inputs"] = ["nowhere.txt"]
    moved = recurra.Model(recurra.load(run).weights, document)
    moved.save(tmp_path / "alone.safetensors")
    done = score(tmp_path / "alone.safetensors")
    assert done.exit_code == 2
    assert "name a file" in done.stderr


def test_characters_outside_the_vocabulary_are_replaced_or_refused_as_asked(run, tmp_path):
    (tmp_path / "other.txt").write_text("the Ω cat\n")
    refused = score(run, tmp_path / "other.txt", "--unknown", "refuse")
    assert refused.exit_code == 2
    assert "U+03A9" in refused.stderr
    done = score(run, tmp_path / "other.txt")
    assert "1 token unknown" in done.stdout


def test_an_empty_file_has_no_score(run, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    done = score(run, tmp_path / "empty.txt")
    assert done.exit_code == 2
    assert "empty" in done.stderr
