"""The same in Chromium, and the Worker as a page uses it: models go both ways, and write alike."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from recurra.formats.model_file import load_model
from recurra.tasks.text.model import Model
from tests.browser.test_kernel_node import check

WORDS = "the rain in spain stays mainly in the plain while every good boy deserves fruit and wine"
SEEDS = 20
LENGTH = 1000


@pytest.fixture(scope="module")
def text() -> str:
    """Sentences of few words in random order: quick to learn, never twice the same."""
    rng = np.random.default_rng(3)
    words = np.array(WORDS.split())
    lines = [" ".join(rng.choice(words, rng.integers(3, 9))) for _ in range(1500)]
    return ".\n".join(lines)


@pytest.fixture(scope="module")
def model(text: str, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that Python trained, in float32, and saved."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "text.txt").write_text(text)
    recurra.train(
        str(folder / "text.txt"), run=str(folder / "run"), steps=60, sizes=(32, 24), embedding=8,
        batch_size=8, window=32, learning_rate=0.02, engine="reference", precision="float32",
        sample_every=0,
    )  # fmt: skip
    found = Model.load(folder / "run", engine="reference", precision="float32")
    found.save(folder / "model.safetensors")
    return Model.load(folder / "model.safetensors", engine="reference", precision="float32")


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def call(page: Any, name: str, *arguments: Any) -> Any:
    """Call a function of web/kernel/tests/page.ts and return what it resolves to."""
    return page.evaluate(
        "([name, given]) => window.recurra[name](...given)", [name, list(arguments)]
    )


@pytest.mark.parametrize(
    ("module", "threads"), [("simd", 1), ("relaxed", 1), ("threads", 1), ("threads", 2)]
)
def test_every_golden_case(page: Any, dist: Path, module: str, threads: int) -> None:
    found = call(page, "check", module, threads, "golden.json")
    golden = json.loads((dist / "golden.json").read_text())
    check(found, sum(len(cases) for cases in golden.values()))
    assert found["threads"] == threads


def test_an_isolated_page_has_threads(page: Any) -> None:
    found = call(page, "features")
    assert found == {"simd": True, "relaxed": True, "threads": True, "choice": "threads"}
    assert call(page, "start", {"threads": 2}) == {"module": "threads", "threads": 2}


def test_a_page_that_is_not_isolated_has_one_thread(browser: Any, serve: Any) -> None:
    plain = browser.new_page()
    plain.goto(serve(False))
    plain.wait_for_function("window.recurra !== undefined")
    assert call(plain, "features")["choice"] == "relaxed"
    assert call(plain, "start") == {"module": "relaxed", "threads": 1}
    plain.close()


@pytest.mark.parametrize("module", ["simd", "threads"])
def test_a_seed_writes_the_same_text_as_in_python(page: Any, model: Model, module: str) -> None:
    call(page, "start", {"module": module, "threads": 2})
    opened = call(page, "open", encoded(model.path), "model.safetensors")
    assert opened["parameters"] == model.parameters
    same = 0
    for seed in range(SEEDS):
        options = {"prime": "the ", "length": LENGTH, "seed": seed, "temperature": 0.8}
        theirs = model.generate(**options)
        ours = call(page, "write", opened["model"], options)
        assert len(ours["text"]) == LENGTH
        assert ours["pieces"] > 5  # it streams
        same += ours["text"] == theirs
    assert same >= SEEDS - 1  # a draw within the rounding may go the other way: 1 in 100 texts


def test_stop_texts_and_rules(page: Any, model: Model) -> None:
    call(page, "start")
    opened = call(page, "open", encoded(model.path), "model.safetensors")
    for options in (
        {"length": 80, "seed": 5, "stop": ["\n"]},
        {"length": 60, "seed": 6, "temperature": 0},
        {"length": 60, "seed": 7, "top_k": 4, "top_p": 0.9, "resample": True},
    ):
        assert call(page, "write", opened["model"], options)["text"] == model.generate(**options)


def test_a_trace_is_the_reference_engines(page: Any, model: Model) -> None:
    call(page, "start")
    opened = call(page, "open", encoded(model.path), "model.safetensors")
    text = "the rain in spain"
    found = call(page, "trace", opened["model"], text)
    tokens = np.array([model.start, *model.vocabulary.encode(text)], np.int64)
    network = model.network()
    wanted = network.trace(tokens[:, None], network.zero_state(1))
    del wanted["logits"]
    assert set(found["arrays"]) == set(wanted)
    for name, array in wanted.items():
        np.testing.assert_allclose(found["arrays"][name], array.ravel(), atol=2e-5)
    surprise = np.log(model.probabilities(text))
    np.testing.assert_allclose(found["log_probs"], surprise, atol=2e-5)
    assert "".join(found["tokens"][1:]) == text


def test_a_model_trained_in_the_browser_opens_in_python(
    page: Any, text: str, tmp_path: Path
) -> None:
    call(page, "start", {"threads": 2})
    options = {
        "sizes": [24, 16], "embedding": 8, "batch_size": 8, "window": 32, "steps": 150,
        "learning_rate": 0.02, "seed": 4, "dropout": 0.1,
    }  # fmt: skip
    found = call(page, "train", {"text": text, "options": options, "source": {"inputs": ["a.txt"]}})
    events = [event["event"] for event in found["events"]]
    assert events[0] == "started"
    assert {"step", "validated"} <= set(events)
    result = found["result"]
    assert result["reason"] == "budget"
    assert result["step"] == 150
    first = next(e for e in found["events"] if e["event"] == "step")
    assert result["held_out"]["loss_nats"] < min(1.7, first["loss_nats"])
    file = tmp_path / "browser.safetensors"
    file.write_bytes(base64.b64decode(call(page, "save", result["model"])))
    model = Model.load(file, engine="reference", precision="float32")
    asked = {"prime": "in ", "length": 300, "seed": 8}
    assert call(page, "write", result["model"], asked)["text"] == model.generate(**asked)
    weights, document = load_model(file)
    assert document["provenance"]["data"]["inputs"] == ["a.txt"]
    assert all(array.dtype == np.float32 for array in weights.values())
    # And back: the same bytes say the same.
    again = call(page, "open", encoded(file), "browser.safetensors")
    assert call(page, "write", again["model"], asked)["text"] == model.generate(**asked)


def test_a_step_in_the_browser_is_a_step_in_python(page: Any, text: str, tmp_path: Path) -> None:
    shared = {
        "embedding": 6, "batch_size": 4, "window": 20, "steps": 40, "learning_rate": 0.01,
        "seed": 2, "validation": 0.1, "test": 0.1,
    }  # fmt: skip
    call(page, "start", {"module": "relaxed"})
    request = {"text": text[:6000], "options": {**shared, "sizes": [12]}, "validate_every": 0}
    found = call(page, "train", request)
    file = tmp_path / "browser.safetensors"
    file.write_bytes(base64.b64decode(call(page, "save", found["result"]["model"])))
    ours, _ = load_model(file)
    (tmp_path / "text.txt").write_text(text[:6000])
    recurra.train(
        str(tmp_path / "text.txt"), run=str(tmp_path / "run"), sizes=(12,), engine="reference",
        precision="float32", sample_every=0, validate_every=0, dropout=0.0, weight_decay=0.0,
        **shared,
    )  # fmt: skip
    theirs = Model.load(tmp_path / "run").weights
    for name, array in theirs.items():
        np.testing.assert_allclose(ours[name], array, atol=1e-4, err_msg=name)


def test_a_training_that_was_stopped_goes_on_from_its_checkpoint(page: Any, text: str) -> None:
    call(page, "start", {"module": "relaxed"})
    options = {"sizes": [64], "embedding": 8, "batch_size": 8, "window": 32, "seconds": 3600}
    long = {"text": text, "options": options, "validate_every": 0}
    stopped = call(page, "train", {**long, "checkpoint_seconds": 0.2}, {"after": 20, "stop": True})
    assert stopped["result"]["reason"] == "stopped"
    saved = [e for e in stopped["events"] if e["event"] == "checkpointed"][-1]["step"]
    assert saved == stopped["result"]["step"] >= 20
    budget = {**options, "steps": saved + 30}
    del budget["seconds"]
    resumed = call(page, "resumeLast", {**long, "options": budget})
    assert resumed["result"]["step"] == saved + 30


def test_a_pause_holds_the_training(page: Any, text: str) -> None:
    call(page, "start", {"module": "relaxed"})
    options = {"sizes": [64], "embedding": 8, "batch_size": 16, "window": 32, "steps": 400}
    request = {"text": text, "options": options, "validate_every": 0}
    found = call(page, "train", request, {"after": 1, "pause_ms": 500})
    events = found["events"]
    paused = [n for n, event in enumerate(events) if event["event"] == "paused"]
    assert len(paused) == 1
    # Nothing was told while it was held.
    assert found["quiet"] == paused[0] + 1
    assert events[paused[0] + 1]["event"] == "resumed"
    assert events[paused[0] + 1]["step"] == events[paused[0]]["step"]
    assert found["result"]["step"] == 400


def test_a_damaged_file_is_refused_with_a_sentence(page: Any, model: Model) -> None:
    call(page, "start")
    whole = model.path.read_bytes()
    found = call(page, "refused", base64.b64encode(whole[:-3]).decode())
    assert found["name"] == "FormatError"
    assert "cut short" in found["message"]
    assert call(page, "refused", base64.b64encode(b"\0" * 100).decode())["name"] == "FormatError"
