"""`recurra forecast`, `sequences` and `classify`, from files to tables and pictures."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

from recurra.cli.main import app

QUICK = ["--steps", "6", "--sizes", "8", "--engine", "native"]


def run(*arguments, code=0):
    found = CliRunner().invoke(app, [str(a) for a in arguments])
    assert found.exit_code == code, found.output
    return found


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sales(tmp_path):
    t = np.arange(90)
    rows = ["unique_id,ds,y"]
    for n, name in enumerate(("tea", "coffee")):
        y = 10 + n + np.sin(2 * np.pi * t / 7) + 0.1 * np.cos(t)
        stamps = np.datetime64("2024-01-01") + t
        rows += [f"{name},{d},{v:.3f}" for d, v in zip(stamps, y, strict=True)]
    (tmp_path / "sales.csv").write_text("\n".join(rows))
    return tmp_path / "sales.csv"


def test_a_forecast_from_training_to_picture(sales, tmp_path):
    pytest.importorskip("matplotlib")
    told = run("forecast", "train", sales, "--horizon", 7, "--run", "r", *QUICK).stderr
    assert "2 series, 180 values, every day, season 7" in told
    assert "recurra forecast predict r" in told
    found = run(
        "forecast", "predict", "r", "--horizon", 3, "--level", 80, 95, "--paths", 20,
        "--plot", "fan.png",
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(found.stdout)))
    assert [row["ds"] for row in rows[:3]] == ["2024-03-31", "2024-04-01", "2024-04-02"]
    assert {row["unique_id"] for row in rows} == {"tea", "coffee"}
    first = rows[0]
    assert float(first["Recurra-lo-95"]) <= float(first["Recurra-lo-80"])
    assert (tmp_path / "fan.png").read_bytes().startswith(b"\x89PNG")
    run("forecast", "predict", "r", "-o", "out.csv", "--samples", "--paths", 4)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 2 * 4 * 7
    scores = json.loads(run("forecast", "evaluate", "r", "--json").stdout)
    assert scores["recurra"]["mase"] > 0
    assert scores["steps"] == 7
    assert "seasonal naive" in run("forecast", "evaluate", "r", "--plot", "held.png").stdout


def test_a_stopped_forecast_is_gone_on_with(sales):
    run("forecast", "train", sales, "--horizon", 7, "--run", "r", *QUICK)
    told = run("resume", "r", "--steps", 9).stderr
    assert "9/9" in told


def test_other_data_and_wrong_ones(sales, tmp_path):
    run("forecast", "train", sales, "--horizon", 7, "--run", "r", *QUICK)
    (tmp_path / "other.csv").write_text("y\n" + "\n".join(str(n % 7) for n in range(30)))
    found = run("forecast", "predict", "r", "--data", "other.csv", "--paths", 5)
    assert found.stdout.splitlines()[0].startswith("ds,Recurra,")
    assert "per cents" in run("forecast", "predict", "r", "--level", "high", code=2).stderr
    assert "cannot be read" in run("forecast", "train", "nothing.csv", code=2).stderr
    sales.unlink()
    assert "not where they were" in run("forecast", "predict", "r", code=2).stderr
    (tmp_path / "text.csv").write_text("a,b\nc,d\n")
    told = run("forecast", "train", "text.csv", code=2).stderr
    assert "which column is what" in told
    assert len(told.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a,1,2\na,1,3\na,2,4", "two values at 1"),
        ("a,1,2\na,2,inf\na,3,4", "line 3: y is infinite"),
        ("a,2024-01-01T00:00,1\na,2024-01-01T00:00,2", "two values at"),
        ("a,1,nan\na,2,nan", "no value"),
        ("a,1,5", "long enough"),
        ("a,1,5\na,2,much", "line 3: y is 'much'"),
    ],
)
def test_tables_that_cannot_be_learned_from_get_one_sentence(tmp_path, rows, said):
    (tmp_path / "t.csv").write_text(f"unique_id,ds,y\n{rows}\n")
    told = run("forecast", "train", "t.csv", "--horizon", 2, *QUICK, code=2)
    assert said in " ".join(told.stderr.split())
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    "rows",
    [
        "\n".join(f"a,{n},7" for n in range(30)),
        "\n".join(f"a,{n},0" for n in range(30)),
        "\n".join(f"a,{(7 * n) % 30},{n}" for n in range(30)),
        "\n".join(f"a,2024-03-31T{n:02}:00:00+01:00,{n % 5}" for n in range(24)),
    ],
    ids=["constant", "zero", "unsorted", "zoned"],
)
def test_tables_as_they_come_get_a_forecast(tmp_path, rows):
    (tmp_path / "t.csv").write_text(f"unique_id,ds,y\n{rows}\n")
    run("forecast", "train", "t.csv", "--horizon", 2, "--run", "r", *QUICK)
    found = list(csv.DictReader(io.StringIO(run("forecast", "predict", "r").stdout)))
    assert len(found) == 2
    assert all(np.isfinite(float(row["Recurra"])) for row in found)


def test_number_sequences(tmp_path):
    (tmp_path / "mine.txt").write_text("1 2 3 4 5\n2 4 6 8 10\n")
    run("sequences", "train", "mine.txt", "--digits", 2, "--run", "n", *QUICK)
    found = json.loads(run("sequences", "ask", "n", "1,2,3", "--terms", 2, "--json").stdout)
    assert len(found["answers"]) == 5
    assert len(found["terms"]) == 2
    assert found["question"] == [1, 2, 3]
    assert "looked at" in run("sequences", "ask", "n", "-3", "0", "3").stdout
    assert "no whole number" in run("sequences", "ask", "n", "1", "x", code=2).stderr
    assert "all" in run("sequences", "evaluate", "n").stdout
    assert "--steps" in run("sequences", "train", "--help").stdout


def test_classes(tmp_path):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    lines = ["@problemName t", "@classLabel true a b", "@data"]
    for n in range(12):
        y = rng.normal(size=20) + (3 if n % 2 else 0)
        lines.append(",".join(f"{v:.3f}" for v in y) + f":{'ab'[n % 2]}")
    (tmp_path / "t.ts").write_text("\n".join(lines))
    told = run("classify", "train", "t.ts", "--run", "c", *QUICK, "--validation", 0.25).stderr
    assert "12 series of 20 values, 1 channel, 2 classes" in told
    run("classify", "evaluate", "c", "t.ts", "--confusion", "c.png")
    found = json.loads(run("classify", "evaluate", "c", "t.ts", "--json").stdout)
    assert np.array(found["confusion"]).sum() == 12
    rows = run("classify", "predict", "c", "t.ts", "--saliency", "s.png").stdout.splitlines()
    assert rows[0] == "row,class,probability"
    assert len(rows) == 13
    for name in ("c.png", "s.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert "not of text" in run("generate", "c", code=2).stderr
    assert (
        "not a classifier"
        in run("classify", "predict", _forecaster(tmp_path), "t.ts", code=2).stderr
    )


def _forecaster(folder):
    (folder / "one.csv").write_text("y\n" + "\n".join(str(n % 5) for n in range(40)))
    run("forecast", "train", "one.csv", "--horizon", 3, "--run", "f", *QUICK)
    return "f"
