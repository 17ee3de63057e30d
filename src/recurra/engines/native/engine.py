"""Where and how the native engine computes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from recurra.core.parameters import Params
from recurra.core.spec import Spec
from recurra.engines.base import OptimiserOptions
from recurra.engines.native.layout import float32_only
from recurra.engines.native.network import NativeNetwork
from recurra.kernel import KernelMissingError, load

if TYPE_CHECKING:
    from recurra.engines import EngineOptions

MOST_THREADS = 64


class NativeEngine:
    """The kernel in C: every cell, on the CPU, with nothing to install.

    Precision: weights, optimiser, states and loss are float32. `bfloat16` rounds the factors of the
    matrix products of training, which are summed in float32; `auto` does so where the processor
    gains by it (`Kernel.fast_bfloat16`) and every layer is a multiple of 32 wide. Asked for by
    name, generation does so too, and of a network that is built without an optimiser, `forward` and
    `evaluate`; everything else computes in float32. `int8` is for trained networks: those three
    read weights of 8 bits, each row of a gate and of the head in steps of its own, and activations
    of 8 bits in steps of each row; their sums are exact. Gradients stay float32.
    """

    name = "native"

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    def available(self) -> str | None:
        if self.options.device not in ("auto", "cpu"):
            return f"the native engine computes on the CPU, not on {self.options.device}."
        try:
            load()
        except KernelMissingError as error:
            return str(error)
        return None

    def unsupported(self, spec: Spec) -> str | None:
        if self.options.precision == "float64":
            return "the native engine computes in float32, bfloat16 or int8, not in float64."
        if self.options.precision in ("bfloat16", "int8") and float32_only(spec):
            return (
                "the native engine computes this cell in float32 only; leave the precision 'auto'."
            )
        return None

    def describe(self) -> str:
        kernel, threads = load(), self._threads()
        products = self.options.precision
        if products == "auto":
            products = "bfloat16" if kernel.fast_bfloat16 else "float32"
        text = (
            f"kernel {kernel.name} ({kernel.reason}), CPU, {threads} "
            f"thread{'' if threads == 1 else 's'}, {products} products"
        )
        if self.options.precision == "auto" and kernel.slow_bfloat16:
            text += f" ({kernel.slow_bfloat16})"
        return text

    def build(
        self, spec: Spec, params: Params, optimiser: OptimiserOptions | None = None
    ) -> NativeNetwork:
        """Return a network with a copy of `params`.

        Raises `FormatError` where `params` do not fit `spec`.
        """
        asked = self.options.precision
        small = asked in ("bfloat16", "int8")
        learns_in = "bfloat16" if self._bfloat16(spec) else "float32"
        runs_in = asked if asked == "int8" or (small and optimiser is None) else "float32"
        return NativeNetwork(
            spec,
            params,
            optimiser or OptimiserOptions(),
            load(),
            threads=self._threads(),
            learns_in=learns_in,
            runs_in=runs_in,
            # What learns is validated as it learns: float32 would take three times as long.
            scores_in=learns_in if optimiser and runs_in == "float32" else runs_in,
            draws_in=asked if small else "float32",
        )

    def _threads(self) -> int:
        if self.options.threads:
            return min(self.options.threads, MOST_THREADS)
        limit = os.environ.get("OMP_NUM_THREADS", "")
        if limit.isdecimal() and int(limit) > 0:
            return min(int(limit), MOST_THREADS)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return min(cores or 1, MOST_THREADS)

    def _bfloat16(self, spec: Spec) -> bool:
        """Return whether training multiplies in bfloat16."""
        if self.options.precision != "auto":
            return self.options.precision == "bfloat16"
        return (
            load().fast_bfloat16
            and not float32_only(spec)
            and all(units % 32 == 0 for units in spec.stack.sizes)
        )
