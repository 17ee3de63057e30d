"""Music over HTTP: what the library composes, as facts, as files, and as a trace."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from safetensors.numpy import load

from recurra.core.notes import TICKS
from recurra.core.sampling import SamplingOptions
from recurra.formats.abc import read_collection
from recurra.formats.abc_score import write_abc
from recurra.formats.midi import read_midi, write_midi
from recurra.formats.music_files import from_json
from recurra.formats.musicxml import read_musicxml
from recurra.tasks.music.compose import ComposeOptions, compose
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.vocabulary import (
    AbcVocabulary,
    PerformanceVocabulary,
    PolyphonyVocabulary,
)
from tests.tasks.music.toy import chord_piece, collection, model_of

TUNES = read_collection(collection(8))[0]
VOCABULARIES = {
    "abc": AbcVocabulary.learn([tune.tokens for tune in TUNES], 1),
    "polyphony": PolyphonyVocabulary(48, 72),
    "performance": PerformanceVocabulary(),
}


@pytest.fixture(scope="module", params=list(VOCABULARIES))
def music_file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("music") / "model.safetensors"
    model_of(VOCABULARIES[request.param]).save(path)
    return path


def brought(inside, path):
    answer = inside.ask("POST", "/api/models", path.read_bytes(), query="name=mine")
    assert answer.status == 201, answer.body
    return answer.json()["id"]


@pytest.fixture
def tunes(inside, tmp_path):
    """The id of a model of tunes."""
    model_of(VOCABULARIES["abc"]).save(tmp_path / "tunes.safetensors")
    return brought(inside, tmp_path / "tunes.safetensors")


@pytest.fixture
def chords(inside, tmp_path):
    model_of(VOCABULARIES["polyphony"]).save(tmp_path / "chords.safetensors")
    return brought(inside, tmp_path / "chords.safetensors")


def composed(inside, id, **request):
    answer = inside.send("POST", f"/api/music/models/{id}/compose", request)
    assert answer.status == 200, answer.body
    (result,) = [line["result"] for line in answer.lines() if "result" in line]
    return result


def plain(facts):
    """Return a piece's document as the library reads it."""
    return from_json({**facts["piece"], "split": ""})


def test_it_composes_what_the_library_composes(inside, music_file):
    id = brought(inside, music_file)
    found = composed(inside, id, seed="7", length=60, temperature=0.8, top_p=0.9)
    model = MusicModel.load(music_file)
    want = compose(
        model, ComposeOptions(seed=7, length=60), SamplingOptions(temperature=0.8, top_p=0.9)
    ).pieces[0]
    tune = found["tune"]
    assert found["seed"] == "7"
    assert tune["tokens"] == want.tokens.tolist()
    assert {name: tune[name] for name in want.facts()} == want.facts()
    assert plain(tune) == want.piece
    assert tune["names"] == [model.vocabulary.token_text(t) for t in tune["tokens"]]


def test_tokens_stand_where_they_sound(inside, music_file):
    id = brought(inside, music_file)
    tune = composed(inside, id, seed="2", length=200, tempo=90)["tune"]
    times = tune["times"]
    assert len(times) == len(tune["tokens"])
    starts = {round(note["start"], 6) for note in tune["notes"]}
    if all(name != ":|" for name in tune["names"]):
        # In a repeat notes sound again whose tokens stand where they are read first.
        assert starts <= {round(time, 6) for time in times}
    assert len(starts & {round(time, 6) for time in times}) > 3
    assert max(times) <= tune["duration"] + 1e-9


def test_key_metre_and_bars_are_kept(inside, tunes):
    tune = composed(inside, tunes, seed="3", key="G", metre="4/4", bars=3, length=900)["tune"]
    assert (tune["key"], tune["metre"]) == ("G", [4, 4])
    assert tune["names"][:2] == ["M:4/4", "K:G"]


def test_it_goes_on_from_a_piece(inside, tunes):
    piece = {"notes": [], "abc": " ".join(TUNES[0].tokens), "length": 0}
    read = inside.send("POST", f"/api/music/models/{tunes}/tokens", piece).json()
    assert read["names"] == list(TUNES[0].tokens)
    assert read["notes"]
    made = composed(inside, tunes, seed="1", prime=read["piece"], prime_bars=2, length=80)["tune"]
    assert made["begun"] > 3
    assert made["tokens"][: made["begun"]] == read["tokens"][: made["begun"]]


def test_it_harmonises_a_melody(inside, chords):
    melody = chord_piece((70,), (69,), (67,), (65,))
    given = {"notes": [list(note) for note in melody.notes], "length": melody.length}
    tune = composed(inside, chords, seed="5", prime=given, given=[1], voices=3, particles=4)["tune"]
    steps = [sorted(n["pitch"] for n in tune["notes"] if abs(n["start"] - 0.6 * k) < 1e-6)
             for k in range(4)]  # fmt: skip
    assert [step[-1] for step in steps] == [70, 69, 67, 65]
    assert all(len(step) == 3 for step in steps)


@pytest.mark.parametrize("kind", ["mid", "abc", "musicxml", "wav", "svg"])
def test_every_format_holds_the_piece(inside, chords, kind):
    tune = composed(inside, chords, seed="4", length=60, bars=2)["tune"]
    answer = inside.send("POST", "/api/music/render", {"piece": tune["piece"], "format": kind})
    assert answer.status == 200, answer.body
    assert answer.headers["content-disposition"].startswith("attachment")
    piece = plain(tune).cleaned()
    heard = sorted((n.start, n.pitch) for n in piece.notes)
    if kind == "mid":
        assert sorted((n.start, n.pitch) for n in read_midi(answer.body).notes) == heard
    elif kind == "musicxml":
        read = read_musicxml(answer.body)
        assert sorted((n.start, n.pitch) for n in read.notes) == heard
    elif kind == "abc":
        assert answer.body.decode() == write_abc(plain(tune)) == tune["abc"]
    elif kind == "wav":
        assert answer.body[:4] == b"RIFF"
        seconds = (len(answer.body) - 44) / (4 * 44_100)
        assert tune["duration"] < seconds < tune["duration"] + 3
    else:
        assert answer.body.count(b'rx="1.5"') == len(piece.notes)


@pytest.mark.parametrize("name", ["tune.mid", "tunes.abc", "roll.json"])
def test_a_file_is_read_and_forgotten(inside, name):
    piece = chord_piece((60, 64), (62, 65))
    data = {
        "tune.mid": write_midi(piece),
        "tunes.abc": collection(3).encode() + b"\nX:9\nT:Bad\nK:C\nQ?\n",
        "roll.json": json.dumps({"train": [[[60, 64], [62, 65]]]}).encode(),
    }[name]
    found = inside.ask("POST", "/api/music/read", data, query=f"name={name}")
    assert found.status == 200, found.body
    answer = found.json()
    assert answer["count"] == len(answer["pieces"]) == (3 if name == "tunes.abc" else 1)
    assert len(answer["notes"]) == (1 if name == "tunes.abc" else 0)
    assert all(one["notes"] and one["abc"] for one in answer["pieces"])
    assert list(inside.studio.home.corpora.iterdir()) == []
    assert str(inside.studio.home.path) not in found.body.decode()


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.txt", b"x"), ("a.mid", b"MThd"), ("a.mid", b"\xff" * 3000), ("a.abc", b"nothing"),
     ("a.npz", b"PK"), ("../../a.musicxml", b"<a>")],
)  # fmt: skip
def test_what_is_no_music_is_refused_by_its_name(inside, name, data):
    answer = inside.ask("POST", "/api/music/read", data, query=f"name={name}")
    assert answer.status == 400
    assert name in answer.json()["detail"]
    assert str(inside.studio.home.path) not in answer.json()["detail"]


def test_a_trace_holds_every_unit_at_every_token(inside, tunes, tmp_path):
    tune = composed(inside, tunes, seed="6", length=50)["tune"]
    answer = inside.send("POST", f"/api/music/models/{tunes}/trace", {"tokens": tune["tokens"]})
    arrays = load(answer.body)
    count = len(tune["tokens"]) + 1
    assert arrays["0.h"].shape == arrays["0.c"].shape == (count, 8)
    model = MusicModel.load(tmp_path / "tunes.safetensors")
    network = model.network()
    read = np.array([0, *tune["tokens"]], np.int64)
    _, state = network.forward(read[:, None], network.zero_state(1))
    last = network.export_state(state)
    np.testing.assert_allclose(arrays["0.h"][-1], last["h_l0"][0], atol=1e-5)


@pytest.mark.parametrize(
    ("request_", "field"),
    [({"key": "F#"}, "key"), ({"metre": "11/8"}, "metre"), ({"bars": 0}, "bars"),
     ({"temperature": -1}, "temperature"), ({"seed": "x"}, "seed"), ({"length": 10**6}, "length"),
     ({"given": [1]}, "given"), ({"tempo": 1}, "tempo"), ({"speed": 1}, "speed")],
)  # fmt: skip
def test_wrong_settings_are_named(inside, tunes, request_, field):
    answer = inside.send("POST", f"/api/music/models/{tunes}/compose", request_)
    problem = answer.json() if answer.status != 200 else answer.lines()[-1]["error"]
    assert problem["status"] == 422
    assert problem["field"] == field


@pytest.mark.parametrize(
    "piece",
    [{"notes": [[0, 0, 60, 80, 0]]}, {"notes": [[0, 9, 128, 80, 0]]}, {"notes": [[0, 9, 60, 0, 0]]},
     {"notes": [[0, 10**9, 60, 80, 0]]}, {"notes": [], "tempos": []}, {"notes": [], "abc": "a  b"},
     {"notes": [], "metre": [4, 5]}, {"notes": [], "tempos": [[0, 1e9]]}, {}],
)  # fmt: skip
def test_a_piece_that_cannot_be_is_refused(inside, piece):
    answer = inside.send("POST", "/api/music/render", {"piece": piece, "format": "mid"})
    assert answer.status == 422


def test_a_long_piece_is_not_rendered_as_sound(inside):
    piece = {"notes": [[0, 3_000_000, 60, 80, 0]], "tempos": [[0, 60]]}
    answer = inside.send("POST", "/api/music/render", {"piece": piece, "format": "wav"})
    assert answer.status == 409
    assert "104 minutes" in answer.json()["detail"]


def test_a_text_model_does_not_compose(inside, model):
    answer = inside.send("POST", f"/api/music/models/{model['id']}/compose", {})
    assert answer.status == 409
    assert "a model of text" in answer.json()["detail"]


def test_an_unknown_model_is_told(inside):
    assert inside.send("POST", "/api/music/models/nothing/compose", {}).status == 404


def test_png_needs_no_page(inside):
    pytest.importorskip("matplotlib")
    piece = {"notes": [[0, TICKS, 60, 80, 0]]}
    answer = inside.send("POST", "/api/music/render", {"piece": piece, "format": "png"})
    assert io.BytesIO(answer.body).read(8) == b"\x89PNG\r\n\x1a\n"
