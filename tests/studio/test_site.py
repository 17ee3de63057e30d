"""How the site's files are delivered."""

from __future__ import annotations

import gzip
import hashlib

import pytest

SCRIPT = "assets/large-0123.js"
CONTENT = b"export const many = [1, 2, 3];\n" * 200


@pytest.fixture
def script(site):
    (site / SCRIPT).write_bytes(CONTENT)
    return "/" + SCRIPT


def test_a_script_comes_packed_to_who_takes_it(script, inside):
    plain = inside.ask("GET", script)
    packed = inside.ask("GET", script, headers={"accept-encoding": "br, gzip"})
    assert plain.body == CONTENT
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(packed.body) < len(CONTENT)
    assert gzip.decompress(packed.body) == CONTENT
    assert packed.headers["etag"] != plain.headers["etag"]
    for answer in (plain, packed):
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]
        again = inside.ask(
            "GET", script,
            headers={"if-none-match": answer.headers["etag"], "accept-encoding": "gzip"},
        )  # fmt: skip
        assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=x"])
def test_who_does_not_take_gzip_gets_the_file(script, inside, accepted):
    answer = inside.ask("GET", script, headers={"accept-encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.body == CONTENT


def test_a_part_is_a_part_of_the_file_as_it_lies(script, inside):
    asked = {"accept-encoding": "gzip", "range": "bytes=7-11"}
    answer = inside.ask("GET", script, headers=asked)
    assert (answer.status, answer.body) == (206, b"const")


def test_a_file_that_is_replaced_is_packed_anew(script, inside, site):
    asked = {"accept-encoding": "gzip"}
    inside.ask("GET", script, headers=asked)
    (site / SCRIPT).write_bytes(CONTENT * 2)
    assert gzip.decompress(inside.ask("GET", script, headers=asked).body) == CONTENT * 2


def test_the_texts_of_an_export_are_served_beside_the_site(inside, tmp_path):
    cache = tmp_path / "cache"
    assert not list(cache.rglob("*.txt")), "a start makes none of them"
    (reference,) = (one for one in inside.ask("GET", "/corpora/index.json").json()
                    if one["id"] == "python-reference")  # fmt: skip
    text = inside.ask("GET", f"/corpora/{reference['file']}")
    assert text.headers["content-type"].startswith("text/plain")
    assert text.headers["cache-control"] == "no-cache"
    assert hashlib.sha256(text.body).hexdigest() == reference["sha256"]
    licence = inside.ask("GET", "/corpora/python-reference.LICENCE.txt")
    assert b"PYTHON SOFTWARE FOUNDATION LICENSE" in licence.body
    for path in ("/corpora/index.json", f"/corpora/{reference['file']}"):
        assert inside.ask("GET", path, token=False).status == 401
    for path in ("/corpora/none.txt", "/corpora/", "/corpora/..%2f..%2f..%2fhome%2ftoken"):
        assert inside.ask("GET", path).status == 404, path


def test_without_a_cache_the_site_has_no_texts_but_its_own(inside, site, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "file"))
    (site / "corpora").mkdir()
    (site / "corpora" / "index.json").write_text("[]")
    assert inside.ask("GET", "/corpora/index.json").json() == []
    assert inside.ask("GET", "/corpora/python-reference.txt").status == 404


def test_answers_of_the_api_are_never_packed(inside):
    answer = inside.ask("GET", "/api/options", headers={"accept-encoding": "gzip"})
    assert len(answer.body) > 2000
    assert "content-encoding" not in answer.headers
