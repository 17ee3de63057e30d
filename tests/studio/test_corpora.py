from __future__ import annotations

import gzip
import json

from tests.studio.serving import TEXT, open_inside

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_a_text_is_taken_in_and_listed_first(inside, corpus):
    assert corpus["name"] == "little.txt"
    assert (corpus["origin"], corpus["ready"]) == ("mine", True)
    assert corpus["bytes"] == corpus["characters"] == len(TEXT)
    assert inside.send("GET", "/api/corpora").json()[0] == corpus


def test_a_packed_text_is_read(inside):
    answer = inside.ask("POST", "/api/corpora", gzip.compress(TEXT.encode()), query="name=a.gz")
    assert answer.json()["characters"] == len(TEXT)


def test_what_is_no_text_is_refused_and_leaves_nothing(inside):
    for body, said in ((b"\x7fELF\0\0\1\2" * 99, "is not a text"), (b"", "is empty"),
                       (gzip.compress(TEXT.encode())[:40], "is cut short")):  # fmt: skip
        answer = inside.ask("POST", "/api/corpora", body, query="name=thing")
        assert answer.status in (400, 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]
    assert list((inside.studio.home.corpora).iterdir()) == []


def test_uploads_have_a_bound(tmp_path):
    small = open_inside(tmp_path / "small", upload_limit=1000)
    try:
        assert small.ask("POST", "/api/corpora", b"a" * 1000).status == 201
        for headers in ({}, {"content-length": "1001"}):
            answer = small.ask("POST", "/api/corpora", b"a" * 1001, headers)
            assert answer.status == 413
            assert answer.json()["detail"].startswith("This is larger than the 0.001 MB")
            assert answer.headers["connection"] == "close"
        assert small.ask("POST", "/api/runs", b"[" * (9 << 20)).status == 413
        assert len(list(small.studio.home.corpora.iterdir())) == 1
    finally:
        small.close()


def test_names_are_text_and_one_line(inside):
    answer = inside.ask("POST", "/api/corpora", SCRIPT.encode() * 9,
                        query="name=%3Cscript%3E%0A%00%E2%80%AE+x")  # fmt: skip
    assert answer.json()["name"] == "<script> x"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_survey_tells_what_is_in_a_text(inside, corpus):
    found = inside.send("POST", f"/api/corpora/{corpus['id']}/survey", {}).json()
    assert found["characters"] == len(TEXT)
    assert found["lines"] == TEXT.count("\n")
    assert found["words"] == len(TEXT.split())
    assert found["vocabulary_size"] == len(set(TEXT))
    assert {bar["character"]: bar["count"] for bar in found["histogram"]} == {
        character: TEXT.count(character) for character in set(TEXT)
    }
    assert found["histogram"][0]["shown"] == "␣"
    assert sum(found["split"].values()) == len(TEXT)
    assert TEXT.startswith(found["preview"])
    assert found["advice"][0]["level"] == "warning"


def test_a_survey_reads_the_text_as_the_settings_say(inside, corpus):
    path = f"/api/corpora/{corpus['id']}/survey"
    words = inside.send("POST", path, {"vocabulary": "words", "validation": 0.2}).json()
    assert words["vocabulary_size"] > 200
    wrong = inside.send("POST", path, {"validation": 2}).json()
    assert (wrong["status"], wrong["field"]) == (422, "validation")
    unknown = inside.send("POST", path, {"vocabulry": "words"}).json()
    assert "did you mean 'vocabulary'" in unknown["detail"]


def test_a_passage_is_held_out_text_and_the_same_for_a_seed(inside, corpus):
    path = f"/api/corpora/{corpus['id']}/passage?length=40&seed="
    first, again, other = (inside.send("GET", path + seed).json() for seed in ("7", "7", "8"))
    assert first == again != other
    assert len(first) == 40
    assert first in TEXT[int(len(TEXT) * 0.88) :]


def test_a_text_is_renamed_and_removed(inside, corpus):
    path = f"/api/corpora/{corpus['id']}"
    assert inside.send("PATCH", path, {"name": "other"}).json()["name"] == "other"
    assert inside.send("PATCH", path, {"name": "x" * 201}).status == 422
    assert inside.send("DELETE", path).status == 204
    assert inside.send("DELETE", path).status == 404
    assert "There is no such text" in inside.send("POST", path + "/survey", {}).json()["detail"]


def test_public_texts_are_there_and_stay(inside):
    public = [one for one in inside.send("GET", "/api/corpora").json() if one["origin"] == "public"]
    ready = next(one for one in public if one["id"] == "public-python-source")
    assert ready["ready"]
    assert ready["licence"]
    assert inside.send("DELETE", f"/api/corpora/{ready['id']}").status == 409
    fetched = inside.send("POST", f"/api/corpora/{ready['id']}/fetch").lines()[-1]
    assert fetched["result"] == ready
    missing = next(one for one in public if not one["ready"])
    refused = inside.send("POST", "/api/runs", {"corpus": missing["id"]})
    assert refused.status == 409
    assert "fetch it first" in refused.json()["detail"]


def test_a_body_that_is_no_json_is_refused_with_a_sentence(inside, corpus):
    path = f"/api/corpora/{corpus['id']}/survey"
    answer = inside.ask("POST", path, b"{nonsense", {"content-type": "application/json"})
    assert answer.status == 422
    assert set(json.loads(answer.body)) >= {"type", "title", "status", "detail"}
