"""Which engine `auto` takes, and what is said when the one asked for cannot run."""

from __future__ import annotations

import sys

import pytest

from recurra import engines
from recurra.core.errors import ConfigError, ResourceError
from recurra.core.spec import Cell
from recurra.engines import EngineOptions, select
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


def test_an_engine_that_cannot_run_the_network_says_so():
    options = EngineOptions(engine="reference", precision="bfloat16")
    with pytest.raises(ConfigError, match="not in bfloat16"):
        select(make_spec(Cell()), options, "train")
