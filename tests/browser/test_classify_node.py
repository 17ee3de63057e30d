"""Classifying in TypeScript, in Node: files are read, and series told apart, as in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.core.errors import RecurraError
from recurra.formats.labelled import read_labelled
from recurra.formats.sources import Document
from recurra.studio.kinds.base import EXAMPLES
from recurra.tasks.series.labels.model import Classifier
from recurra.tasks.series.labels.training import learn
from tests.browser.conftest import run

BOUND = 1e-5
"""Of probabilities and shares: the kernel computes in float32, the reference in float64."""
UNEVEN = "@classLabel true a b\n@data\n" + "".join(
    ",".join("?" if (n + t) % 7 == 3 else f"{np.sin(t / (1 + n % 2)):.4f}" for t in range(5 + n))
    + ":" + ",".join(f"{(t * n) % 5}" for t in range(5 + n)) + f":{'ab'[n % 2]}\n"
    for n in range(12)
)  # fmt: skip
FILES: list[tuple[str, str, dict[str, Any]]] = [
    ("two.ts", UNEVEN, {}),
    ("free.ts", "# said\n@classlabel false\n@data\n1,2,3\n4,NaN,6\n", {}),
    ("words.csv", 'class,t0,t1\n"a, b",1,2\n"say ""c""",3,-\n', {"label": "first"}),
    ("semi.csv", "1,5;2,25;0\n3,5;;1\n2,5;1;0\n1;1;1\n", {}),
    ("blank.txt", "1 0.5 1e3\n2 -.5 7\n1 3 4\n2 2 2\n", {"label": "first"}),
    ("turns.csv", "x0,y0,x1,y1,who\n1,2,3,4,1.0\n5,6,,,2.0\n7,8,9,10,1.0\n1,1,1,1,2.0\n",
     {"channels": 2}),
    ("named.tsv", "a\tkind\tb\r\n1\tx\t2\r\n3\ty\t4\r\n", {"label": "kind"}),
]  # fmt: skip
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("few.csv", "a,b\n1,2\n", {}),
    ("none.csv", "1.5,2.5,3.5\n1.25,3,4.5\n7.5,8,9.5\n", {}),
    ("bad.csv", "k,a,b\nx,1,2\ny,so,3\n", {}),
    ("far.csv", "k,a,b\nx,1,2\ny,inf,3\n", {}),
    ("odd.csv", "k,a,b,c\nx,1,2,3\ny,1,2,3\n", {"channels": 2}),
    ("which.csv", "k,a,b\nx,1,2\ny,1,2\n", {"label": "z"}),
    ("bad.ts", "@data\n1,2:a\n1,b:a\n", {}),
    ("uneven.ts", "@data\n1,2:3:a\n", {}),
    ("times.ts", "@timestamps true\n@data\n1,2:a\n", {}),
    ("empty.ts", "@data\n", {}),
    ("empty.csv", "", {}),
]  # fmt: skip


def answered(node: str, dist: Path, tmp_path: Path, cases: Any) -> Any:
    """Return what TypeScript makes of the cases."""
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases))
    return json.loads(run(node, str(dist / "tests" / "classify.node.mjs"), str(path), str(dist)))


def document(tmp_path: Path, name: str, text: str) -> Document:
    path = tmp_path / name
    path.write_text(text, newline="")
    return Document.of_file(path)


def test_files_are_read_as_python_reads_them(node: str, dist: Path, tmp_path: Path) -> None:
    cases = [{"model": None, "name": n, "text": t, **how} for n, t, how in [*FILES, *REFUSED]]
    results = answered(node, dist, tmp_path, cases)
    for (name, text, how), found in zip(FILES, results, strict=False):
        want = read_labelled(document(tmp_path, name, text), **how)
        assert found.get("channels") == want.channels, (name, found)
        assert [one["label"] for one in found["series"]] == list(want.labels), name
        for one, values in zip(found["series"], want.series, strict=True):
            mine = np.array([np.nan if v is None else v for v in one["values"]])
            np.testing.assert_array_equal(mine.reshape(values.shape), values)
    for (name, text, how), found in zip(REFUSED, results[len(FILES) :], strict=True):
        told = document(tmp_path, name, text)
        with pytest.raises(RecurraError) as refusal:
            read_labelled(told, **how)
        assert found.get("error") == str(refusal.value).replace(told.name, name), name


def test_series_are_classified_as_in_python(node: str, dist: Path, tmp_path: Path) -> None:
    pulses = EXAMPLES / "pulses.csv"
    uneven = tmp_path / "uneven.ts"
    uneven.write_text(UNEVEN)
    cases, wanted = [], []
    for n, (source, options) in enumerate((
        (pulses, {"sizes": (12,), "steps": 60}),
        (uneven, {"sizes": (7, 5), "steps": 40, "patch": 3}),
    )):  # fmt: skip
        data = read_labelled(source)
        path = tmp_path / f"{n}.safetensors"
        learn(data, **options, engine="native", threads=1).save(path)
        exact = Classifier.load(path, engine="reference", precision="float64")
        wanted.append((exact, data))
        cases.append({"model": str(path), "name": source.name, "text": source.read_text()})
    for (model, data), found in zip(wanted, answered(node, dist, tmp_path, cases), strict=True):
        assert "error" not in found, found
        np.testing.assert_allclose(
            found["shares"], model.probabilities(data.series), rtol=0, atol=BOUND
        )
        scores = model.score(data)
        told = found["scores"]
        assert told["confusion"] == scores.confusion.tolist()
        assert (told["accuracy"], told["f1"]) == pytest.approx((scores.accuracy, scores.f1))
        for mine, theirs in zip(told["per_class"], scores.per_class, strict=True):
            assert tuple(mine.values()) == pytest.approx(theirs)
        for moved, series in zip(found["moved"], data.series, strict=True):
            want = model.saliency(series)
            np.testing.assert_allclose(moved, want / want.sum(), rtol=0, atol=BOUND)
