"""Which engine `auto` takes, and what is said when the one asked for cannot run."""

from __future__ import annotations

import sys

import pytest

import recurra
from recurra import engines
from recurra.cli.main import _sentence
from recurra.core.errors import ConfigError, ResourceError
from recurra.core.spec import Cell
from recurra.engines import EngineOptions, select
from recurra.engines.native import NativeNetwork, network
from recurra.formats.sources import Document
from recurra.kernel import library
from tests.cases import VARIANTS, make_spec


@pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("purpose", ["train", "generate"])
def test_auto_takes_the_kernel_on_a_cpu(cell, purpose, monkeypatch):
    monkeypatch.setattr(engines, "has_cuda", lambda: False)
    assert select(make_spec(cell), EngineOptions(), purpose).name == "native"


def test_auto_trains_on_a_gpu_and_generates_beside_it(monkeypatch):
    monkeypatch.setattr(engines, "has_cuda", lambda: True)
    assert select(make_spec(), EngineOptions(), "train").name == "torch"
    assert select(make_spec(), EngineOptions(), "generate").name == "native"
    assert select(make_spec(), EngineOptions(device="cpu"), "train").name == "native"


def test_auto_takes_what_computes_in_float64():
    assert select(make_spec(), EngineOptions(precision="float64"), "train").name == "torch"


def test_no_torch_is_imported_to_find_out_that_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
    monkeypatch.setattr(engines.Path, "exists", lambda path: False)
    for name in [name for name in sys.modules if name.split(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    assert not engines.has_cuda()
    assert "torch" not in sys.modules


def test_an_engine_that_is_not_here_is_never_replaced(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ResourceError, match="PyTorch is not installed"):
        select(make_spec(), EngineOptions(engine="torch"), "train")


@pytest.mark.parametrize("purpose", ["train", "generate"])
def test_a_kernel_that_cannot_be_loaded_is_said_to_be_replaced(purpose, monkeypatch, tmp_path):
    monkeypatch.setattr(engines, "has_cuda", lambda: False)
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    with pytest.warns(UserWarning, match=r"engine computes.*the kernel was not built") as said:
        assert select(make_spec(), EngineOptions(), purpose).name != "native"
    assert len(said) == 1


def test_the_command_line_prints_it_as_a_sentence():
    said = "The torch engine computes."
    assert _sentence(said, UserWarning, "engines.py", 7) == f"note        {said}\n"
    assert "engines.py:7" in _sentence(said, DeprecationWarning, "engines.py", 7)


def test_a_training_and_its_text_come_from_the_kernel(monkeypatch):
    modes = []
    run = NativeNetwork._run

    def spy(self, mode, *arguments, **more):
        modes.append(mode)
        return run(self, mode, *arguments, **more)

    monkeypatch.setattr(NativeNetwork, "_run", spy)
    monkeypatch.setattr(engines, "has_cuda", lambda: False)
    text = Document.of_text("All that glitters is not gold.\n" * 40)
    model = recurra.train(text, steps=4, sizes=(8,), window=8, batch_size=4)
    assert modes.count(network.TRAIN) == 4
    modes.clear()
    model.generate("All", length=5)
    assert set(modes) == {network.FORWARD, network.GENERATE}


def test_an_engine_that_cannot_run_the_network_says_so():
    options = EngineOptions(engine="reference", precision="bfloat16")
    with pytest.raises(ConfigError, match="not in bfloat16"):
        select(make_spec(Cell()), options, "train")
