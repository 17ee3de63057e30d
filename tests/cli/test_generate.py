"""`recurra generate` and `recurra complete`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

import recurra
from recurra.cli.main import app

TEXT = "the cat sat on the mat,\nthe dog lay in the fog.\n\n" * 60


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = tmp_path_factory.mktemp("model") / "cat.safetensors"
    recurra.train(
        recurra.Document.of_text(TEXT), steps=30, engine="reference", sizes=[16], embedding=0,
        batch_size=8, window=32, learning_rate=2e-2,
    ).save(made)  # fmt: skip
    return str(made)


@pytest.fixture(scope="module")
def model(path):
    return recurra.load(path)


def run(*words: str, text: str | None = None):
    return CliRunner().invoke(app, list(words), input=text)


def test_the_text_comes_on_standard_output_after_its_prime(path, model):
    done = run("generate", path, "--prime", "the ", "--length", "60", "--seed", "3")
    assert done.exit_code == 0, done.output
    assert done.stdout == "the " + model.generate("the ", length=60, seed=3) + "\n"
    assert "60 characters" in done.stderr


def test_the_drawn_seed_writes_the_same_text_again(path):
    first = run("generate", path, "--length", "60")
    seed = re.search(r"--seed (\d+)", first.stderr)[1]
    assert run("generate", path, "--length", "60", "--seed", seed).stdout == first.stdout


def test_sampling_rules_and_stops_reach_the_model(path, model):
    done = run(
        "generate", path, "--prime", "the ", "--length", "200", "--seed", "3", "-T", "0.5",
        "--top-k", "4", "--stop", "fog", "--stop", "\n\n",
    )  # fmt: skip
    want = model.generate(
        "the ", length=200, seed=3, temperature=0.5, top_k=4, stop=["fog", "\n\n"]
    )
    assert done.stdout == f"the {want}\n"


def test_several_samples_are_told_apart(path, model):
    done = run("generate", path, "--samples", "3", "--length", "20", "--seed", "1")
    for n, text in enumerate(model.generate(samples=3, length=20, seed=1), 1):
        assert f"--- {n} of 3 ---\n{text}\n" in done.stdout


def test_beam_search_is_the_same_every_time(path, model):
    done = run("generate", path, "--prime", "the d", "--beam", "3", "--length", "20")
    assert done.stdout == "the d" + model.generate("the d", beam=3, length=20) + "\n"


def test_samples_go_to_files_of_their_own(path, model, tmp_path):
    done = run("generate", path, "--samples", "2", "--length", "20", "--seed", "1", "--prime", "a",
               "--output", str(tmp_path / "story.txt"))  # fmt: skip
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in tmp_path.iterdir()) == ["story-1.txt", "story-2.txt"]
    texts = model.generate("a", samples=2, length=20, seed=1)
    assert (tmp_path / "story-2.txt").read_text() == "a" + texts[1]
    assert done.stdout == ""


def test_json_gives_every_token_its_probability_and_rivals(path, model):
    done = run("generate", path, "--prime", "the ", "--length", "15", "--seed", "2", "--json")
    made = json.loads(done.stdout)
    assert made["seed"] == 2
    (sample,) = made["samples"]
    assert sample["text"] == model.generate("the ", length=15, seed=2)
    assert "".join(token["text"] for token in sample["tokens"]) == sample["text"]
    probabilities = model.probabilities("the " + sample["text"])[4:]
    for token, likely in zip(sample["tokens"], probabilities, strict=True):
        assert len(token["alternatives"]) == 5
        shares = [one["probability"] for one in token["alternatives"]]
        assert shares == sorted(shares, reverse=True)
        assert 0 < token["probability"] <= shares[0] + 1e-6
        # The score reads the text from its start token, generation from the prime alone.
        assert likely > 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--prime", "Ω"], "U+03A9"),
        (["--top-p", "1.5"], "--top-p is 1.5"),
        (["--length", "0", "--json"], "--length is 0"),
        (["--prime-file", "nofile"], "nofile"),
        (["--engine", "warp"], "reference"),
    ],
)
def test_mistakes_get_a_sentence_and_exit_code_2(path, words, sentence):
    done = run("generate", path, *words)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stdout == ""


def test_a_model_that_is_not_there_is_said_so(tmp_path):
    done = run("generate", str(tmp_path / "none"))
    assert done.exit_code == 2
    assert "there is no model" in done.stderr


def test_a_prime_may_come_from_a_file(path, tmp_path):
    (tmp_path / "prime.txt").write_text("the cat ")
    done = run("generate", path, "--prime-file", str(tmp_path / "prime.txt"), "--length", "5",
               "--seed", "1")  # fmt: skip
    assert (
        done.stdout
        == run("generate", path, "--prime", "the cat ", "--length", "5", "--seed", "1").stdout
    )


ENDLESS = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")
def test_ctrl_c_ends_an_endless_text_cleanly(path):
    words = [sys.executable, "-m", "recurra", "generate", path, "--length", "0", "--seed", "1"]
    with subprocess.Popen(words, **ENDLESS) as process:
        try:
            process.stdout.read(500)  # it comes as it is drawn, without end
            process.send_signal(signal.SIGINT)
            text, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert text.endswith("\n")
    assert "characters" in said
    assert "Traceback" not in said


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe says so otherwise on Windows")
def test_a_reader_that_goes_away_ends_it_quietly(path):
    words = [sys.executable, "-m", "recurra", "generate", path, "--length", "0"]
    with subprocess.Popen(words, **ENDLESS) as process:
        try:
            process.stdout.read(10)
            process.stdout.close()
            said = process.stderr.read()
            process.wait(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 141
    assert "Traceback" not in said


def test_complete_goes_on_with_each_line_and_with_the_same_text(path, model):
    done = run("complete", path, "--length", "10", "--seed", "5", text="the cat\n\nthe dog\n")
    first = model.generate("the cat", length=10, seed=5)
    more = model.generate("the cat" + first, length=10, seed=6)
    other = model.generate("the dog", length=10, seed=7)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"the cat{first}\n{more}\nthe dog{other}\n"
