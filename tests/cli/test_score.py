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
    names = [line.split()[0] for line in lines[2:6]]
    assert names == ["model", "Kneser-Ney", "xz", "uniform"]
    assert "calibration" in done.stdout
    assert "letter that begins a word" in done.stdout
    assert "by position" in done.stdout
    want = recurra.load(run).score(TEXT)
    assert lines[2].split()[1] == f"{want.bits_per_char:.4f}"


def test_a_brief_score_is_only_the_score(run):
    done = score(run, run.parent / "poem.txt", "--brief", "--no-xz")
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == ["model", "uniform"]


def test_what_int8_costs_is_told(run):
    text = run.parent / "poem.txt"
    done = score(run, text, "--brief", "--no-xz", "--engine", "native", "--precision", "int8")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    exact = recurra.load(run, engine="native").score(TEXT)
    coarse = recurra.load(run, engine="native", precision="int8").score(TEXT)
    assert coarse.nats_per_token != exact.nats_per_token
    assert abs(coarse.nats_per_token - exact.nats_per_token) < 0.01
    assert lines[2].split()[1] == f"{coarse.bits_per_char:.4f}"
    assert lines[3].split()[2] == f"{exact.bits_per_char:.4f}"
    cost = coarse.nats_per_token - exact.nats_per_token
    assert lines[-1].endswith(f"int8 costs {cost:.5f} nats a character")


def test_other_models_dynamic_evaluation_and_a_picture_stand_beside(run, tmp_path):
    pytest.importorskip("matplotlib")
    text = tmp_path / "short.txt"
    text.write_text(TEXT[:400])
    done = score(
        run, text, "--beside", run, "--dynamic", "--dynamic-rate", "1e-3", "--plot",
        tmp_path / "sure.png", "--streams", 4,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[3].split()[1:] == lines[2].split()[1:]
    assert lines[4].startswith("model, dynamic")
    assert (tmp_path / "sure.png").exists()
    made = json.loads(score(run, text, "--beside", run, "--brief", "--json").stdout)
    assert made["beside"][str(run)]["bits_per_char"] == made["bits_per_char"]


def test_samples_are_judged_beside_human_text(run):
    done = score(run, "--generated", 2, "--length", 120, "--temperature", 0.5)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].split() == ["generated", "human"]
    assert "copied" in done.stdout
    made = json.loads(
        score(run, "--generated", 2, "--length", 120, "--temperature", 0.5, "--json").stdout
    )
    assert f"{made['generated']['copied_share']:.1%}" in done.stdout
    assert made["length"] == 120


def test_copies_are_marked(run, tmp_path):
    # The model knows no Ω and need not, to look for copies.
    (tmp_path / "new.txt").write_text("Ω words of its own " + TEXT[:49] + "Ω")
    done = score(run, tmp_path / "new.txt", "--copies")
    assert done.exit_code == 0, done.output
    assert "⟦" in done.stdout
    assert "line 1" in done.stdout
    made = json.loads(score(run, tmp_path / "new.txt", "--copies", "--json").stdout)
    assert made["longest"] in (49, 50)


@pytest.mark.parametrize("words", [["--copies"], ["--generated", "2", "poem.txt"]])
def test_flags_that_do_not_go_together_are_refused(run, words):
    done = score(run, *words)
    assert done.exit_code == 2
    assert "leave out" in done.stderr or "name one" in done.stderr


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
