"""`recurra compress` and `recurra decompress`."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import recurra
from recurra.cli.main import app

TEXT = "the cat sat on the mat,\nthe dog lay in the fog.\n\n" * 60


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compress")
    (folder / "poem.txt").write_text(TEXT)
    recurra.train(
        folder / "poem.txt", run=folder / "run", steps=30, engine="reference", sizes=[16],
        batch_size=8, window=32, learning_rate=2e-2,
    )  # fmt: skip
    return folder / "run"


def recurra_(*words: object):
    return CliRunner().invoke(app, list(map(str, words)))


def test_a_file_goes_and_comes_back(run, tmp_path):
    file = tmp_path / "poem.txt"
    file.write_bytes((TEXT + "naïve\r\n").encode() + b"\xff")
    done = recurra_("compress", run, file)
    assert done.exit_code == 0, done.output
    assert "bits a character" in done.stderr
    packed = tmp_path / "poem.txt.rcr"
    assert packed.stat().st_size < len(TEXT)
    taken = recurra_("decompress", run, packed)
    assert taken.exit_code == 2
    assert "is there already" in taken.stderr
    want = file.read_bytes()
    file.unlink()
    assert recurra_("decompress", run, packed).exit_code == 0
    assert file.read_bytes() == want
    assert recurra_("decompress", run, packed, "-o", "-").stdout_bytes == want


def test_what_cannot_be_opened_is_said_in_a_sentence(run, tmp_path):
    (tmp_path / "poem.txt").write_text(TEXT)
    for words in (
        ("compress", run, tmp_path / "nowhere.txt"),
        ("decompress", run, tmp_path / "poem.txt"),
        ("decompress", run, tmp_path / "poem.txt", "-o", tmp_path / "out"),
    ):
        done = recurra_(*words)
        assert done.exit_code == 2
        assert done.stderr.startswith("recurra: ")
    assert not (tmp_path / "out").exists()
