"""The studio's place in the browser, as a person uses it: a real Chromium, no server but for files.

The page is web/studio/tests/browser-place.html: the place alone, without screens.
"""

from __future__ import annotations

import base64
import functools
import http.server
import importlib.util
import json
import math
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from recurra.core.errors import ConfigError
from recurra.insight.copying import find_copies
from recurra.studio import lens
from recurra.studio.embedded import embed
from recurra.studio.models import Loaded
from recurra.tasks.text.corpus import load_corpus
from recurra.tasks.text.features import text_features
from recurra.tasks.text.inside import InsideOptions, look_inside
from recurra.tasks.text.model import Model
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.presets import PRESETS
from recurra.tasks.text.settings import gather
from recurra.tasks.text.survey import survey
from tests.browser.conftest import _Handler, _Plain, one_at_a_time, program, run

ROOT = Path(__file__).parents[3]
STUDIO = ROOT / "web" / "studio"
PAGE = "browser-place.html"
WORDS = "the rain in spain stays mainly in the plain while every good boy deserves fruit and wine"
SMALL = {
    "sizes": "24,16", "embedding": 8, "batch_size": 8, "window": 32, "learning_rate": 0.02,
    "sample_threshold": 0, "sample_length": 40,
}  # fmt: skip
STEADY = {**SMALL, "seed": 3, "dropout": 0.1, "schedule": "constant", "warmup": 0,
          "sample_every": 0}  # fmt: skip
"""What is learned with these by a step does not depend on how many there shall be."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, modules: list[Path], node: str) -> Path:
    """The page, built with its service worker from the sources as they are."""
    with one_at_a_time():
        if not (STUDIO / "node_modules" / ".bin" / "vite").exists():
            run(program("npm"), "ci", "--quiet", cwd=STUDIO)
    folder = tmp_path_factory.mktemp("site")
    vite = STUDIO / "node_modules" / "vite" / "bin" / "vite.js"
    config = STUDIO / "tests" / "browser-place.config.ts"
    run(node, str(vite), "build", "--config", str(config), cwd=STUDIO, RECURRA_SITE=str(folder))
    return folder


class _Server:
    def __init__(self, folder: Path, handler: Any) -> None:
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
        )
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def origin(site: Path) -> Iterator[str]:
    """The address of the page's folder on a host that isolates it; a new origin for each test."""
    server = _Server(site, _Handler)
    yield server.origin
    server.stop()


class Tab:
    """A page, and the functions of browser-place.ts in it."""

    def __init__(self, context: Any, origin: str) -> None:
        self.page = context.new_page()
        self.origin = origin
        self.page.goto(f"{origin}/{PAGE}")
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_function("window.recurra !== undefined")

    def until(self, status: str, run: str) -> None:
        """Wait until the run stands so. (`wait_for_function` would not await the promise.)"""
        self.page.evaluate(
            """async ([status, run]) => {
                while ((await recurra.place.runs.get(run)).status !== status) {
                    await new Promise((later) => setTimeout(later, 20));
                }
            }""",
            [status, run],
        )

    def call(self, name: str, *given: Any) -> Any:
        return self.page.evaluate(
            "([name, given]) => window.recurra[name](...given)", [name, list(given)]
        )

    def ok(self, name: str, *given: Any) -> Any:
        found = self.call(name, *given)
        assert "value" in found, found
        return found["value"]

    def refused(self, name: str, *given: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.call(name, *given)
        assert "error" in found, found
        error: dict[str, Any] = found["error"]
        return error

    def tried(self, path: str, *given: Any) -> Any:
        return self.ok("tried", path, *given)

    def start(self, corpus: str, **options: Any) -> str:
        request = {"corpus": corpus, "name": None, "preset": None, "options": options}
        entry = self.ok("start", request)
        assert entry["status"] == "running"
        return str(entry["id"])


@pytest.fixture
def context(browser: Any, origin: str) -> Iterator[Any]:
    """A person's browser, empty; no request may leave the page's origin."""
    opened = browser.new_context()
    foreign: list[str] = []
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((origin, "data:", "blob:"))
            else foreign.append(request.url)
        ),
    )
    yield opened
    opened.close()
    assert foreign == []


@pytest.fixture
def tab(context: Any, origin: str) -> Tab:
    return Tab(context, origin)


@pytest.fixture(scope="module")
def text() -> str:
    """Sentences of few words in random order, in paragraphs: quick to learn."""
    rng = np.random.default_rng(3)
    words = np.array(WORDS.split())
    lines = [
        " ".join(rng.choice(words, rng.integers(3, 9))) + ("\n" if n % 7 == 6 else "")
        for n in range(700)
    ]
    return ".\n".join(lines)


@pytest.fixture(scope="module")
def model(text: str, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that Python trained, in float32."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "text.txt").write_text(text)
    recurra.train(
        str(folder / "text.txt"), run=str(folder / "run"), steps=60, sizes=(20, 12), embedding=8,
        batch_size=8, window=32, learning_rate=0.02, engine="reference", precision="float32",
        sample_every=0,
    )  # fmt: skip
    found = Model.load(folder / "run", engine="reference", precision="float32")
    found.save(folder / "model.safetensors")
    return Model.load(folder / "model.safetensors", engine="reference", precision="float32")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def downloaded(tab: Tab, model: str, folder: Path) -> Model:
    file = folder / f"{model}.safetensors"
    file.write_bytes(base64.b64decode(tab.call("file", model)))
    return Model.load(file, engine="reference", precision="float32")


def steps_of(events: list[dict[str, Any]]) -> list[int]:
    return [event["step"] for event in events if event["event"] == "step"]


# The story


def test_a_text_becomes_a_model_that_stays_and_moves(
    tab: Tab, context: Any, text: str, tmp_path: Path
) -> None:
    corpus = tab.ok("add", "rain.txt", text)
    assert (corpus["characters"], corpus["ready"], corpus["origin"]) == (len(text), True, "mine")
    found = tab.tried("corpora.survey", corpus["id"], {})
    counted = survey([_document(text)], TextOptions().reading())
    assert found["characters"] == counted.length
    assert found["words"] == counted.total.words
    assert found["lines"] == text.count("\n")
    assert found["vocabulary_size"] == len(set(text))
    assert sum(found["split"].values()) == len(text)
    assert found["histogram"][0] == {"character": " ", "shown": "␣", "count": text.count(" ")}
    assert "learns it by heart" in found["advice"][0]["text"]
    passage = tab.tried("corpora.passage", corpus["id"], 100, 5)
    assert len(passage) == 100
    assert passage in text

    temperatures = [0, 0.25, 0.5, 0.75]
    run = tab.start(corpus["id"], **SMALL, steps=150, sample_temperatures=temperatures)
    told = tab.call("follow", run)
    assert told["run"]["status"] == "finished"
    events = told["events"]
    steps = steps_of(events)
    assert steps == sorted(set(steps))
    assert steps[-1] == 150
    validated = [event for event in events if event["event"] == "validated"]
    assert 5 <= len(validated) <= 22
    assert told["run"]["best_loss_nats"] < 1.4 < validated[0]["loss_nats"]
    assert validated[-1]["measures"]["bits_per_char"] == pytest.approx(
        validated[-1]["loss_nats"] / math.log(2)
    )
    sampled = [event for event in events if event["event"] == "sampled"]
    assert 8 <= len(sampled) <= 11
    assert [sample["temperature"] for sample in sampled[-1]["samples"]] == temperatures
    assert all(len(sample["text"]) == 40 for sample in sampled[-1]["samples"])

    wanted = {"prime": "the ", "length": 300, "seed": "18446744073709551615", "temperature": 0.8}
    written = tab.ok("write", told["run"]["model"], wanted)
    assert (len(written["text"]), written["tokens"]) == (300, 300)
    assert written["pieces"] > 4  # it streams
    tab.page.reload()
    tab.ready()
    (kept,) = tab.tried("models.list")
    assert kept["run"] == run
    assert kept["corpus"] == {"id": corpus["id"], "name": "rain.txt"}
    assert kept["network"] == "LSTM 24, 16"
    assert kept["loss_nats"] == told["run"]["best_loss_nats"]
    assert tab.ok("write", kept["id"], wanted)["text"] == written["text"]

    model = downloaded(tab, kept["id"], tmp_path)
    seed = int(wanted["seed"])
    assert model.generate(prime="the ", length=300, seed=seed, temperature=0.8) == written["text"]
    assert model.provenance["data"]["inputs"] == ["rain.txt"]
    judged = model.score(text[:3000])
    assert judged.nats / judged.tokens < 1.6
    assert model.text_options.validation == 0.05

    # Names, copies of a moment, and the way out.
    tab.tried("runs.rename", run, "Rain, small")
    assert tab.tried("models.get", kept["id"])["name"] == "Rain, small"
    snapshot = tab.tried("runs.keep", run, "as it ended")
    assert snapshot["name"] == "as it ended"
    assert "its run" in tab.refused("tried", "models.remove", kept["id"])["message"]
    tab.tried("runs.remove", run)
    assert [one["id"] for one in tab.tried("models.list")] == [snapshot["id"]]
    tab.tried("models.remove", snapshot["id"])
    tab.tried("corpora.remove", corpus["id"])
    assert tab.tried("models.list") == tab.tried("runs.list") == []


def test_a_model_from_python_is_the_same_in_the_browser(tab: Tab, model: Model, text: str) -> None:
    assert model.path is not None
    tab.ok("add", "rain.txt", text)
    entry = tab.ok("open", "rain.safetensors", encoded(model.path.read_bytes()))
    assert entry["parameters"] == model.parameters
    assert entry["bits_per_char"] == pytest.approx(
        model.provenance["scores"]["held_out_bits_per_char"]
    )
    # The text was learned under another name; it is known by its digest.
    assert entry["corpus"]["name"] == "rain.txt"
    same = 0
    for seed in range(6):
        wanted = {"prime": "in ", "length": 400, "seed": str(seed), "temperature": 0.7}
        theirs = model.generate(prime="in ", length=400, seed=seed, temperature=0.7)
        same += tab.ok("write", entry["id"], wanted)["text"] == theirs
    assert same >= 5  # a draw within the rounding may go the other way: 1 in 100 texts
    loaded = Loaded(model)
    for ours, theirs in zip(
        tab.tried("models.next", entry["id"], "the rai", 4),
        lens.next_tokens(loaded, "the rai", 4),
        strict=True,
    ):
        assert ours["token"] == theirs.token
        assert ours["probability"] == pytest.approx(theirs.probability, abs=1e-5)
    assert tab.ok("write", entry["id"], {"length": 0, "seed": "3"}, 6)["pieces"] == 6  # stopped


def test_what_is_seen_inside_is_what_python_sees(tab: Tab, model: Model, text: str) -> None:
    assert model.path is not None
    entry = tab.ok("open", "rain.safetensors", encoded(model.path.read_bytes()))
    phrase = "the rain in spain"
    traced = tab.call("trace", entry["id"], phrase)
    assert traced["tokens"][1:] == list(phrase)
    network = model.network()
    tokens = np.array([model.start, *model.vocabulary.encode(phrase)], np.int64)
    wanted = network.trace(tokens[:, None], network.zero_state(1))
    for layer, arrays in enumerate(traced["layers"]):
        for name, values in arrays.items():
            theirs = wanted[f"{name}_l{layer}"].ravel()
            np.testing.assert_allclose(values, theirs, atol=2e-5)
    assert math.isnan(traced["surprise"][0])
    np.testing.assert_allclose(
        np.exp(-np.array(traced["surprise"][1:])), model.probabilities(phrase), atol=2e-5
    )
    best = lens.next_tokens(Loaded(model), "the rain", 5)
    assert [one["token"] for one in traced["likeliest"][8]] == [one.token for one in best]

    for position, target in ((6, None), (len(phrase), None), (3, "x" if "x" in text else "a")):
        ours = tab.call("saliency", entry["id"], phrase, position, target)
        theirs = lens.saliency(Loaded(model), phrase, position, target)
        assert ours["target"] == theirs.target
        assert ours["log_prob"] == pytest.approx(theirs.log_prob, abs=1e-5)
        np.testing.assert_allclose(ours["norm"], theirs.norm, atol=1e-5)
        np.testing.assert_allclose(ours["dot"], theirs.dot, atol=1e-5)

    sample = text[:3000]
    found = tab.call("inside", entry["id"], sample, "ai")["answer"]
    theirs = look_inside(model, sample, InsideOptions(pattern="ai", ablations=0, distance=1))
    assert found["features"] == list(theirs.explanations.features)
    best_of = {tuple(one.unit): one for one in theirs.explanations.ranking()}
    assert len(found["units"]) == len(best_of) == 32
    for n, unit in enumerate(found["units"]):
        one = best_of[unit["layer"], unit["unit"]]
        assert unit["share"] == pytest.approx(one.score, abs=2e-3)
        assert unit["mean_forget"] == pytest.approx(theirs.forgetting.mean_gate[n], abs=1e-4)
        assert unit["half_life"] == pytest.approx(theirs.forgetting.implied[n], rel=1e-3)
        if unit["feature"] == one.feature:
            assert unit["bits"] == pytest.approx(one.bits, abs=2e-3)
            assert unit["mean_on"] == pytest.approx(one.inside, abs=1e-3)


def test_copies_are_found_in_the_text_that_was_learned(tab: Tab, model: Model, text: str) -> None:
    assert model.path is not None
    entry = tab.ok("open", "rain.safetensors", encoded(model.path.read_bytes()))
    assert tab.tried("models.copies", entry["id"], text[:50])["known"] is False
    tab.ok("add", "rain.txt", text)
    stolen = text[1000:1060]
    found = tab.tried("models.copies", entry["id"], f"zebra {stolen} zebra")
    assert found["known"]
    (copy,) = (one for one in found["copies"] if one["length"] >= 60)
    assert copy["start"] <= 6
    place = copy["corpus_start"]
    assert (
        text[place : place + copy["length"]]
        == f"zebra {stolen} zebra"[copy["start"] : copy["start"] + copy["length"]]
    )
    assert stolen in copy["context"]


# Texts that come with an exported site


def test_embedded_texts_are_ready_at_once(browser: Any, site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    shutil.copytree(site, folder)
    names = embed(folder)
    assert "python-reference" in names
    assert (folder / "corpora" / "python-reference.LICENCE.txt").stat().st_size > 1000
    server = _Server(folder, _Handler)
    context = browser.new_context()
    tab = Tab(context, server.origin)
    entries = {one["id"]: one for one in tab.tried("corpora.list")}
    assert set(entries) == {f"public-{name}" for name in names}
    reference = entries["public-python-reference"]
    assert reference["ready"]
    assert reference["licence"] == "PSF-2.0"
    theirs = load_corpus("data:python-reference")
    found = tab.tried("corpora.survey", reference["id"], {})
    assert found["characters"] == reference["characters"] == theirs.characters
    assert found["vocabulary_size"] == theirs.vocabulary.size
    refused = tab.refused("tried", "corpora.remove", reference["id"])
    assert "public text" in refused["message"]
    run = tab.start(reference["id"], **SMALL, steps=2, validate_every=0)
    assert tab.call("follow", run)["run"]["status"] == "finished"
    (model,) = tab.tried("models.list")
    data = model["document"]["provenance"]["data"]
    assert (data["inputs"], data["sha256"]) == (["python-reference"], theirs.sha256)
    context.close()

    (folder / "corpora" / "python-reference.txt").write_text("something else")
    context = browser.new_context()
    tab = Tab(context, server.origin)
    error = tab.refused("tried", "corpora.fetch", reference["id"])
    assert "damaged" in error["message"]
    context.close()
    server.stop()


# Interruptions


def test_a_tab_that_is_closed_loses_nothing_that_was_saved(
    context: Any, origin: str, text: str
) -> None:
    # So many steps that no machine is through with them before the tab closes; how many it shall be
    # is said when the run goes on.
    options = {**STEADY, "validate_every": 50, "log_every": 20}
    first = Tab(context, origin)
    corpus = first.ok("add", "rain.txt", text)["id"]
    cut = first.start(corpus, **options, steps=10**7, checkpoint_seconds=0.02)
    first.call("follow", cut, {"checkpointed": 2})
    first.page.close()

    second = Tab(context, origin)
    second.until("interrupted", cut)
    before = second.tried("runs.get", cut)
    assert before["step"] > 0
    assert before["progress"] < 1
    total = before["step"] + 200
    whole = second.start(corpus, **options, steps=total)
    second.call("follow", whole)
    second.tried("runs.resume", cut, {"steps": total})
    told = second.call("follow", cut)
    assert told["run"]["status"] == "finished"
    assert [event["event"] for event in told["events"]].count("started") == 2
    steps = steps_of(told["events"])
    assert steps == sorted(set(steps))
    assert steps[-1] == total
    # Bit for bit the run that was never interrupted.
    models = {one["run"]: one["id"] for one in second.tried("models.list")}
    ours, theirs = (_weights(second, models[run]) for run in (cut, whole))
    assert ours == theirs
    # A larger budget goes on from the end; another network would be another run.
    refused = second.refused("tried", "runs.resume", cut, {"sizes": "9"})
    assert refused["field"] == "sizes"
    assert "larger" in second.refused("tried", "runs.resume", cut, {})["message"]
    second.tried("runs.resume", cut, {"steps": total + 10})
    assert second.call("follow", cut)["run"]["step"] == total + 10


def test_a_run_taken_step_by_step_is_the_one_that_never_rested(tab: Tab, text: str) -> None:
    options = {**STEADY, "validate_every": 20, "log_every": 10}
    corpus = tab.ok("add", "rain.txt", text)["id"]
    run = tab.start(corpus, **options, steps=10**7)
    assert "not paused" in tab.refused("tried", "runs.step", run)["message"]
    tab.tried("runs.pause", run)
    tab.until("paused", run)
    first = tab.tried("runs.get", run)["step"]
    for n in range(1, 26):
        tab.tried("runs.step", run)
        now = tab.tried("runs.get", run)
        assert (now["status"], now["step"]) == ("paused", first + n)
    # Asked for at once, they are taken one after the other.
    tab.page.evaluate("id => Promise.all([1, 2].map(() => recurra.place.runs.step(id)))", run)
    assert tab.tried("runs.get", run)["step"] == first + 27
    tab.tried("runs.stop", run)
    assert tab.call("follow", run)["run"]["status"] == "interrupted"
    total = first + 60
    tab.tried("runs.resume", run, {"steps": total})
    told = tab.call("follow", run)
    assert told["run"]["status"] == "finished"
    whole = tab.start(corpus, **options, steps=total)
    straight = tab.call("follow", whole)["events"]
    assert "not training" in tab.refused("tried", "runs.step", run)["message"]
    points = steps_of(told["events"])
    assert points == sorted({*steps_of(straight), *range(first + 1, first + 28)})
    models = {one["run"]: one["id"] for one in tab.tried("models.list")}
    ours, theirs = (_weights(tab, models[one]) for one in (run, whole))
    assert ours == theirs

    def losses(events: list[dict[str, Any]], kind: str) -> list[tuple[int, float]]:
        return [(e["step"], e["loss_nats"]) for e in events
                if e["event"] == kind and e["step"] % 10 == 0]  # fmt: skip

    for kind in ("step", "validated"):
        assert losses(told["events"], kind) == losses(straight, kind)


def test_every_tab_watches_and_commands_a_run(context: Any, origin: str, text: str) -> None:
    trains, watches = Tab(context, origin), Tab(context, origin)
    corpus = trains.ok("add", "rain.txt", text)["id"]
    run = trains.start(corpus, **SMALL, seconds=3600, log_every=1)
    watches.call("follow", run, {"step": 5})
    watches.tried("runs.pause", run)
    watches.until("paused", run)
    held = watches.tried("runs.get", run)["step"]
    kept = watches.tried("runs.keep", run, "while it rests")
    assert kept["document"]["provenance"]["steps"] == held
    refused = watches.refused("tried", "runs.remove", run)
    assert "stop it" in refused["message"]
    assert watches.tried("runs.get", run)["step"] == held
    watches.tried("runs.resume", run)
    trains.call("follow", run, {"step": held + 20})
    running = watches.tried("runs.keep", run, "while it trains")
    assert running["document"]["provenance"]["steps"] > held
    watches.tried("runs.stop", run)
    told = watches.call("follow", run)
    assert told["run"]["status"] == "interrupted"
    ends = [event["reason"] for event in told["events"] if event["event"] == "finished"]
    assert ends == ["interrupted"]
    steps = steps_of(told["events"])
    assert steps == list(range(1, len(steps) + 1))
    assert "not training" in trains.refused("tried", "runs.stop", run)["message"]


def test_who_begins_to_watch_while_a_run_saves_misses_nothing(tab: Tab, text: str) -> None:
    corpus = tab.ok("add", "rain.txt", text)["id"]
    run = tab.start(corpus, **SMALL, seconds=3600, log_every=1, checkpoint_seconds=0.02)
    # Between the look into the database and the question for the rest, several saves go by.
    tab.page.evaluate("""id => {
      const query = navigator.locks.query.bind(navigator.locks);
      navigator.locks.query = async () => {
        const found = await query();
        await new Promise((done) => setTimeout(done, 1500));
        return found;
      };
      recurra.follow(id, { step: 400 }).then((told) => (window.told = told));
    }""", run)  # fmt: skip
    tab.page.wait_for_function("window.told", timeout=60_000)
    steps = steps_of(tab.page.evaluate("window.told.events"))
    assert steps == list(range(1, len(steps) + 1))
    tab.tried("runs.stop", run)


def test_a_full_storage_is_told_and_leaves_nothing_half_written(
    context: Any, origin: str, text: str
) -> None:
    blank = context.new_page()
    devtools = context.new_cdp_session(blank)
    # Before anything is written: Chromium remembers for a while how much room there was.
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 400_000})
    tab = Tab(context, origin)
    tab.ok("add", "rain.txt", text)
    # Nothing that the database could pack.
    noise = encoded(np.random.default_rng(1).bytes(300_000))
    kept = ["rain.txt"]
    for n in range(8):
        found = tab.call("add", f"noise {n}", noise)
        if "error" in found:
            break
        kept.append(f"noise {n}")
    assert found["error"]["name"] == "ResourceError"
    assert "storage is full" in found["error"]["message"]
    assert "MB" in found["error"]["message"]
    entries = tab.tried("corpora.list")
    assert sorted(one["name"] for one in entries) == sorted(kept)
    for one in entries:
        assert tab.tried("corpora.survey", one["id"], {})["characters"] == one["characters"]


# Without a network


@pytest.mark.parametrize("handler", [_Handler, _Plain], ids=["isolated", "plain host"])
def test_it_works_offline_once_it_was_loaded(
    browser: Any, site: Path, model: Model, handler: Any
) -> None:
    assert model.path is not None
    server = _Server(site, handler)
    context = browser.new_context()
    tab = Tab(context, server.origin)
    isolated = handler is _Handler
    assert tab.page.evaluate("crossOriginIsolated") is isolated
    entry = tab.ok("open", "rain.safetensors", encoded(model.path.read_bytes()))
    wanted = {"prime": "the ", "length": 200, "seed": "4"}
    written = tab.ok("write", entry["id"], wanted)["text"]
    tab.page.evaluate("navigator.serviceWorker.ready")
    tab.page.wait_for_function("navigator.serviceWorker.controller !== null")
    server.stop()
    tab.page.reload()
    tab.ready()
    # From the second visit on there are threads on any host.
    assert tab.page.evaluate("crossOriginIsolated")
    assert tab.tried("models.list")[0]["id"] == entry["id"]
    assert tab.ok("write", entry["id"], wanted)["text"] == written
    assert tab.page.evaluate("caches.keys()") != []
    context.close()


def test_the_manifest_and_its_icons_are_there(site: Path) -> None:
    manifest = json.loads((site / "manifest.webmanifest").read_text())
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert (site / icon["src"]).stat().st_size > 100
    worker = (site / "sw.js").read_text()
    for path in site.rglob("*"):
        name = path.relative_to(site).as_posix()
        if path.is_file() and name != "sw.js":
            assert f'\\"{name}\\"' in worker or f'"{name}"' in worker, name


# The same settings, windows and words as in Python


def test_settings_are_those_of_the_python_library(tab: Tab) -> None:
    for values, preset in (
        ({}, None),
        ({"sizes": [100, 50], "epochs": 2.5, "tied": False}, "tiny"),
        ({"steps": 10, "optimiser": "rmsprop", "peephole": True, "embedding": 0}, "medium"),
        ({"objective": "last", "stride": 3, "reset_at": "chapter", "seconds": 5}, "large"),
    ):
        ours = tab.ok("gather", values, preset)
        theirs = gather(values, preset).to_json()
        for name in theirs:
            assert ours[name] == theirs[name], name
    assert tab.ok("gather", {"sizes": "100, 50"}, None)["stack"]["sizes"] == [100, 50]
    for values, field in (
        ({"steps": 1, "epochs": 1}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"dropout": 1}, "dropout"),
        ({"sizes": "a"}, "sizes"),
        ({"vocabulary": "words"}, "vocabulary"),
        ({"precision": "bfloat16"}, "precision"),
        ({"nonsense": 1}, "nonsense"),
        ({"validation": 0.6, "test": 0.5}, "validation"),
    ):
        error = tab.refused("gather", values, None)
        assert (error["name"], error["field"]) == ("ConfigError", field)
    groups = {one["name"]: one for one in tab.page.evaluate("recurra.place.options()")}
    assert set(groups["engine"]["unavailable"]) == set(groups["engine"]["schema"]["properties"])
    assert groups["text"]["schema"]["properties"]["vocabulary"]["enum"] == ["characters", "bytes"]
    assert "vocabulary_size" in groups["text"]["unavailable"]
    assert groups["training"]["unavailable"] == {}


@pytest.mark.parametrize("values", [{}, {"seconds": 45}, {"steps": 2000}, {"epochs": 3},
                                    {"steps": 500, "batch_size": 8, "accumulate": 2}])  # fmt: skip
def test_dropout_suits_a_text_and_a_budget_as_in_the_python_library(
    tab: Tab, values: dict[str, Any]
) -> None:
    for name, preset in PRESETS.items():
        settings = gather(values, name)
        for tokens in (10_000, 300_000, 10**7):
            ours = tab.call("dropout", values, name, tokens)
            assert ours == preset.dropout(tokens, preset.share(settings, tokens))


def test_the_committed_settings_are_those_of_the_classes() -> None:
    place = ROOT / "tools" / "web_options.py"
    spec = importlib.util.spec_from_file_location("web_options", place)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    for path, text in tool.texts().items():
        assert path.read_text(encoding="utf-8") == text, "run: python tools/web_options.py"
    shown = (STUDIO / "src" / "screens" / "train" / "settings.ts").read_text(encoding="utf-8")
    first = re.search(r"FIRST = (\[.*?\])", shown, re.DOTALL)
    assert first is not None
    assert set(tool.FIRST) == {*json.loads(first[1]), "temperature"}


@pytest.mark.parametrize(
    "options",
    [
        {"schedule": "one-cycle", "accumulate": 2, "reset_at": "paragraph"},
        {"schedule": "plateau", "plateau_patience": 1, "validate_every": 4, "tied": True,
         "embedding": 12, "sizes": [12]},
        {"objective": "last", "stride": 7, "window": 16, "optimiser": "rmsprop", "embedding": 0},
        {"vocabulary": "bytes", "line_ends": "lf", "schedule": "constant"},
        {"minimum_count": 400, "unknown": "replace", "recurrent_dropout": 0.2, "peephole": True},
    ],
    ids=lambda options: next(iter(options)),
)  # fmt: skip
def test_a_run_learns_what_it_learns_in_python(
    tab: Tab, text: str, tmp_path: Path, options: dict[str, Any]
) -> None:
    part = text[:6000].replace("rain in", "ráin in").replace("boy", "b\U0001f600y")
    shared: dict[str, Any] = {
        "sizes": [16], "embedding": 8, "batch_size": 4, "window": 20, "learning_rate": 0.01,
        "steps": 24, "seed": 2, "validation": 0.1, "log_every": 1, **options,
    }  # fmt: skip
    corpus = tab.ok("addBytes", "part.txt", encoded(part.encode()))
    assert corpus["characters"] == len(part)
    told = tab.call("follow", tab.start(corpus["id"], **shared, sample_every=0))
    assert told["run"]["status"] == "finished", told["run"]
    (tmp_path / "part.txt").write_text(part, encoding="utf-8", newline="")
    events: list[Any] = []
    recurra.train(
        str(tmp_path / "part.txt"), engine="reference", precision="float32", sample_every=0,
        listeners=[events.append], **shared,
    )  # fmt: skip
    for kind, tolerance in (("step", 2e-3), ("validated", 2e-3)):
        ours = [event for event in told["events"] if event["event"] == kind]
        theirs = [event.to_json() for event in events if event.kind == kind]
        assert [one["step"] for one in ours] == [one["step"] for one in theirs]
        for name in ("loss_nats", "epoch", *(("learning_rate",) if kind == "step" else ())):
            np.testing.assert_allclose(
                [one[name] for one in ours], [one[name] for one in theirs], rtol=tolerance,
                err_msg=name,
            )  # fmt: skip


def test_features_resets_and_copies_are_those_of_python(tab: Tab) -> None:
    sample = (
        "CHAPTER I.\n\nHe said “no, it's \U0001f600 done” (or [so {it} seems]) and 'went' on.\n"
        "  x = r'a\\'b' + \"two\nlines\" <b class=1>NATO</b> [[Link]] {{t|1}} don't ‘won’t’\n\n"
        "Act 2: ÀÉ digits 42²  \n\n\\chapter{Three}\n\nThe Part of it\n"
    )
    theirs = text_features(sample, r"\bit\b")
    ours = tab.call("features", sample, r"\bit\b")
    assert list(ours) == list(theirs)
    for name, values in theirs.items():
        assert ours[name] == values.astype(int).tolist(), name
    with pytest.raises(ConfigError):
        text_features(sample, "(")

    for pattern in ("paragraph", "chapter", r"\. ?\n"):
        options = TextOptions(reset_at=pattern)
        found = survey([_document(sample)], options.reading(), options.reset_pattern())
        resets = [place for place in found.resets.tolist() if place]
        assert tab.call("resets", sample, pattern) == [0, *resets], pattern

    rng = np.random.default_rng(5)
    source = rng.integers(0, 2, 400)
    for _ in range(5):
        looked = rng.integers(0, 2, 120)
        looked[30:70] = source[100:140]
        wanted = find_copies(source, looked, minimum=8)
        got = tab.call("copies", source.tolist(), looked.tolist(), 8)
        pairs = [(one["start"], one["length"]) for one in got["copies"]]
        assert pairs == [(one.start, one.length) for one in wanted.copies]
        assert got["share"] == pytest.approx(wanted.share)
        for one in got["copies"]:
            there = source[one["source"] : one["source"] + one["length"]]
            here = looked[one["start"] : one["start"] + one["length"]]
            assert (there == here).all()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 and so on", "not a text"),
        (bytes(range(256)) * 20, "not a text"),
        (b"caf\xe9 au lait " * 20, "not UTF-8"),
        (b"\x1f\x8bnot gzip", "damaged"),
    ],
    ids=["empty", "pdf", "binary", "latin", "gzip"],
)
def test_what_is_no_text_is_refused_with_a_sentence(tab: Tab, data: bytes, says: str) -> None:
    error = tab.refused("addBytes", "thing.txt", encoded(data))
    assert error["name"] in ("FormatError", "ConfigError")
    assert says in error["message"]
    assert error["message"].endswith(".")
    assert tab.tried("corpora.list") == []


def test_texts_in_other_encodings_and_packed_ones_are_read(tab: Tab) -> None:
    import gzip

    said = "Grüße aus Köln, 😀!\r\n" * 30
    for data in (
        said.encode("utf-16"),
        said.encode("utf-16-be"),
        ("\ufeff" + said).encode(),
        gzip.compress(said.encode()),
    ):
        corpus = tab.ok("addBytes", "said.txt", encoded(data))
        assert corpus["characters"] == len(said)
        found = tab.tried("corpora.survey", corpus["id"], {"line_ends": "lf"})
        assert found["preview"] == said.replace("\r\n", "\n")[:2000]


def test_a_damaged_model_is_refused(tab: Tab, model: Model) -> None:
    assert model.path is not None
    whole = model.path.read_bytes()
    error = tab.refused("open", "cut.safetensors", encoded(whole[:-3]))
    assert error["name"] == "FormatError"
    assert "cut" in error["message"]
    assert tab.tried("models.list") == []


def _weights(tab: Tab, model: str) -> bytes:
    data = base64.b64decode(tab.call("file", model))
    return data[8 + int.from_bytes(data[:8], "little") :]


def _document(text: str) -> Any:
    from recurra.formats.sources import Document

    return Document.of_text(text.encode(), "text")
