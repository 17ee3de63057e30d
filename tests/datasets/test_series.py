"""Public series by name: found, told apart from texts and music, learned by the command line."""

from __future__ import annotations

import hashlib
import json
import lzma
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from recurra.cli.main import app
from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.datasets import files, registry, series
from recurra.datasets.catalogue import CATALOGUE
from recurra.datasets.music_catalogue import MUSIC
from recurra.datasets.series_catalogue import LABELLED, SERIES
from recurra.datasets.shelves import find
from recurra.tasks.series.read import read_panel
from tests.shelving import put

TABLE = b"Month,Sold\n" + b"".join(
    b"%d-%02d,%d\n" % (2000 + n // 12, n % 12 + 1, 100 + 10 * (n % 12)) for n in range(96)
)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data that holds a stand-in for air-passengers, and nothing else."""
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RECURRA_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    known = find("air-passengers")
    stand_in = replace(known, sha256=hashlib.sha256(TABLE).hexdigest())
    put(monkeypatch, "series", [stand_in if one is known else one for one in SERIES])
    place = tmp_path / "data" / "classic-series"
    place.mkdir(parents=True)
    (place / "AirPassengers.csv.xz").write_bytes(lzma.compress(TABLE))
    return tmp_path


def test_the_catalogue_is_complete() -> None:
    every = (*CATALOGUE, *MUSIC, *SERIES, *LABELLED)
    assert len({one.name for one in every}) == len(every)
    for dataset in (*SERIES, *LABELLED):
        assert dataset.reader == ("series" if dataset in SERIES else "labels")
        assert dataset.licence
        assert dataset.home.startswith("https")
        assert len(bytes.fromhex(str(dataset.sha256))) == 32
        assert len(dataset.files) == 1
        assert len(dataset.addresses) <= 1
        if dataset.name.endswith("-test"):
            find(dataset.name.removesuffix("-test"))


def test_a_name_stands_for_the_set_where_there_is_no_such_file(places: Path) -> None:
    assert read_panel("air-passengers").panel.values == 96
    (places / "air-passengers").write_text("y\n1\n2\n3\n")
    assert read_panel("air-passengers").panel.values == 3
    assert read_panel("data:air-passengers").panel.values == 96


def test_kinds_are_not_mistaken_for_each_other() -> None:
    with pytest.raises(ConfigError, match="did you mean 'air-passengers'"):
        read_panel("air-pasengers")
    with pytest.raises(ConfigError, match="`recurra classify train gunpoint` learns it"):
        read_panel("gunpoint")
    with pytest.raises(ConfigError, match="`recurra forecast train m4-hourly` learns it"):
        registry.resolve(["m4-hourly"])
    with pytest.raises(ResourceError, match="no public address"):
        series.resolve_series("pendigits", "labels")


def test_a_changed_set_is_refused(places: Path) -> None:
    (places / "data" / "classic-series" / "AirPassengers.csv.xz").write_bytes(
        lzma.compress(TABLE + b"2008-01,5\n")
    )
    with pytest.raises(FormatError, match="air-passengers is not what it should be"):
        read_panel("air-passengers")


def test_what_a_package_brings_is_found_beside_what_was_put_there(places: Path) -> None:
    gunpoint = find("gunpoint")
    assert files.files_of(gunpoint) is None
    place = places / "cache" / "data" / "gunpoint" / "package" / gunpoint.shipped_as
    place.parent.mkdir(parents=True)
    place.write_text("@data\n")
    assert files.files_of(gunpoint) == [place]
    own = places / "data" / gunpoint.files[0]
    own.parent.mkdir()
    own.write_text("@data\n")
    assert files.files_of(gunpoint) == [own]


def test_the_command_line_lists_learns_and_measures_a_set(places: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    names = {one["name"]: one for one in json.loads(run("data", "list", "--json"))}
    assert {"m4-hourly", "pendigits", "dickens", "nottingham"} <= set(names)
    assert names["air-passengers"]["where"]
    assert "recurra forecast train air-passengers" in run("data", "info", "air-passengers") + str(
        CliRunner().invoke(app, ["data", "info", "air-passengers"]).output
    )
    quick = ["--sizes", "4", "--steps", "4", "--horizon", "6", "--engine", "reference"]
    run("forecast", "train", "air-passengers", "--run", "run", "--conformal", *quick)
    kept = json.loads((places / "run" / "run.json").read_text())
    assert kept["inputs"] == ["data:air-passengers"]
    said = json.loads(run("forecast", "evaluate", "run", "--json"))
    assert said["series"] == 1
    assert len(run("forecast", "predict", "run", "--data", "air-passengers").splitlines()) == 7
    # The intervals were corrected, as --conformal asks.
    told = json.loads(run("inspect", "run/best.safetensors", "--json"))
    assert "calibration" in json.dumps(told)
