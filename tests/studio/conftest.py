from __future__ import annotations

import pytest

from recurra.tasks.text.training import train
from tests.studio.serving import TEXT, open_inside


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A small model of `TEXT`, as a file."""
    folder = tmp_path_factory.mktemp("model")
    text = folder / "text.txt"
    text.write_text(TEXT)
    model = train(
        str(text), sizes=(12, 8), embedding=6, batch_size=8, window=16, steps=60,
        sample_every=0, engine="reference", precision="float32",
    )  # fmt: skip
    model.save(folder / "model.safetensors")
    return folder / "model.safetensors"


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path):
    """Keep the user's folders out of the tests."""
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RECURRA_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def site(tmp_path):
    """A site as the front end's build leaves it."""
    folder = tmp_path / "site"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Recurra</title>")
    (folder / "assets" / "app-0123.js").write_text("export {};")
    (folder / "assets" / "kernel-0123.wasm").write_bytes(b"\0asm\1\0\0\0")
    return folder


@pytest.fixture
def inside(tmp_path, site):
    found = open_inside(tmp_path / "home", site=site)
    yield found
    found.close()


@pytest.fixture
def corpus(inside):
    return inside.ask("POST", "/api/corpora", TEXT.encode(), query="name=little.txt").json()


@pytest.fixture
def model(inside, corpus, model_file):
    return inside.ask("POST", "/api/models", model_file.read_bytes(), query="name=mine").json()
