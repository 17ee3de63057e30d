"""Sets of music by name: found, checked, got, learned, and never mistaken for texts."""

from __future__ import annotations

import hashlib
import lzma
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from recurra.cli.data import data
from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.datasets import files, music, registry
from recurra.datasets.catalogue import CATALOGUE, Dataset
from recurra.datasets.music_catalogue import MUSIC
from recurra.datasets.shelves import find
from recurra.tasks.music.reading import find_files, read_music
from recurra.tasks.music.training import prepare
from tests.shelving import put

TUNE = b"X:1\nM:4/4\nL:1/8\nK:G\nG2A2 B2c2|d2e2 f2g2|g8|]\n"
BOOKS = [TUNE, TUNE.replace(b"K:G", b"K:D").replace(b"g8", b"d8")]
TOY = Dataset(
    name="toy-tunes",
    title="Toy",
    what="Made up.",
    licence="none",
    origin="This file.",
    home="http://localhost",
    size_bytes=sum(map(len, BOOKS)),
    sha256=hashlib.sha256(b"".join(BOOKS)).hexdigest(),
    reader="music",
    addresses=("http://localhost:9/b.abc", "http://localhost:9/a.abc"),
    files=("toy/abc/b.abc", "toy/abc/a.abc"),
)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RECURRA_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    offer(monkeypatch, TOY)
    return tmp_path


def offer(monkeypatch: pytest.MonkeyPatch, *sets: Dataset) -> None:
    put(monkeypatch, "music", (*MUSIC, *sets))


def by_hand(places: Path, *, packed: bool = False) -> list[str]:
    folder = places / "data" / "toy" / "abc"
    folder.mkdir(parents=True)
    for name, text in zip(("b.abc", "a.abc"), BOOKS, strict=True):
        path = folder / (f"{name}.xz" if packed else name)
        path.write_bytes(lzma.compress(text) if packed else text)
    suffix = ".xz" if packed else ""
    return [str(folder / f"{name}{suffix}") for name in ("b.abc", "a.abc")]


def test_the_catalogue_is_complete_and_leaves_the_tunes_kept_for_tests_alone() -> None:
    assert {"nottingham", "irish-abc", "jsb-chorales"} <= {dataset.name for dataset in MUSIC}
    assert not {dataset.name for dataset in MUSIC} & {dataset.name for dataset in CATALOGUE}
    for dataset in MUSIC:
        assert dataset.reader == "music"
        assert dataset.licence
        assert dataset.home.startswith("https")
        assert len(bytes.fromhex(str(dataset.sha256))) == 32
        assert not dataset.addresses or len(dataset.addresses) == len(dataset.files)
        assert not [name for name in dataset.files if "ryan" in name.lower()]


@pytest.mark.parametrize("packed", [False, True])
def test_the_data_folder_holds_a_set_whole_or_not_at_all(places: Path, packed: bool) -> None:
    paths = by_hand(places, packed=packed)
    assert find_files(["toy-tunes"]) == paths
    assert find_files(["data:toy-tunes"]) == paths
    assert read_music(["toy-tunes"]).sha256 == read_music(paths).sha256
    Path(paths[1]).unlink()
    assert files.files_of(TOY) is None


def test_a_file_of_that_name_comes_first(places: Path) -> None:
    by_hand(places)
    (places / "toy-tunes").mkdir()
    (places / "toy-tunes" / "mine.abc").write_bytes(TUNE)
    assert find_files(["toy-tunes"]) == ["toy-tunes/mine.abc"]
    assert len(find_files(["data:toy-tunes"])) == 2


def test_a_set_that_was_changed_is_refused(places: Path) -> None:
    Path(by_hand(places)[0]).write_bytes(TUNE + b"%")
    with pytest.raises(FormatError, match="toy-tunes is not what it should be"):
        find_files(["toy-tunes"])


def test_a_download_is_checked_and_kept(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def download(address: str, folder: Path, name: str, *_: object) -> Path:
        (folder / name).write_bytes(BOOKS[len(asked)])
        asked.append(address)
        return folder / name

    monkeypatch.setattr(files, "download", download)
    first = find_files(["toy-tunes"])
    assert find_files(["toy-tunes"]) == first
    assert asked == list(TOY.addresses)
    kept = sorted(path.name for path in (places / "cache").rglob("*") if path.is_file())
    assert kept == ["a.abc", "b.abc"]
    BOOKS.reverse()
    try:
        asked.clear()
        monkeypatch.setenv("RECURRA_CACHE", str(places / "other"))
        with pytest.raises(FormatError, match="is not what it should be"):
            find_files(["toy-tunes"])
    finally:
        BOOKS.reverse()
    assert not [path for path in (places / "other").rglob("*") if path.is_file()]


def test_no_connection_is_one_sentence_that_says_what_else_to_do() -> None:
    with pytest.raises(ResourceError, match=r"no connection.*put b\.abc, a\.abc into.*toy/abc"):
        find_files(["toy-tunes"])


def test_what_a_package_brings_is_found_without_importing_it(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = replace(TOY, name="toy-package", package="toytunes==1", files=("toytunes/abc/*.abc",),
                  addresses=(), sha256=hashlib.sha256(b"".join(BOOKS)).hexdigest())  # fmt: skip
    folder = places / "cache" / "data" / "toy-package" / "package" / "toytunes"
    (folder / "abc").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    for name, text in zip(("1.abc", "2.abc"), BOOKS, strict=True):
        (folder / "abc" / name).write_bytes(text)
    (folder / "abc" / "readme.txt").write_text("?")
    offer(monkeypatch, toy)
    assert [Path(path).name for path in find_files(["toy-package"])] == ["1.abc", "2.abc"]


def test_texts_and_music_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`recurra train dickens` learns it"):
        find_files(["dickens"])
    with pytest.raises(ConfigError, match="`recurra music train nottingham` learns it"):
        registry.resolve(["nottingham"])
    with pytest.raises(ConfigError, match="did you mean 'nottingham'"):
        find_files(["notingham"])
    with pytest.raises(FormatError, match="no file or folder nothing-like-it"):
        find_files(["nothing-like-it"])


def test_a_run_keeps_the_name_and_the_licence(places: Path) -> None:
    paths = by_hand(places)
    settings = {"steps": 1, "validation": 0, "test": 0, "minimum_count": 1}
    training = prepare("toy-tunes", settings)
    assert training.inputs == ["data:toy-tunes"]
    assert training.describe()["provenance"]["licence"] == "none"
    assert prepare(paths, settings).describe()["provenance"]["licence"] is None


def test_the_command_line_lists_describes_and_gets_music(places: Path) -> None:
    by_hand(places)
    shown = CliRunner().invoke(data, ["list"])
    assert shown.exit_code == 0
    assert all(dataset.name in shown.output for dataset in (*CATALOGUE, *MUSIC))
    shown = CliRunner().invoke(data, ["info", "toy-tunes"])
    assert "recurra music train toy-tunes" in shown.output
    shown = CliRunner().invoke(data, ["get", "toy-tunes"])
    assert shown.exit_code == 0
    assert str(places / "data" / "toy" / "abc") in shown.output


@pytest.mark.parametrize("name", ["oneills", "airds-airs", "essen-folksong", "bach-scores"])
def test_what_music21_ships_is_what_the_catalogue_says(name: str) -> None:
    pytest.importorskip("music21")
    paths = music.get_music(name)
    assert sum(path.stat().st_size for path in paths) == find(name).size_bytes
