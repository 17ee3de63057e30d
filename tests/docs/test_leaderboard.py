"""The leaderboard page is made of results, whatever they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "leaderboard.py"


@pytest.fixture(scope="module")
def leaderboard():
    spec = importlib.util.spec_from_file_location("leaderboard", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result(corpus: str, preset: str, bits: float) -> dict:
    figures = {
        "bleu": None, "known_words": 0.9, "distinct": [0.3, 0.8, 0.9], "copied_share": 0.01,
        "longest_copy": 31,
    }  # fmt: skip
    return {
        "corpus": corpus, "preset": preset, "parameters": 1000, "trained_s": 180.0,
        "foreign_cores": 0.0, "sample": "```\n<b>It was</b>",
        "score": {
            "bits_per_char": bits, "bits_per_char_interval": [bits - 0.1, bits + 0.1],
            "accuracy": 0.5, "calibration": {"expected_error": 0.02}, "kneser_ney_order": 5,
            "kneser_ney_bits_per_char": 2.4, "xz_bits_per_char": None,
            "uniform_bits_per_char": 6.0,
        },
        "judged": {"generated": figures, "human": figures},
        "compressed": {
            "bytes": 9000, "characters": 9000, "recurra": 2000, "model": 4000, "gzip": 3000,
            "xz": 2500, "seconds": 0.5,
        },
        "machine": {"processor": "loom", "cores": 2, "versions": {}, "date": "today"},
    }  # fmt: skip


def test_every_result_has_its_row_and_a_sample_cannot_leave_its_frame(leaderboard):
    page = leaderboard.page([result("poems", "tiny", 2.5), result("poems", "small", 2.0)])
    assert page.count("## poems") == 1
    assert "| `tiny`, 1,000 parameters | 2.500 | 2.400 to 2.600 |" in page
    assert "`small` writes" in page
    assert page.count("```") == 2
    assert "| `recurra compress`, `tiny` | 2,000 | 1.778 | 6,000 | 18 |" in page
    assert "| [poems](#poems) | 2.500 | **2.000** | 2.400 |  |" in page
    assert "zstd" not in page


def test_the_seconds_that_were_given_are_told_plainly(leaderboard):
    results = [result("poems", "small", 2.0), result("c", "small", 2.1) | {"budget_s": 600.0}]
    page = leaderboard.page([result("poems", "tiny", 2.5) | {"trained_s": 31.2}, *results])
    assert "on 2 cores: `tiny` 30, `small` 180 to 600." in page
    assert "| corpus | `tiny`, 30 s | `small`, 180 to 600 s |" in page


@pytest.mark.parametrize(("status", "ends"), [("finished", True), ("interrupted", False)])
def test_a_training_that_was_cut_short_is_not_taken_for_a_whole_one(
    leaderboard, tmp_path, status, ends
):
    (tmp_path / "run.json").write_text(f'{{"status": "{status}"}}', "utf-8")
    assert leaderboard._finished(tmp_path) is ends


def test_a_preset_that_was_not_measured_on_a_corpus_leaves_its_place_empty(leaderboard):
    results = [
        result("poems", "tiny", 2.5),
        result("poems", "small", 2.0),
        result("c", "tiny", 2.6),
    ]
    assert "| [c](#c) | 2.600 |  | **2.400** |  |" in leaderboard.page(results)


def test_compressed_sizes_are_told_apart_from_the_model_s_own(leaderboard):
    [row] = leaderboard.compression([result("poems", "tiny", 2.5)])
    assert row["`tiny`, bits/char"] == pytest.approx(8 * 2000 / 9000)
    assert row["xz -9e, bits/char"] == pytest.approx(8 * 2500 / 9000)
    assert (row["`tiny`, bytes"], row["`tiny` with its model, bytes"]) == (2000, 6000)


def test_other_compressors_make_a_text_smaller(leaderboard):
    sizes = leaderboard.others_sizes(b"the cat sat on the mat. " * 400)
    assert {"gzip", "xz"} <= set(sizes)
    assert all(size < 400 for size in sizes.values())
