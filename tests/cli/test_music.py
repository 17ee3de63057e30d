"""`recurra music`: from files to a model to pieces, as a person types it."""

import json
import shutil
import sys

import pytest
from click.testing import CliRunner

from recurra.cli.main import app
from recurra.formats.abc import read_collection
from recurra.formats.midi import read_midi, write_midi
from tests.tasks.music.toy import chorales, chord_piece, collection

QUICK = [
    "--sizes", "8", "--embedding", "4", "--batch-size", "4", "--window", "16", "--transpose", "1",
    "--engine", "reference", "--sample-every", "0", "--dropout", "0",
]  # fmt: skip


def recurra(*words, code=0):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    (folder / "tunes").mkdir()
    (folder / "tunes" / "a.abc").write_text(collection(12))
    (folder / "tunes" / "bad.mid").write_bytes(b"no")
    (folder / "c.json").write_text(chorales(9))
    told = recurra("music", "train", folder / "tunes", "--run", folder / "abc", "--steps", "30",
                   "--minimum-count", "1", *QUICK)  # fmt: skip
    recurra("music", "train", folder / "c.json", "--run", folder / "jsb", "--steps", "5", *QUICK)
    return folder, told.stderr


def test_training_tells_what_was_read_and_what_comes_next(runs):
    folder, told = runs
    assert "tokens of abc" in told
    assert "bad.mid is not MIDI" in told
    assert f"recurra music compose {folder / 'abc'}" in told


def test_a_piece_is_written_in_every_form(runs, tmp_path):
    names = [tmp_path / f"t.{kind}" for kind in ("mid", "abc", "musicxml", "svg", "wav")]
    recurra("music", "compose", runs[0] / "abc", "--bars", 4, "--seed", 1, "--title", "Mine",
            "-o", ",".join(map(str, names)))  # fmt: skip
    assert all(name.stat().st_size > 60 for name in names)
    (tune,), _ = read_collection(names[1].read_text())
    assert tune.title == "Mine"
    assert read_midi(names[0].read_bytes()).notes


def test_several_pieces_are_numbered_and_abc_is_printed(runs, tmp_path):
    recurra(
        "music", "compose", runs[0] / "abc", "--samples", 3, "--bars", 2, "-o", tmp_path / "t.mid"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t-1.mid", "t-2.mid", "t-3.mid"]
    shown = recurra("music", "compose", runs[0] / "abc", "--samples", 2, "--bars", 2, "--key", "G")
    tunes, _ = read_collection(shown.stdout)
    assert [tune.tokens[1] for tune in tunes] == ["K:G", "K:G"]
    assert "seed" in shown.stderr


def test_json_tells_notes_and_seed(runs):
    shown = recurra("music", "compose", runs[0] / "jsb", "--bars", 2, "--seed", 5, "--json")
    facts = json.loads(shown.stdout)
    assert facts["seed"] == 5
    assert facts["pieces"][0]["duration"] == pytest.approx(8 * 0.6)


def test_a_melody_is_harmonised_and_a_piece_continued(runs, tmp_path):
    melody = tmp_path / "melody.mid"
    melody.write_bytes(write_midi(chord_piece((67,), (69,), (71,), (72,))))
    out = tmp_path / "four.mid"
    recurra("music", "compose", runs[0] / "jsb", "--prime", melody, "--given", "1", "-o", out)
    piece = read_midi(out.read_bytes())
    tops = [max(n.pitch for n in piece.notes if n.start == t * 480) for t in range(4)]
    assert tops == [67, 69, 71, 72]
    assert len(piece.notes) == 16
    recurra("music", "compose", runs[0] / "jsb", "--prime", melody, "--length", 40, "-o", out)
    assert [n.pitch for n in read_midi(out.read_bytes()).notes if n.start < 4 * 480] == [
        67,
        69,
        71,
        72,
    ]


def test_scores_are_told_by_the_step_and_by_the_token(runs):
    folder, _ = runs
    told = json.loads(recurra("music", "score", folder / "jsb", "--json").stdout)
    assert (told["pieces"], told["steps"]) == (3, 24)
    assert told["nats_per_step"] == pytest.approx(told["nats_per_token"] * told["tokens"] / 24)
    assert "nats a step" in recurra("music", "score", folder / "jsb").stdout
    named = recurra("music", "score", folder / "jsb", folder / "c.json", "--json").stdout
    assert json.loads(named)["nats_per_step"] == pytest.approx(told["nats_per_step"])
    assert "perplexity" in recurra("music", "score", folder / "abc").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["music", "train", "nowhere.abc"], "there is no file"),
        (["music", "compose", "{abc}", "-o", "a.mp3"], "ends in none of"),
        (
            ["music", "compose", "{abc}", "--meter", "17/8"],
            "--meter is '17/8', but the model knows",
        ),
        (["music", "compose", "{jsb}", "--meter", "x"], "--meter is 'x', but has to be like 3/4"),
        (["music", "compose", "{jsb}", "--key", "H"], "--key is 'H', but has to be a letter"),
        (["music", "compose", "{abc}", "--prime-bars", "2"], "--prime-bars counts bars of a given"),
        (["music", "train", "notingham"], "did you mean 'nottingham'"),
        (["music", "score", "{abc}", "{folder}/odd.abc"], "no tokens for any"),
        (["music", "compose", "{jsb}", "--given", "1"], "given voices need a piece"),
        (["generate", "{abc}"], "a model of music"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(runs, words, sentence):
    places = {"abc": runs[0] / "abc", "jsb": runs[0] / "jsb", "folder": runs[0]}
    (runs[0] / "odd.abc").write_text("X:1\nM:4/4\nK:C\n^a17/3 z|\n")
    done = recurra(*[word.format(**places) for word in words], code=2)
    assert sentence in done.stderr
    assert done.stderr.startswith("recurra: ")


def test_nothing_is_written_where_one_of_the_files_cannot_be(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    files = f"{tmp_path / 'a.mid'},{tmp_path / 'a.ogg'}"
    told = recurra("music", "compose", runs[0] / "abc", "--bars", 2, "-o", files, code=2)
    assert ".ogg needs the package soundfile" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_resumed_by_the_verb_for_all_runs(runs, tmp_path):
    shutil.copytree(runs[0] / "jsb", tmp_path / "jsb")
    recurra("resume", tmp_path / "jsb", "--steps", 8)
    assert json.loads((tmp_path / "jsb" / "run.json").read_text())["progress"]["step"] == 8
