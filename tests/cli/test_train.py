"""`recurra train`, and `inspect` of what it leaves, as a person would use them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from recurra.cli.main import app
from recurra.tasks.text.presets import PRESETS

POEM = "the cat sat on the mat,\nthe dog lay in the fog.\n\n" * 60
QUICK = ["--engine", "reference", "--preset", "tiny", "--sizes", "8", "--batch-size", "4"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "poem.txt").write_text(POEM)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def recurra(*words: str, text: str | None = None):
    return CliRunner().invoke(app, list(words), input=text)


def test_a_text_becomes_a_run_with_every_fact_on_the_way(folder):
    done = recurra("train", "poem.txt", *QUICK, "--steps", "12")
    assert done.exit_code == 0, done.output
    for fact in ("2,940 characters", "19 distinct", "10 % held out", "below about 100,000",
                 "1 layer, 8 hidden", "NumPy", "recurra generate runs/poem-0001"):  # fmt: skip
        assert fact in done.stderr
    run = json.loads((folder / "runs/poem-0001/run.json").read_text())
    assert run["status"] == "finished"
    assert run["progress"]["step"] == 12
    assert run["inputs"] == [str(folder / "poem.txt")]
    assert (folder / "runs/poem-0001/best.safetensors").is_file()


def test_settings_reach_their_classes_from_flags(folder):
    done = recurra(
        "train", "poem.txt", *QUICK, "--steps", "2", "--peephole", "--dropout", "0.1",
        "--vocabulary", "bytes", "--clip-norm", "3", "--objective", "last", "--step", "5",
        "--run", "here",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    options = json.loads((folder / "here/run.json").read_text())["task"]["options"]
    assert options["stack"]["cell"]["peephole"] is True
    assert options["stack"]["dropout"] == 0.1
    assert options["text"]["vocabulary"] == "bytes"
    assert options["optimiser"]["clip_norm"] == 3
    assert options["windows"]["objective"] == "last"
    assert options["windows"]["stride"] == 5
    assert options["train"]["learning_rate"] == PRESETS["tiny"].values["learning_rate"]


def test_standard_input_is_learned_too():
    done = recurra("train", "-", *QUICK, "--steps", "2", text=POEM)
    assert done.exit_code == 0, done.output
    assert "runs/stdin-0001" in done.stderr


def test_a_folder_with_a_run_is_left_alone_unless_told():
    words = ["train", "poem.txt", *QUICK, "--steps", "2", "--run", "here"]
    assert recurra(*words).exit_code == 0
    refused = recurra(*words)
    assert refused.exit_code == 2
    assert "another run" in refused.stderr
    assert recurra(*words, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nofile.txt"], "nofile.txt"),
        (["poem.txt", "--steps", "5", "--epochs", "2"], "one budget"),
        (["poem.txt", "--window", "0"], "--window is 0"),
        (["poem.txt", "--learning-rat", "1"], "--learning-rate"),
        (["poem.txt", "--preset", "huge"], "tiny"),
        (["poem.txt", "--reset-at", "("], "no regular expression"),
        (["poem.txt", "--precision", "int8"], "int8 is for writing with a trained model"),
    ],
)
def test_mistakes_get_a_sentence_and_exit_code_2(words, sentence):
    done = recurra("train", *words)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.output


def test_inspect_shows_a_run_a_file_and_json(folder):
    assert recurra("train", "poem.txt", *QUICK, "--steps", "4", "--run", "here").exit_code == 0
    shown = recurra("inspect", "here").stdout
    for fact in ("finished, step 4", "1 layer, 8 hidden", "19 characters", "poem.txt",
                 "4 steps", "weight_ih_l0", "32 x 32"):  # fmt: skip
        assert fact in shown
    data = json.loads(recurra("inspect", "here/best.safetensors", "--json").stdout)
    assert data["weights"]["weight_hh_l0"] == [32, 8]
    assert data["task"]["kind"] == "text"
    (folder / "here/best.safetensors").unlink()
    assert "none saved yet" in recurra("inspect", "here").stdout
    assert recurra("inspect", "poem.txt").exit_code == 2


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")
def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(folder):
    words = [sys.executable, "-m", "recurra", "train", "poem.txt", *QUICK, "--seconds", "100",
             "--run", "here", "--checkpoint-seconds", "1000"]  # fmt: skip
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            metrics = folder / "here/metrics.jsonl"
            deadline = time.monotonic() + 60
            while not (metrics.is_file() and '"step"' in metrics.read_text()):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "recurra resume here" in said
    assert "Traceback" not in said
    run = json.loads((folder / "here/run.json").read_text())
    assert run["status"] == "interrupted"
    done = recurra("resume", "here", "--steps", str(run["progress"]["step"] + 3))
    assert done.exit_code == 0, done.output
