"""One look at a run for all who watch it."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from recurra.studio import feed, watching
from recurra.studio.curve import Tail
from tests.studio.serving import HOST, TOKEN

ID = "0123456789abcdef"


def lines(first, last):
    return "".join(
        json.dumps({"event": "trained", "step": step, "loss_nats": 1 / step}) + "\n"
        for step in range(first, last)
    )


@pytest.fixture
def metrics(inside):
    """The curve of a run, of some 100 kB, which are four blocks."""
    folder = inside.studio.home.runs / ID
    folder.mkdir(parents=True)
    (folder / "studio.json").write_text("{}")
    path = folder / "metrics.jsonl"
    path.write_text(lines(1, 1500))
    return path


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(feed, "LOOK_S", 0.01)


def add(path, text):
    with open(path, "a") as file:
        file.write(text)


async def message(stream):
    """Return the next whole message: its type, the steps that it tells, its statuses."""
    text = b""
    while not text.endswith(b"\n\n"):
        text += await anext(stream)
    fields = dict(line.split(": ", 1) for line in text.decode().splitlines() if line)
    events = json.loads(fields["data"])
    steps = [event["step"] for event in events if event["event"] == "trained"]
    return fields.get("event"), steps, [e["run"]["status"] for e in events if "run" in e]


def watch(inside):
    return aclosing(watching.watch(inside.studio, ID, None))


def test_what_many_watch_is_read_once(inside, metrics, monkeypatch):
    read = []
    block = Tail.block

    def counted(tail):
        found = block(tail)
        if found and tail.path == metrics:
            read.append(len(found))
        return found

    async def all_of_them():
        streams = [watching.watch(inside.studio, ID, None) for _ in range(20)]
        told = await asyncio.gather(*(message(stream) for stream in streams))
        assert all(one == ("reset", [*range(1, 1500)], ["interrupted"]) for one in told)
        own = len(read)
        add(metrics, lines(1500, 1510))
        told = await asyncio.gather(*(message(stream) for stream in streams))
        assert all(one == (None, [*range(1500, 1510)], []) for one in told)
        for stream in streams:
            await stream.aclose()
        return own

    inside.studio.trainings.get(ID, fresh=True)  # reads the curve for itself
    monkeypatch.setattr(Tail, "block", counted)
    first = inside.loop.run_until_complete(all_of_them())
    assert first == 4
    # Once for the watchers, once for how the run stands.
    assert len(read) - first <= 2


def test_who_falls_behind_reads_on_where_it_was(inside, metrics):
    async def late():
        async with watch(inside) as slow, watch(inside) as quick:
            await message(slow)
            await message(quick)
            end = 1500
            for more in (1, 4000, 1, 1):
                add(metrics, lines(end, end + more))
                assert await message(quick) == (None, [*range(end, end + more)], [])
                end += more
            assert await message(slow) == (None, [*range(1500, end)], [])

    inside.loop.run_until_complete(late())


def test_a_run_that_is_cut_back_is_told_anew_to_all(inside, metrics):
    async def cut():
        async with watch(inside) as one, watch(inside) as other:
            await message(one)
            await message(other)
            aside = metrics.with_suffix(".aside")
            aside.write_text(lines(1, 900))
            aside.replace(metrics)
            for stream in (one, other):
                assert (await message(stream))[:2] == ("reset", [*range(1, 900)])

    inside.loop.run_until_complete(cut())


def test_a_feed_ends_with_its_last_watcher(inside, metrics):
    async def leave():
        async with watch(inside) as one:
            async with watch(inside) as other:
                await message(one)
                await message(other)
                assert feed.watched(inside.studio) == 1
            assert feed.watched(inside.studio) == 1
        assert feed.watched(inside.studio) == 0
        return [task for task in asyncio.all_tasks() if "Feed" in repr(task)]

    assert inside.loop.run_until_complete(leave()) == []


def test_a_run_that_is_removed_ends_its_streams(inside, metrics):
    async def removed():
        async with watch(inside) as stream:
            await message(stream)
            inside.studio.trainings.remove(ID)
            rest = [chunk async for chunk in stream]
        return b"".join(rest)

    assert b"no such run" in inside.loop.run_until_complete(removed())


def test_a_burst_of_streams_lets_others_in_between(inside, metrics):
    """Two hundred pages that come back at once do not keep a short question waiting to the end."""
    began = []

    async def ask(path, until):
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "",
            "query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765),
            "headers": [(b"host", HOST.encode()), (b"authorization", f"Bearer {TOKEN}".encode())],
            "state": {},
        }  # fmt: skip

        async def receive():
            await until.wait()
            return {"type": "http.disconnect"}

        async def send(sent):
            if sent["type"] == "http.response.start":
                began.append(path)

        await inside.app(scope, receive, send)

    async def burst():
        until = asyncio.Event()
        events = f"/api/runs/{ID}/events"
        streams = [asyncio.create_task(ask(events, until)) for _ in range(100)]
        await ask("/api/health", until)
        while len(began) < 101:
            await asyncio.sleep(0.01)
        until.set()
        await asyncio.gather(*streams)

    inside.loop.run_until_complete(burst())
    assert began.index("/api/health") < 50
