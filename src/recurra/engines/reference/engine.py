"""The door to the reference networks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from recurra.core.parameters import Params
from recurra.core.spec import Spec
from recurra.engines.base import OptimiserOptions
from recurra.engines.reference.network import ReferenceNetwork

if TYPE_CHECKING:
    from recurra.engines import EngineOptions


class ReferenceEngine:
    """NumPy alone: every cell, float32 or float64, always there."""

    name = "reference"

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self.dtype = np.float64 if options.precision == "float64" else np.float32

    def available(self) -> str | None:
        if self.options.device not in ("auto", "cpu"):
            return f"the reference engine computes on the CPU, not on {self.options.device}."
        return None

    def unsupported(self, spec: Spec) -> str | None:
        if self.options.precision in ("bfloat16", "int8"):
            return (
                "the reference engine computes in float32 or float64, not in "
                f"{self.options.precision}."
            )
        return None

    def describe(self) -> str:
        threads = os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
        return f"NumPy {np.__version__}, CPU, up to {threads} threads, {np.dtype(self.dtype).name}"

    def build(
        self, spec: Spec, params: Params, optimiser: OptimiserOptions | None = None
    ) -> ReferenceNetwork:
        return ReferenceNetwork(spec, params, optimiser, self.dtype)
