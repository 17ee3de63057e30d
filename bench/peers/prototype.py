"""A library with an interface of its own, measured beside the kernel where somebody has one.

`RECURRA_PROTOTYPE` names the folder of its `core.c`, which `bench/kernel.py` compiles.
"""

from __future__ import annotations

import ctypes
import shutil
from pathlib import Path
from typing import Any

from bench.clock import LAYERS, VOCABULARY, WINDOW, rate

PRECISIONS = ("float32", "bfloat16", "int8")


class Prototype:
    """A copy of the library for each batch, since its network is global."""

    def __init__(self, *, library: str, hidden: int, threads: int, precision: str) -> None:
        self.library, self.hidden, self.threads = Path(library), hidden, threads
        self.mode = PRECISIONS.index(precision)
        self._networks: dict[int, Any] = {}

    def _network(self, batch: int) -> Any:
        if batch in self._networks:
            return self._networks[batch]
        name = f"{self.hidden}-{batch}-{self.threads}-{self.mode}.so"
        own = self.library.with_name(name)
        shutil.copy(self.library, own)
        functions = ctypes.CDLL(str(own))
        functions.net_init.argtypes = [ctypes.c_int] * 6 + [ctypes.c_float]
        functions.net_init.restype = ctypes.c_size_t
        functions.net_text.restype = ctypes.c_void_p
        functions.generate_q.argtypes = [ctypes.c_int] * 3 + [ctypes.c_float, ctypes.c_void_p]
        functions.net_init(VOCABULARY, self.hidden, LAYERS, batch, WINDOW, self.threads, 1e-3)
        text = bytes(n * n % VOCABULARY for n in range(100_000))
        ctypes.memmove(functions.net_text(len(text)), text, len(text))
        if self.mode:
            functions.bf_mode(1)
        functions.run_native(1)
        if self.mode:
            functions.q_init()
        self._networks[batch] = functions
        return functions

    def train(self, seconds: float, batch: int) -> float:
        network = self._network(batch)
        return rate(lambda: network.run_native(1), WINDOW * batch, seconds, self.threads)

    def generate(self, seconds: float, streams: int) -> float:
        if streams > 1:
            raise ValueError("writes one text at a time.")
        network, out = self._network(32), ctypes.create_string_buffer(1000)

        def work() -> None:
            network.generate_q(self.mode, len(out), 1, 0.8, ctypes.addressof(out))

        return rate(work, len(out), seconds, self.threads)
