"""`recurra doctor` tells what is here and why the rest is not, and leaves no trace."""

import json

import pytest
from click.testing import CliRunner

from recurra.cli import doctor
from recurra.cli.main import app
from recurra.version import VERSION


@pytest.fixture
def facts(monkeypatch, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "poems.txt").write_text("12345")
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RECURRA_DATA", str(data))
    result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.output)


def test_json_holds_versions_engines_and_variables(facts, tmp_path):
    assert facts["machine"]["recurra"].startswith(VERSION)
    assert "NumPy" in facts["engines"]["reference"]
    assert facts["variables"]["RECURRA_CACHE"] == str(tmp_path / "cache")


def test_folders_are_measured_but_not_made(facts, tmp_path):
    assert facts["folders"]["cache"].endswith("(not made yet)")
    assert not (tmp_path / "cache").exists()
    assert "(1 file, 5 bytes), searched first" in facts["folders"]["data"]


def test_an_engine_that_is_not_here_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    lines = doctor.facts()["engines"]
    assert lines["torch"] == "not here: PyTorch is not installed; pip install 'recurra[torch]'"
    assert not lines["reference"].startswith("not here")


def test_for_people_it_is_a_list_of_sections():
    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    for heading in ("This machine", "Packages", "Engines", "Folders", "Variables"):
        assert heading in result.output.splitlines()
