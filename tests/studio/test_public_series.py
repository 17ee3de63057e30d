"""The registry's series in the studio: listed, fetched, learned, and forecast again."""

from __future__ import annotations

import hashlib
import lzma

import pytest

from recurra.datasets.catalogue import Dataset
from recurra.studio.kinds import registry
from recurra.tasks.series.training import finished
from tests.shelving import put
from tests.studio.test_kinds import COLUMNS, LABELLED, QUICK, TABLE


def made(name: str, reader, text: str) -> Dataset:
    return Dataset(
        name=name, title=name.title(), what="Made up.", licence="none", origin="This file.",
        home="http://localhost", size_bytes=len(text), reader=reader, files=(f"made/{name}.csv",),
        sha256=hashlib.sha256(text.encode()).hexdigest(), addresses=("http://localhost:9/x.csv",),
    )  # fmt: skip


SETS = {"series": made("shops", "series", TABLE), "labels": made("moves", "labels", LABELLED)}
TEXTS = {"series": TABLE, "labels": LABELLED}


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """Two made-up sets in the registry, neither of them here."""
    monkeypatch.setenv("RECURRA_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    for shelf, dataset in SETS.items():
        put(monkeypatch, shelf, [dataset])
    return tmp_path / "data" / "made"


def bring(folder, kind):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{SETS[kind].name}.csv.xz").write_bytes(lzma.compress(TEXTS[kind].encode()))


def listed(inside, kind):
    entries = inside.ask("GET", "/api/data", query=f"kind={kind}").json()
    (found,) = [one for one in entries if one["origin"] == "public"]
    return found


@pytest.mark.parametrize("kind", ["series", "labels"])
def test_a_public_set_that_is_not_here_says_so_until_it_is(inside, offered, kind):
    entry = listed(inside, kind)
    path = f"/api/data/{entry['id']}"
    assert (entry["ready"], entry["licence"], entry["facts"]) == (False, "none", {})
    assert inside.send("POST", f"{path}/survey", {}).status == 409
    refused = inside.send("POST", f"{path}/fetch").lines()[-1]["error"]
    assert "no connection" in refused["detail"]
    bring(offered, kind)
    assert listed(inside, kind)["ready"]
    fetched = inside.send("POST", f"{path}/fetch").lines()[-1]["result"]
    assert fetched["facts"]["rows" if kind == "series" else "series"] == (
        168 if kind == "series" else 30
    )
    assert inside.send("DELETE", path).status == 409
    assert inside.send("PATCH", path, {"name": "mine"}).status == 409


def test_a_changed_file_is_refused(inside, offered):
    bring(offered, "series")
    file = offered / "shops.csv.xz"
    file.write_bytes(lzma.compress(TABLE.encode() + b"\n"))
    refused = inside.send("POST", "/api/data/public-shops/fetch").lines()[-1]["error"]
    assert "not what it should be" in refused["detail"]


def test_a_public_set_is_learned_and_forecast(inside, offered, tmp_path):
    bring(offered, "series")
    settings = QUICK | COLUMNS | {"horizon": 7, "conformal": True}
    training = registry.find("series").prepare(["data:shops"], "Shops", settings, None)
    assert training.inputs == ["data:shops"]
    model = finished(training, training.run())
    model.save(tmp_path / "shops.safetensors")
    body = (tmp_path / "shops.safetensors").read_bytes()
    id = inside.ask("POST", "/api/models", body, query="name=shops").json()["id"]
    found = inside.send("POST", f"/api/models/{id}/forecast", {"data": "public-shops"}).json()
    assert len(found["median"]) == len(found["truth"]) == 7
    assert inside.send("POST", "/api/data/public-none/fetch").status == 404
    music = inside.send("POST", "/api/data/public-nottingham/fetch").lines()[-1]
    assert music["error"]["status"] == 409
