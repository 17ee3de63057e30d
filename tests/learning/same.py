"""Whether two run folders hold the same run, bit for bit."""

from __future__ import annotations

from pathlib import Path

from recurra.formats.jsonl import read_lines
from recurra.formats.model_file import read_document
from recurra.formats.tensor_file import open_tensors
from recurra.learning.checkpoint import KEY, load_checkpoint
from tests.learning.toy import curve


def lines(run: Path) -> tuple[list, list]:
    """Return a run's curve and samples without what the clock says."""
    return curve(read_lines(run / "metrics.jsonl")), curve(read_lines(run / "samples.jsonl"))


def tensors(path: Path, key: str) -> dict[str, bytes]:
    """Return the bytes of every array in a file."""
    with open_tensors(path, key) as file:
        return {name: file.read(name).tobytes() for name in file.shapes}


def assert_same_run(run: Path, whole: Path) -> None:
    """Check that curves, model and checkpoint have the same bits; only the clock may differ."""
    assert lines(run) == lines(whole)
    for name, key in (("best.safetensors", "recurra"), ("last.checkpoint.safetensors", KEY)):
        assert tensors(run / name, key) == tensors(whole / name, key), name
    assert read_document(run / "best.safetensors") == read_document(whole / "best.safetensors")
    one, other = (load_checkpoint(p / "last.checkpoint.safetensors").progress for p in (run, whole))
    one.elapsed_s = other.elapsed_s
    assert one == other
