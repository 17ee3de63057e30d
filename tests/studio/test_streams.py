"""Many clients, slow clients, and clients that leave: on a real socket."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from recurra.learning import curves
from recurra.studio import deadlines
from recurra.tasks.text.training import train
from tests.studio.serving import TEXT, TINY, serving, until

ID = "0123456789abcdef"


@pytest.fixture
def live(tmp_path):
    with serving(tmp_path / "home") as found:
        yield found


@pytest.fixture
def long_run(live, tmp_path, monkeypatch):
    """A run with a curve of 1 MB, as a very long one has."""
    monkeypatch.setattr(curves, "missing", lambda: "no pictures in this test")
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    folder = live.studio.home.runs / ID
    train(str(text), run=folder, **TINY)
    (folder / "studio.json").write_text("{}")
    metrics = folder / "metrics.jsonl"
    content = metrics.read_bytes()
    metrics.write_bytes(content * (1_000_000 // len(content)))
    return ID


@pytest.fixture
def endless(live, model_file):
    """A model whose writing never ends."""
    return live.send("POST", "/api/models?name=m", body=model_file.read_bytes()).json()["id"]


def opened(live, request, small=False):
    """Return a socket that has sent a request."""
    client = socket.socket()
    if small:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(60)
    client.connect(("127.0.0.1", live.port))
    client.sendall(request)
    return client


def asking(live, method, path, body=b"", more=""):
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{live.port}\r\n"
        f"Authorization: Bearer {live.token}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode() + body


def memory():
    """Return the resident bytes of this process."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def generators():
    """Return how many streams are being made."""
    names = {"watch", "_lines", "each", "told", "_written", "_joined"}
    return sum(
        getattr(one, "__name__", "") in names
        for one in gc.get_objects()
        if type(one).__name__ in ("generator", "async_generator")
    )


def health(live):
    """Return how long an answer took."""
    began = time.perf_counter()
    assert live.send("GET", "/api/health").status == 200
    return time.perf_counter() - began


def test_two_hundred_watchers_of_whom_fifty_never_read(live, long_run):
    size = (live.studio.home.runs / long_run / "metrics.jsonl").stat().st_size
    health(live)
    gc.collect()
    before = memory()
    with ExitStack() as stack:
        request = asking(live, "GET", f"/api/runs/{long_run}/events")
        deaf = [stack.enter_context(opened(live, request, small=True)) for _ in range(50)]
        readers = [stack.enter_context(opened(live, request)) for _ in range(150)]
        got, ends = [0] * len(readers), []
        stop = threading.Event()

        def read():
            while not stop.is_set() and min(got) < size:
                for n, client in enumerate(readers):
                    if got[n] < size:
                        came = len(client.recv(1 << 16))
                        got[n] += came or size  # an end comes too early, and is seen below
                        if not came:
                            ends.append(n)

        thread = threading.Thread(target=read)
        thread.start()
        slowest = 0.0
        while thread.is_alive():
            slowest = max(slowest, health(live))
            time.sleep(0.05)
        thread.join()
        assert ends == []
        # What the readers hold is theirs; the server's own is what this process gained.
        assert memory() - before < 64 << 20
        assert generators() == 200
        # A guard, not a measurement: a blocked loop would take as long as the whole stream.
        assert slowest < 5
        assert len(deaf) == 50
    left = time.perf_counter()
    until(lambda: not generators(), 30)
    assert time.perf_counter() - left < 30
    assert health(live) < 5


def test_writing_ends_with_its_client(live, endless):
    body = b'{"length": 0, "temperature": 1.0}'
    more = "Content-Type: application/json\r\n"
    path = f"/api/models/{endless}/generate"
    clients = [opened(live, asking(live, "POST", path, body, more)) for _ in range(20)]
    for client in clients[:10]:
        assert b"200 OK" in client.recv(4096)
    until(lambda: generators() >= 20)
    assert health(live) < 5
    for client in clients:
        client.close()
    until(lambda: not generators(), 30)


def test_long_work_ends_with_its_client(live, endless, monkeypatch):
    began, ended = threading.Event(), threading.Event()

    def inside(loaded, text, pattern, told):
        began.set()
        try:
            for n in range(10**6):
                time.sleep(0.01)
                told(n / 10**6)
        finally:
            ended.set()

    monkeypatch.setattr("recurra.studio.lens.inside", inside)
    body = b'{"text": "x"}'
    request = asking(live, "POST", f"/api/models/{endless}/inside", body,
                     "Content-Type: application/json\r\n")  # fmt: skip
    with opened(live, request):
        assert began.wait(30)
        assert health(live) < 5
    assert ended.wait(30)


def test_a_server_that_ends_keeps_nobody_waiting(tmp_path, model_file):
    with serving(tmp_path / "home") as live:
        id = live.send("POST", "/api/models", body=model_file.read_bytes()).json()["id"]
        body, more = b'{"length": 0}', "Content-Type: application/json\r\n"
        client = opened(live, asking(live, "POST", f"/api/models/{id}/generate", body, more))
        assert client.recv(100)
    client.close()


def closed(client):
    """Whether the server has closed a connection; waits for it."""
    try:
        while client.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


def test_half_a_header_is_not_waited_for(live, monkeypatch):
    monkeypatch.setattr(deadlines, "HEADER_S", 0.3)
    for sent in (b"", b"GET /api/health HTT", asking(live, "GET", "/api/health")[:-2]):
        with opened(live, sent) as client:
            assert closed(client)
    # Nor on a connection that was good once.
    with opened(live, asking(live, "GET", "/api/health")) as client:
        assert b"200 OK" in client.recv(4096)
        client.sendall(b"GET /api/hea")
        assert closed(client)


def test_a_body_that_trickles_is_given_up(live, monkeypatch):
    monkeypatch.setattr(deadlines, "GRACE_S", 0.3)
    head = asking(live, "POST", "/api/corpora?name=slow")
    request = head.replace(b"Content-Length: 0", b"Content-Length: 100000")
    with opened(live, request) as client:
        client.sendall(b"a few bytes")
        assert b"408 " in client.recv(4096)
        assert closed(client)
    assert list(live.studio.home.corpora.iterdir()) == []


def test_an_upload_that_is_cut_off_leaves_nothing(live):
    head = asking(live, "POST", "/api/corpora?name=cut")
    request = head.replace(b"Content-Length: 0", b"Content-Length: 100000")
    with opened(live, request + b"x" * 50_000):
        until(lambda: list(live.studio.home.corpora.iterdir()))
    until(lambda: not list(live.studio.home.corpora.iterdir()))


def test_an_upload_beyond_the_bound_is_refused_before_it_comes(tmp_path):
    with serving(tmp_path / "small", upload_limit=100_000) as live:
        chunked = asking(live, "POST", "/api/corpora").replace(
            b"Content-Length: 0", b"Transfer-Encoding: chunked"
        )
        with opened(live, chunked) as client:
            for _ in range(4):
                client.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
            assert b"413 " in client.recv(4096)
            assert closed(client)
        declared = asking(live, "POST", "/api/models").replace(
            b"Content-Length: 0", b"Content-Length: 100001"
        )
        with opened(live, declared) as client:
            assert b"413 " in client.recv(4096)
            assert closed(client)
        assert list(live.studio.home.corpora.iterdir()) == []


def test_two_hosts_are_refused(live):
    request = asking(live, "GET", "/api/health", more="Host: localhost\r\n")
    with opened(live, request) as client:
        assert client.recv(4096).split()[1] in (b"400", b"403")
