"""Hostile sizes are refused before a pointer is touched: every address here is invalid."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from recurra.core.spec import Cell
from recurra.engines.native import layout
from recurra.engines.native.layout import describe
from recurra.kernel.library import Job
from tests.cases import make_spec

VERSION, DESCRIPTION, SIZE, MEMORY, TOKEN, OPTION = -1, -2, -3, -4, -5, -6
FIELDS = {"abi": 0, "input": 1, "tokens": 2, "features": 3, "outputs": 4, "tied": 5, "flags": 6,
          "residual": 7, "precision": 8, "layers": 9, "size": 10}  # fmt: skip
BAD = 0xDEAD0000


def job(description: np.ndarray, **fields) -> Job:
    sensible = {"abi": 1, "mode": 0, "time": 4, "batch": 3, "threads": 1, "parts": 1, "step": 1,
                "temperature": 1.0, "top_p": 1.0}  # fmt: skip
    return Job(
        **{
            **sensible,
            "description": description.ctypes.data,
            "description_length": len(description),
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("abi", 7, VERSION),
        ("input", 3, DESCRIPTION),
        ("tokens", 0, DESCRIPTION),
        ("tokens", 2**40, DESCRIPTION),
        ("features", 0, DESCRIPTION),
        ("features", -1, DESCRIPTION),
        ("outputs", -5, DESCRIPTION),
        ("outputs", 2**62, DESCRIPTION),
        ("flags", 512 + 1, DESCRIPTION),
        ("flags", 1 + 4, DESCRIPTION),
        ("flags", 1024, DESCRIPTION),
        ("precision", 9, DESCRIPTION),
        ("layers", 0, DESCRIPTION),
        ("layers", 2, DESCRIPTION),
        ("layers", 2**63 - 1, DESCRIPTION),
        ("size", 0, DESCRIPTION),
        ("size", -(2**63), DESCRIPTION),
        ("size", 65537, DESCRIPTION),
    ],
)
def test_descriptions(build, field, value, wanted):
    description = describe(make_spec())
    description[FIELDS[field]] = value
    functions, at = build.functions, description.ctypes.data
    assert functions.recurra_parameters(at, len(description), None) == wanted
    assert functions.recurra_packed_size(at, len(description)) == wanted
    assert functions.recurra_state_size(at, len(description), 1) == wanted
    assert functions.recurra_workspace_size(job(description)) == wanted
    assert functions.recurra_run(job(description)) == wanted


def test_truncated_description(build):
    description = describe(make_spec())
    for length in (-1, 0, 5, len(description) - 1, len(description) + 1):
        assert build.functions.recurra_packed_size(description.ctypes.data, length) == DESCRIPTION
    assert build.functions.recurra_packed_size(None, len(description)) == DESCRIPTION


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"abi": 2}, VERSION),
        ({"mode": 6}, OPTION),
        ({"mode": -1}, OPTION),
        ({"time": 0}, SIZE),
        ({"time": -4}, SIZE),
        ({"batch": 0}, SIZE),
        ({"batch": 2**31}, SIZE),
        ({"time": 2**40, "batch": 2**40}, SIZE),
        ({"time": 2**20, "batch": 2**19}, SIZE),
        ({"threads": 0}, SIZE),
        ({"threads": 65}, SIZE),
        ({"mode": 5, "count": -1}, SIZE),
        ({"dropout": 1.0}, OPTION),
        ({"dropout": float("nan")}, OPTION),
        ({"recurrent_dropout": -0.1}, OPTION),
        ({"mode": 4, "rule": 5}, OPTION),
        ({"mode": 4, "parts": 0}, OPTION),
        ({"mode": 4, "part": 1}, OPTION),
        ({"mode": 4, "step": 0}, OPTION),
        ({"mode": 5, "temperature": 0.0}, OPTION),
        ({"mode": 5, "top_k": -1}, OPTION),
    ],
)
def test_jobs(build, fields, wanted):
    description = describe(make_spec())
    addresses = {
        name: BAD
        for name, kind in Job._fields_
        if kind is ctypes.c_uint64 and name not in ("description", "pool")
    }
    bad = job(description, **addresses, **fields)
    assert build.functions.recurra_workspace_size(bad) == wanted
    assert build.functions.recurra_run(bad) == wanted


@pytest.mark.parametrize("mode", range(6))
def test_missing_arrays(build, mode):
    assert build.functions.recurra_run(job(describe(make_spec()), mode=mode)) == MEMORY


def test_too_small_a_workspace(build):
    description = describe(make_spec())
    there = dict.fromkeys(("params", "packed", "workspace", "state_in", "tokens"), BAD)
    found = build.functions.recurra_run(job(description, **there, workspace_bytes=1000))
    assert found == MEMORY


@pytest.mark.parametrize("token", [-1, 7, 2**62, -(2**63)])
def test_tokens_outside_the_vocabulary(build, token):
    description = describe(make_spec(reads="one_hot"))
    tokens = np.zeros((4, 3), np.int64)
    tokens[2, 1] = token
    memory = np.zeros(1 << 20, np.uint8)
    there = dict.fromkeys(("params", "packed", "workspace", "state_in"), layout.address(memory))
    found = build.functions.recurra_run(
        job(description, **there, tokens=layout.address(tokens), workspace_bytes=memory.size)
    )
    assert found == TOKEN


def test_pools(build):
    assert build.functions.recurra_pool_size(0) == SIZE
    assert build.functions.recurra_pool_size(65) == SIZE
    assert build.functions.recurra_pool_start(None, 2) == MEMORY
    assert build.functions.recurra_pool_start(None, -2) == SIZE


def test_three_parts_need_tiles(build):
    description = describe(make_spec(), "split")
    found = build.functions.recurra_packed_size(description.ctypes.data, len(description))
    assert found == DESCRIPTION if not build.splits else found > 0


@pytest.mark.parametrize("precision", ["bfloat16", "int8", "split"])
def test_cells_that_need_float32(build, precision):
    for cell in (Cell(layer_norm=True), Cell(full_gate_recurrence=True)):
        description = describe(make_spec(cell), precision)
        found = build.functions.recurra_packed_size(description.ctypes.data, len(description))
        assert found == DESCRIPTION


@pytest.mark.parametrize("mode", [2, 3, 4])
def test_nothing_learns_in_int8(build, mode):
    description = describe(make_spec(), "int8")
    assert build.functions.recurra_run(job(description, mode=mode)) == OPTION


def test_int8_is_refused_where_sums_could_overflow(build):
    description = describe(make_spec(), "int8")
    description[FIELDS["features"]] = 65537
    found = build.functions.recurra_packed_size(description.ctypes.data, len(description))
    assert found == DESCRIPTION
