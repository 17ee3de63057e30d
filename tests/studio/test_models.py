from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load, save

from recurra.tasks.text import copies
from recurra.tasks.text.generate import GenerateOptions
from recurra.tasks.text.model import Model
from tests.studio.serving import TEXT


@pytest.fixture
def ask(inside, model):
    """Ask the model something."""
    return lambda what, value: inside.send("POST", f"/api/models/{model['id']}/{what}", value)


def test_a_model_says_what_it_is(inside, model, corpus, model_file):
    found = Model.load(model_file)
    assert (model["name"], model["kind"], model["network"]) == ("mine", "text", "LSTM 12, 8")
    assert model["parameters"] == found.parameters
    assert model["unit"] == "character"
    assert model["bytes"] == model_file.stat().st_size
    assert model["loss_nats"] == found.provenance["scores"]["held_out_loss_nats"]
    assert model["corpus"] == {"id": corpus["id"], "name": "little.txt"}
    assert inside.send("GET", f"/api/models/{model['id']}").json() == model
    (listed,) = inside.send("GET", "/api/models").json()
    assert len(model["document"]["task"]["vocabulary"]["characters"]) > 20
    # Lists leave out the tokens, which are many; all else is there.
    model["document"]["task"]["vocabulary"] = listed["document"]["task"]["vocabulary"]
    assert listed == model
    assert listed["document"]["task"]["vocabulary"] == {"kind": "characters", "unknown": False}


def test_the_file_comes_back_as_it_was_whole_or_in_part(inside, model, model_file):
    path, whole = f"/api/models/{model['id']}/file", model_file.read_bytes()
    answer = inside.ask("GET", path)
    assert answer.body == whole
    assert 'filename="mine.safetensors"' in answer.headers["content-disposition"]
    part = inside.ask("GET", path, headers={"range": "bytes=10-19"})
    assert (part.status, part.body) == (206, whole[10:20])


def test_damaged_and_hostile_files_are_refused(inside, model_file):
    good = model_file.read_bytes()
    size = struct.unpack("<Q", good[:8])[0]
    header = json.loads(good[8 : 8 + size])
    document = json.loads(header["__metadata__"]["recurra"])
    document["spec"]["stack"]["sizes"] = [10**6]
    arrays = load(good)
    cases = [b"", b"\xff" * 64, good[:100], good[:-1], struct.pack("<Q", 2**62) + good[8:],
             save(arrays), save(arrays, {"recurra": "[]"}), save(arrays, {"recurra": "{}"}),
             save(arrays, {"recurra": json.dumps(document)})]  # fmt: skip
    for case in cases:
        answer = inside.ask("POST", "/api/models", case, query="name=bad.safetensors")
        assert answer.status in (400, 422)
        assert str(inside.studio.home.path) not in answer.json()["detail"]
    assert list(inside.studio.home.models.iterdir()) == []


def test_it_writes_what_the_library_writes(ask, model_file):
    answer = ask("generate", {"prime": "3 men ", "length": 90, "seed": "11", "temperature": 0.7})
    pieces = answer.lines()
    want = Model.load(model_file).generate("3 men ", length=90, seed=11, temperature=0.7)
    assert "".join(piece["text"] for piece in pieces) == want
    assert [t for piece in pieces for t in piece["tokens"]] == list(want)
    assert sum(len(piece["log_probs"]) for piece in pieces) == 90
    assert [piece["ended"] for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert answer.headers["content-type"] == "application/x-ndjson"


def test_another_sample_is_another_text(ask):
    def text(**more):
        request = {"length": 60, "seed": "18446744073709551615", **more}
        return "".join(piece["text"] for piece in ask("generate", request).lines())

    assert text() == text() != text(sample=1)
    stopped = text(stop=["\n"])
    assert "\n" not in stopped
    assert text().startswith(stopped)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"temperature": -1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"seed": "18446744073709551616"}, "seed"),
        ({"seed": "-1"}, "seed"),
        ({"length": -1}, "length"),
        ({"prime": "\u20ac", "unknown": "refuse"}, None),
        ({"lenght": 3}, "lenght"),
    ],
)
def test_wrong_settings_are_named(ask, request_, field):
    answer = ask("generate", request_)
    assert answer.status == 422
    assert answer.json().get("field") == field


def test_the_likeliest_next_tokens(ask, model_file):
    found = ask("next", {"text": "4 men said", "count": 3}).json()
    how = GenerateOptions(length=1)
    drawn = Model.load(model_file).samples("4 men said", how, alternatives=3).samples[0]
    want = [probability for _, probability in drawn.alternatives[0]]
    assert [one["probability"] for one in found] == pytest.approx(want, rel=1e-4)


def test_copies_are_found_with_their_place(ask):
    mine = "Nobody wrote this. "
    found = ask("copies", {"text": mine + TEXT[100:160]}).json()
    assert found["known"]
    assert found["shortest"] == 20
    (copy,) = [one for one in found["copies"] if one["length"] >= 60]
    assert copy["start"] <= len(mine)
    assert TEXT[100:160] in copy["context"]
    assert copy["corpus"] == "little.txt"


def test_what_the_search_for_copies_builds_is_built_once(ask, monkeypatch):
    built = []
    original = copies.suffix_array
    monkeypatch.setattr(copies, "suffix_array", lambda part: built.append(1) or original(part))
    answers = [ask("copies", {"text": TEXT[100:160]}).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["copies"]
    assert len(built) == 1


def test_without_the_text_nothing_is_known_of_copies(inside, ask, corpus):
    inside.send("DELETE", f"/api/corpora/{corpus['id']}")
    assert ask("copies", {"text": TEXT[:60]}).json()["known"] is False


def test_a_trace_holds_every_gate_and_state(ask, model_file):
    text = TEXT[:50]
    answer = ask("trace", {"text": text})
    size = struct.unpack("<Q", answer.body[:8])[0]
    assert size % 4 == 0  # so that arrays can be looked at where they lie
    header = json.loads(answer.body[8 : 8 + size])
    document = json.loads(header["__metadata__"]["trace"])
    arrays = load(answer.body)
    want = Model.load(model_file).trace(text)
    assert document["sizes"] == [12, 8]
    assert document["tokens"][1:] == list(text)
    assert set(arrays) == {"surprise"} | {f"{k}.{n}" for k in (0, 1) for n in "ifgoch"}
    assert np.isnan(arrays["surprise"][0])
    np.testing.assert_allclose(arrays["surprise"][1:], want.surprise, rtol=1e-4)
    np.testing.assert_allclose(
        arrays["1.c"][1:], want["c"].at(layer=1).values, rtol=1e-4, atol=1e-6
    )
    likeliest = document["likeliest"]
    assert [len(row) for row in likeliest] == [5] * 51
    assert all(row[0]["probability"] >= row[4]["probability"] for row in likeliest)


def test_saliency_is_the_librarys(ask, model_file):
    text, position = TEXT[:30], 12
    found = ask("saliency", {"text": text, "position": position, "target": None}).json()
    want = Model.load(model_file).saliency(text, position)
    assert found["target"] == text[position]
    assert found["log_prob"] == pytest.approx(want.score)
    assert len(found["norm"]) == position + 1
    assert found["norm"][1:] == pytest.approx(want.norm.tolist())
    assert found["dot"][1:] == pytest.approx(want.dot.tolist())
    assert ask("saliency", {"text": text, "position": 31}).json()["field"] == "position"


def test_inside_tells_of_every_unit(ask):
    lines = ask("inside", {"text": TEXT[:2000], "pattern": "men"}).lines()
    assert [line["share"] for line in lines[:-1]] == sorted(line["share"] for line in lines[:-1])
    found = lines[-1]["result"]
    assert {(one["layer"], one["unit"]) for one in found["units"]} == {
        (k, n) for k, size in ((0, 12), (1, 8)) for n in range(size)
    }
    assert "matches men" in found["features"]
    failed = ask("inside", {"text": TEXT[:2000], "pattern": "("}).lines()[-1]
    assert failed["error"]["status"] == 422


def test_a_text_too_long_to_trace_is_refused(ask, monkeypatch):
    monkeypatch.setattr("recurra.studio.lens.TRACE_BYTES", 10_000)
    answer = ask("trace", {"text": TEXT})
    assert answer.status == 422
    assert "take a shorter passage" in answer.json()["detail"]


def test_markup_in_a_models_output_stays_text(inside, tmp_path):
    # A model that can write nothing but this.
    from recurra.tasks.text.training import train

    markup = "<script>alert(1)</script>\n"
    path = tmp_path / "markup.txt"
    path.write_text(markup * 200)
    made = train(str(path), sizes=(24,), embedding=8, batch_size=8, window=32, steps=150,
                 sample_every=0, engine="reference", learning_rate=0.02)  # fmt: skip
    made.save(tmp_path / "markup.safetensors")
    body = (tmp_path / "markup.safetensors").read_bytes()
    id = inside.ask("POST", "/api/models", body, query="name=%3Cb%3E").json()["id"]
    answer = inside.send("POST", f"/api/models/{id}/generate",
                         {"length": 200, "temperature": 0, "prime": "\n"})  # fmt: skip
    assert "<script>alert(1)</script>" in "".join(piece["text"] for piece in answer.lines())
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_model_is_renamed_and_removed(inside, model):
    path = f"/api/models/{model['id']}"
    assert inside.send("PATCH", path, {"name": "better"}).json()["name"] == "better"
    assert inside.send("DELETE", path).status == 204
    assert inside.send("GET", path).status == 404
    assert inside.send("POST", path + "/generate", {}).status == 404
