"""How soon the studio answers while many watch a run: health, memory, and what is left afterwards.

    python bench/studio.py [--watchers 200] [--deaf 50] [--megabytes 1] [--rounds 3]

Serves a folder with one run whose curve is that long, and lets `--watchers` clients in a process of
their own read its events from the beginning, of whom `--deaf` never take a byte. Meanwhile a third
process asks `/api/health`. Writes bench/out/studio.json.
"""

from __future__ import annotations

import argparse
import gc
import http.client
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.common import print_plain, write_json  # noqa: E402

ID = "0123456789abcdef"
STREAMS = ("watch", "each", "told")


def main() -> None:
    options = _options()
    if options.role:
        {"watch": _watch, "probe": _probe}[options.role](options)
        return
    rounds = [_round(options) for _ in range(options.rounds)]
    asked = f"{options.watchers} watchers, {options.deaf} of whom never read"
    print_plain(f"{asked}, a curve of {options.megabytes:g} MB", rounds)
    write_json("studio", {}, lists={asked: rounds})


def _round(options: argparse.Namespace) -> dict[str, Any]:
    """Serve, let them watch, and return what was seen."""
    from recurra.studio.serve import listen, make_server, serve
    from recurra.studio.settings import StudioOptions

    with tempfile.TemporaryDirectory() as folder:
        listener, up = listen("127.0.0.1", 0), threading.Event()
        server, address = make_server(
            Path(folder), StudioOptions(), listener, ready=lambda _: up.set()
        )
        size = _make_run(Path(folder) / "runs" / ID, int(options.megabytes * 1e6))
        thread = threading.Thread(target=serve, args=(server, listener))
        thread.start()
        up.wait()
        common = [
            "--port", str(listener.getsockname()[1]), "--token", address.partition("token=")[2],
            "--size", str(size), "--watchers", str(options.watchers), "--deaf", str(options.deaf),
        ]  # fmt: skip
        try:
            return _watched(common)
        finally:
            server.should_exit = True
            thread.join()
            listener.close()


def _watched(common: list[str]) -> dict[str, Any]:
    me = [sys.executable, __file__, *common]
    with subprocess.Popen([*me, "--role", "probe"], stdin=-1, stdout=-1, text=True) as probe:
        assert probe.stdin is not None
        assert probe.stdout is not None
        time.sleep(2.0)  # alone, for comparison
        probe.stdin.write("now\n")
        probe.stdin.flush()
        before = _memory()
        with subprocess.Popen([*me, "--role", "watch"], stdin=-1, stdout=-1, text=True) as watch:
            assert watch.stdin is not None
            assert watch.stdout is not None
            seen = json.loads(watch.stdout.readline())
            extra = _memory() - before
            probe.stdin.close()
            asked = json.loads(probe.stdout.read())
            watch.stdin.close()
    until = time.monotonic() + 30
    while (left := _streams()) and time.monotonic() < until:
        time.sleep(0.2)
    return {**seen, **asked, "extra_mb": extra / 1e6, "left": left}


def _make_run(folder: Path, size: int) -> int:
    """Make the folder of a long run that has ended; return the length of its curve."""
    folder.mkdir(parents=True)
    (folder / "studio.json").write_text('{"name": "long"}')
    with open(folder / "metrics.jsonl", "w") as file:
        step = 0
        while file.tell() < size:
            step += 10
            file.write(
                json.dumps(
                    {
                        "event": "trained", "step": step, "loss_nats": 5.0 / (1 + step / 1000),
                        "elapsed_s": step * 0.01, "learning_rate": 0.002, "gradient_norm": 0.7,
                    }
                )
                + "\n"
            )  # fmt: skip
        return file.tell()


def _memory() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _streams() -> int:
    return sum(
        type(one).__name__ == "async_generator" and one.__name__ in STREAMS
        for one in gc.get_objects()
    )


def _watch(options: argparse.Namespace) -> None:
    """Read all events with most connections and none with the others, then wait to be told."""
    request = (
        f"GET /api/runs/{ID}/events HTTP/1.1\r\nHost: 127.0.0.1:{options.port}\r\n"
        f"Authorization: Bearer {options.token}\r\n\r\n"
    ).encode()
    began = time.perf_counter()
    clients = []
    with selectors.DefaultSelector() as ready:
        for n in range(options.watchers):
            client = socket.socket()
            if n < options.deaf:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", options.port))
            client.sendall(request)
            clients.append(client)
            if n >= options.deaf:
                ready.register(client, selectors.EVENT_READ, n)
        got: dict[int, int] = {}
        while ready.get_map():
            for key, _ in ready.select():
                came = len(key.fileobj.recv(1 << 16))  # type: ignore[union-attr]
                got[key.data] = got.get(key.data, 0) + came
                if not came:
                    raise SystemExit("a stream ended too early")
                if got[key.data] >= options.size:
                    ready.unregister(key.fileobj)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "read_mb": sum(got.values()) / 1e6}), flush=True)
    sys.stdin.read()


def _probe(options: argparse.Namespace) -> None:
    """Ask for health, each time anew: alone, from the first line read on under load."""
    alone: list[float] = []
    loaded: list[float] = []
    told, ended = threading.Event(), threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        told.set()
        sys.stdin.read()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    while not ended.is_set():
        into = loaded if told.is_set() else alone
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=60)
        connection.request(
            "GET", "/api/health", headers={"Authorization": f"Bearer {options.token}"}
        )
        connection.getresponse().read()
        connection.close()
        into.append(1000 * (time.perf_counter() - began))
        time.sleep(0.02)
    found = {"median_ms": statistics.median(loaded), "max_ms": max(loaded), "asked": len(loaded)}
    print(json.dumps({**found, "alone_ms": statistics.median(alone)}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--deaf", type=int, default=50)
    parser.add_argument("--megabytes", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    for name in ("role", "port", "token", "size"):
        kind = int if name in ("port", "size") else str
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
