from __future__ import annotations

import base64
import hashlib
import random
import re
import sys

import pytest

from recurra.studio.openapi import document
from recurra.studio.security import Gate, split_host
from tests.studio.serving import HOST, TOKEN

ROUTES = [
    (method.upper(), path.replace("{id}", "0123456789abcdef"))
    for path, methods in document()["paths"].items()
    for method in methods
]
STATIC = [("GET", path) for path in ("/", "/index.html", "/assets/app-0123.js", "/api/openapi.json",
                                     "/api/nothing", "/nothing")]  # fmt: skip


def test_every_route_is_described():
    assert len(ROUTES) >= 28


@pytest.mark.parametrize(("method", "path"), ROUTES + STATIC)
def test_without_the_token_every_route_is_401(inside, method, path):
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"},
                    {"cookie": "recurra-8765=wrong"}, {"cookie": "="}):  # fmt: skip
        headers = {"origin": f"http://{HOST}", **headers}
        answer = inside.ask(method, path, b"{}", headers, token=False)
        assert answer.status == 401
        assert answer.json()["detail"].startswith("The token is missing or wrong.")
        assert TOKEN.encode() not in answer.body


FORGED = [
    "", ":8765", "evil.example", "evil.example:8765", "127.0.0.1", "localhost", "localhost:80",
    "localhost:8766", "localhost.evil.example:8765", "127.0.0.1.evil.example:8765",
    "127.0.0.2:8765", "128.0.0.1:8765", "0.0.0.0:8765", "10.0.0.1:8765", "192.168.0.1:8765",
    "169.254.169.254:8765", "[::]:8765", "[::2]:8765", "[fe80::1]:8765", "::1:8765", "[::1]",
    "[::1]:8766", "[127.0.0.1]:8766", "localhost:", "localhost:8765:8765", "localhost:08765x",
    "localhost:-8765", "localhost:+8765", "localhost:99999", "localhost:8765 ", " localhost:8765",
    "localhost:8765, evil.example", "localhost@evil.example:8765", "http://localhost:8765",
    "localhost:8765/", "localhost.:8765", "LOCALHOST.EVIL:8765", "loc\u00e4lhost:8765",
    "localhost:\u00b2", "user:pass@localhost:8765", "2130706433:8765", "0x7f000001:8765",
]  # fmt: skip


@pytest.mark.parametrize("host", FORGED)
def test_forged_hosts_are_refused(inside, host):
    for method, path in (("GET", "/api/health"), ("GET", "/"), ("POST", "/api/runs")):
        assert inside.ask(method, path, b"{}", {"host": host}).status == 403


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "localhost:8765", "LocalHost:8765", "[::1]:8765"]
)
def test_the_servers_own_names_are_known(inside, host):
    assert inside.ask("GET", "/api/health", headers={"host": host}).status == 200


def test_two_hosts_or_none_are_refused(inside):
    assert Gate(TOKEN, 8765).knows("localhost:8765")
    assert split_host("a:b:c") == (None, 0)
    assert not len(FORGED) < 40


def test_for_other_computers_addresses_count_but_names_do_not():
    gate = Gate(TOKEN, 8765, remote=True)
    assert gate.knows("192.168.0.7:8765")
    assert gate.knows("[fe80::1]:8765")
    assert not gate.knows("192.168.0.7:80")
    assert not gate.knows("rebound.example:8765")


FOREIGN = [
    {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "https://127.0.0.1:8765"},
    {"origin": "http://127.0.0.1:8766"}, {"origin": "http://localhost:8765"},
    {"origin": "http://127.0.0.1:8765.evil.example"}, {"origin": "file://"}, {"origin": ""},
    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
    {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
    {"origin": "chrome-extension://abcdef"},
]  # fmt: skip


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: " ".join(headers.values()))
def test_requests_from_other_sites_are_refused(inside, headers):
    cookie = {"cookie": f"recurra-8765={TOKEN}"}
    assert len(FOREIGN) == 16
    for method, path in (("GET", "/api/corpora"), ("POST", "/api/runs"), ("GET", "/")):
        for token in (True, False):
            given = headers if token else headers | cookie
            assert inside.ask(method, path, b"{}", given, token=token).status == 403


def test_what_changes_something_by_a_cookie_needs_the_browsers_word(inside):
    cookie = {"cookie": f"other=1; recurra-8765={TOKEN}"}
    assert inside.ask("GET", "/api/corpora", headers=cookie, token=False).status == 200
    assert inside.ask("POST", "/api/corpora", b"x", cookie, token=False).status == 403
    for word in ({"origin": f"http://{HOST}"}, {"sec-fetch-site": "same-origin"}):
        answer = inside.ask("POST", "/api/corpora", b"some text", cookie | word, token=False)
        assert answer.status == 201


def test_the_first_visit_takes_the_token_into_a_cookie(inside):
    answer = inside.ask("GET", f"/?token={TOKEN}", token=False)
    cookie = answer.headers["set-cookie"]
    assert answer.status == 200
    assert cookie.startswith(f"recurra-8765={TOKEN};")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN.encode() not in answer.body
    # What follows "#" never reaches a server, so the page itself takes it along; nothing else runs.
    script = re.search(rb"<script>(.*)</script>", answer.body)[1]
    assert b"location.hash" in script
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"default-src 'none'; script-src 'sha256-{digest}';" in policy
    # A link to it may stand on another page; another request with the token may not come from one.
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert inside.ask("GET", f"/?token={TOKEN}", headers=link, token=False).status == 200
    image = link | {"sec-fetch-mode": "no-cors"}
    assert inside.ask("GET", f"/?token={TOKEN}", headers=image, token=False).status == 403
    assert inside.ask("GET", "/?token=wrong", token=False).status == 401
    assert inside.ask("GET", f"/api/corpora?token={TOKEN}", token=False).status == 401


def test_a_person_without_the_token_sees_a_page_that_asks_for_it(inside):
    answer = inside.ask("GET", "/", headers={"accept": "text/html,*/*"}, token=False)
    assert answer.status == 401
    assert b"needs the token" in answer.body


@pytest.mark.parametrize("path", ["/", "/assets/app-0123.js", "/api/health", "/nothing"])
def test_answers_carry_the_protecting_headers(inside, path):
    headers = inside.ask("GET", path).headers
    policy = headers["content-security-policy"]
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert "worker-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


def test_the_site_is_served(inside):
    page = inside.ask("GET", "/")
    assert (page.status, page.headers["cache-control"]) == (200, "no-cache")
    asset = inside.ask("GET", "/assets/kernel-0123.wasm")
    assert asset.headers["content-type"] == "application/wasm"
    assert "immutable" in asset.headers["cache-control"]
    assert inside.ask("GET", "/nothing").json()["status"] == 404


def hostile(count):
    """Return strings that try to leave a folder."""
    draw = random.Random(7)
    up = ["..", "../", "..\\", "%2e%2e/", "..%2f", "..%5c", "%252e%252e/", "....//", "..;/",
          ".%00./",
          "\u2025/", "\uff0e\uff0e/", "..\u2215", "..\u29f5", "%c0%ae%c0%ae/",
          "/", "//", "\\\\"]  # fmt: skip
    ends = ["etc/passwd", "token", "studio.json", "corpus.json", "text", "model.safetensors",
            "run.json", "windows/win.ini", ".lock", "C:\\boot.ini", "~/.ssh/id_rsa",
            "proc/self/environ", "x\0y"]  # fmt: skip
    ids = ["0123456789abcdef", "run-", "public-", "", "."]
    while count:
        count -= 1
        yield draw.choice(ids) + "".join(draw.choices(up, k=draw.randint(1, 8))) + draw.choice(ends)


class Eye:
    """Notes every file that is opened while it looks. (An audit hook stays for ever.)"""

    def __init__(self):
        self.paths = None
        sys.addaudithook(self)

    def __call__(self, event, arguments):
        if self.paths is not None and event in ("open", "os.listdir", "os.rename", "os.remove"):
            self.paths.append(str(arguments[0]))


EYE = Eye()


def test_no_string_opens_a_file_outside(inside, tmp_path, model):
    (tmp_path / "home" / "models" / model["id"] / "more").write_text("not for the world")
    routes = [("GET", "/api/models/{}/file"), ("GET", "/api/runs/{}"),
              ("DELETE", "/api/corpora/{}"),
              ("GET", "/api/corpora/{}/passage"), ("DELETE", "/api/runs/{}"), ("GET", "/{}"),
              ("GET", "/assets/{}"), ("GET", "/api/runs/{}/events")]  # fmt: skip
    for method, route in routes:  # whatever is imported for it is imported now
        inside.ask(method, route.format("0123456789abcdee"))
    statuses = set()
    EYE.paths = []
    try:
        for n, text in enumerate(hostile(5000)):
            method, route = routes[n % len(routes)]
            statuses.add(inside.ask(method, route.format(text)).status)
        opened = {path for path in EYE.paths if path.startswith(("/", "\\")) or ":" in path}
    finally:
        EYE.paths = None
    roots = (str(tmp_path / "home"), str(tmp_path / "site"))
    assert {path for path in opened if not path.startswith(roots)} == set()
    assert statuses <= {200, 404, 405, 409, 422}
    assert 404 in statuses
