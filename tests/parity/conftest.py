"""Engines under test beside the reference: torch on the device that RECURRA_TEST_DEVICE names, and
native, which has no float64 and computes those cases in float32."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable

import numpy as np
import pytest

from recurra.core.parameters import Params
from recurra.core.spec import Spec
from recurra.engines import EngineOptions, make
from recurra.engines.base import Network, OptimiserOptions
from tests.parity.bounds import BOUND, error

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]

DEVICE = os.environ.get("RECURRA_TEST_DEVICE", "cpu")

Build = Callable[..., tuple[Network, Network]]


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(params=["torch", "native"])
def engine(request) -> str:
    return request.param


@pytest.fixture
def pair(engine) -> Build:
    """Build (engine under test, reference) networks of one spec and the same weights."""

    def build(
        spec: Spec,
        params: Params,
        optimiser: OptimiserOptions | None = None,
        *,
        precision: str = "float64",
    ) -> tuple[Network, Network]:
        device = DEVICE if engine == "torch" else "cpu"
        here = "float32" if (engine, precision) == ("native", "float64") else precision
        ours = EngineOptions(engine=engine, device=device, precision=here, threads=1)
        plain = "float32" if precision == "bfloat16" else precision
        theirs = EngineOptions(engine="reference", precision=plain)
        return (
            make(engine, ours).build(spec, params, optimiser),
            make("reference", theirs).build(spec, params, optimiser),
        )

    return build


@pytest.fixture
def close(engine) -> Callable[..., None]:
    """Assert that two arrays, or two dicts of arrays, agree within the bound of a precision."""

    def compare(got, want, precision: str = "float64", *, steps: bool = False) -> None:
        if (engine, precision) == ("native", "float64"):
            precision = "float32"
        if isinstance(want, dict):
            assert set(got) == set(want)
            for name in want:
                found = error(got[name], want[name])
                note(found, precision, steps)
                assert found <= BOUND[precision][steps], (name, found)
        else:
            found = error(got, want)
            note(found, precision, steps)
            assert found <= BOUND[precision][steps], found

    return compare


WORST: dict[tuple[str, bool], float] = {}


def note(found: float, precision: str, steps: bool) -> None:
    key = (precision, steps)
    WORST[key] = max(WORST.get(key, 0.0), found)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say what was measured, for the table in bounds.py."""
    for (precision, steps), worst in sorted(WORST.items()):
        what = "after ten steps" if steps else "values and gradients"
        terminalreporter.write_line(f"parity on {DEVICE}, {precision}, {what}: {worst:.1e}")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
