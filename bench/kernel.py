"""The native engine beside PyTorch's LSTM, and beside a prototype of the kernel, in one run.

    python bench/kernel.py [--quick] [--rounds N] [--threads 1 2] [--batch 64] [--prototype FOLDER]

Characters learned and drawn a second by two layers of 128, 256 and 512 units over 65 characters,
windows of 64, one-hot input, Adam, gradients clipped at norm 5. Turns are interleaved; with one
thread the clock is the CPU time of this process, so that busy neighbours count little. Prints what
share of the processor's measured float32 multiply-add peak the training reaches, and writes the
same as JSON to bench/out/kernel.json. `--prototype` names a folder with `core.c` to compile beside.
"""

from __future__ import annotations

import argparse
import ctypes
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.common import Row, interleave, print_table, write_json
from recurra.core.parameters import initialise
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import OneHot, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make
from recurra.engines.base import Batch, OptimiserOptions

VOCABULARY, WINDOW, LAYERS = 65, 64, 2

PEAK = r"""
typedef float v __attribute__((vector_size(64)));
float peak(long rounds) {
    v a[16], x = (v){0} + 0.999f, y = (v){0} + 1e-9f;
    for (int i = 0; i < 16; i++) a[i] = (v){0} + (float)i;
    for (long k = 0; k < rounds; k++)
        _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) a[i] = a[i] * x + y;
    float s = 0;
    for (int i = 0; i < 16; i++) s += a[i][0];
    return s;
}
"""


def flops_per_character(hidden: int) -> float:
    """Return multiply-adds times two of a training step, forward and both backward products."""
    recurrent = 4 * hidden * hidden * (2 * LAYERS - 1)  # one-hot input is a row of a table
    return 6.0 * (recurrent + hidden * VOCABULARY)


def compiled(source: Path, folder: Path, name: str) -> Path | None:
    """Compile one C file for this machine; None without a compiler."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    library = folder / f"{name}.so"
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", "-pthread"]
    subprocess.run([compiler, *flags, str(source), "-o", str(library), "-lm"], check=True)
    return library


def measure_peak(folder: Path) -> float | None:
    """Return this core's float32 GFLOP/s in a loop of nothing but multiply-adds."""
    source = folder / "peak.c"
    source.write_text(PEAK)
    library = compiled(source, folder, "peak")
    if library is None:
        return None
    function = ctypes.CDLL(str(library)).peak
    function.argtypes, function.restype = [ctypes.c_long], ctypes.c_float
    best, rounds = 0.0, 10_000_000
    for _ in range(5):
        start = time.process_time()
        function(rounds)
        best = max(best, rounds * 16 * 16 * 2 / (time.process_time() - start) / 1e9)
    return best


class Clock:
    """Seconds around a block: CPU time for one thread, wall time for more."""

    def __init__(self, threads: int) -> None:
        self.now = time.process_time if threads == 1 else time.perf_counter

    def rate(self, work: Callable[[], object], count: int, repeats: int = 1) -> float:
        start = self.now()
        for _ in range(repeats):
            work()
        return count * repeats / (self.now() - start)


class Native:
    def __init__(self, hidden: int, batch: int, threads: int, precision: str) -> None:
        size = VOCABULARY
        spec = Spec(
            input=OneHot(vocabulary_size=size),
            stack=Stack(sizes=(hidden,) * LAYERS),
            head=Softmax(vocabulary_size=size),
        )
        options = EngineOptions(engine="native", precision=precision, threads=threads)
        rule = OptimiserOptions(optimiser="adam", clip_norm=5.0)
        self.network = make("native", options).build(spec, initialise(spec, 1), rule)
        self.state = self.network.zero_state(batch)
        tokens = np.random.default_rng(0).integers(0, size, (WINDOW, batch))
        self.batch = Batch(tokens, tokens)
        self.train()

    def train(self) -> None:
        self.network.train_step(self.batch, self.state, learning_rate=1e-3, step=0, seed=1)

    def draw(self, streams: int, count: int) -> None:
        tokens = np.ones(streams, np.int64)
        how = SamplingOptions(temperature=0.8)
        self.network.generate(tokens, self.network.zero_state(streams), count, how, seed=1)


class PlainTorch:
    def __init__(self, hidden: int, batch: int, threads: int, *, bfloat16: bool) -> None:
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        self.eye = torch.eye(VOCABULARY)
        self.lstm = torch.nn.LSTM(VOCABULARY, hidden, LAYERS)
        self.head = torch.nn.Linear(hidden, VOCABULARY)
        self.weights = [*self.lstm.parameters(), *self.head.parameters()]
        self.rule = torch.optim.Adam(self.weights, fused=True)
        self.tokens = torch.randint(0, VOCABULARY, (WINDOW, batch))
        self.bfloat16 = bfloat16
        self.train()

    def train(self) -> None:
        torch = self.torch
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            outputs, _ = self.lstm(self.eye[self.tokens])
            logits = self.head(outputs)
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), self.tokens.flatten()
        )
        self.rule.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 5.0)
        self.rule.step()

    def draw(self, streams: int, count: int) -> None:
        torch = self.torch
        with torch.inference_mode():
            token, state = torch.ones(streams, dtype=torch.long), None
            for _ in range(count):
                output, state = self.lstm(self.eye[token][None], state)
                shares = torch.softmax(self.head(output[0]) / 0.8, dim=-1)
                token = torch.multinomial(shares, 1)[:, 0]


class Prototype:
    """A library with the prototype's interface; a copy each, for its network is global."""

    def __init__(self, library: Path, hidden: int, batch: int, threads: int, mode: int) -> None:
        own = library.with_name(f"{hidden}-{batch}-{threads}-{mode}.so")
        shutil.copy(library, own)
        self.functions = ctypes.CDLL(str(own))
        self.functions.net_init.argtypes = [ctypes.c_int] * 6 + [ctypes.c_float]
        self.functions.net_init.restype = ctypes.c_size_t
        self.functions.net_text.restype = ctypes.c_void_p
        self.functions.generate.argtypes = [
            ctypes.c_int, ctypes.c_int, ctypes.c_float, ctypes.c_void_p,
        ]  # fmt: skip
        self.functions.net_init(VOCABULARY, hidden, LAYERS, batch, WINDOW, threads, 1e-3)
        text = np.random.default_rng(0).integers(0, VOCABULARY, 100_000).astype(np.uint8)
        ctypes.memmove(self.functions.net_text(len(text)), text.tobytes(), len(text))
        if mode:
            self.functions.bf_mode(mode)
        self.train()

    def train(self) -> None:
        self.functions.run_native(1)

    def draw(self, streams: int, count: int) -> None:
        out = np.zeros(count, np.uint8)
        self.functions.generate(count, 1, 0.8, out.ctypes.data)


def sections(
    arguments: argparse.Namespace, prototype: Path | None, peak: float | None
) -> dict[str, list[Row]]:
    """Measure everything and print each table as it is done."""
    found: dict[str, list[Row]] = {}
    for hidden in arguments.hidden:
        for threads in arguments.threads:
            clock, batch = Clock(threads), arguments.batch
            trained: dict[str, Any] = {
                "native float32": Native(hidden, batch, threads, "float32"),
                "native bfloat16": Native(hidden, batch, threads, "bfloat16"),
                "PyTorch float32": PlainTorch(hidden, batch, threads, bfloat16=False),
                "PyTorch bfloat16": PlainTorch(hidden, batch, threads, bfloat16=True),
            }
            if prototype:
                trained["prototype float32"] = Prototype(prototype, hidden, batch, threads, 0)
                trained["prototype bfloat16"] = Prototype(prototype, hidden, batch, threads, 1)
            repeats = max(1, 512 // hidden)
            positions = WINDOW * batch
            rows = interleave(
                [
                    (name, partial(clock.rate, c.train, positions, repeats))
                    for name, c in trained.items()
                ],
                "characters/s",
                arguments.rounds,
            )
            title = f"Training {LAYERS}x{hidden}, batch {batch}, {threads} thread(s)"
            print_table(title, rows, "PyTorch float32")
            found[title] = rows
            if peak:
                for row in rows:
                    reached = row.median * flops_per_character(hidden) / 1e9
                    share = reached / peak / threads
                    print(f"  {row.name}: {reached:.0f} GFLOP/s, {share:.0%} of the peak")
            if threads == 1:
                for streams in (1, 64):
                    title = f"Generation {LAYERS}x{hidden}, {streams} stream(s), 1 thread"
                    found[title] = generation(trained, hidden, streams, clock, arguments.rounds)
                    print_table(title, found[title], "PyTorch float32")
    return found


def generation(
    trained: dict[str, Any], hidden: int, streams: int, clock: Clock, rounds: int
) -> list[Row]:
    names = ["native float32", "native bfloat16", "PyTorch float32"]
    if streams == 1 and "prototype float32" in trained:
        names.append("prototype float32")
    scale = (128 / hidden) ** 2 / (streams / 4 if streams > 1 else 1)
    counts = {n: max(8, int((100 if "PyTorch" in n else 4000) * scale)) for n in names}
    return interleave(
        [
            (n, partial(clock.rate, partial(trained[n].draw, streams, counts[n]),
                        streams * counts[n]))
            for n in names
        ],
        "characters/s",
        rounds,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three rounds of the small size")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--prototype", type=Path, help="folder of a core.c to compile beside")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.hidden, arguments.threads = 3, [128], [1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prototype = None
        if arguments.prototype:
            prototype = compiled(arguments.prototype / "core.c", folder, "prototype")
        peak = measure_peak(folder)
        if peak:
            print(f"float32 peak of one core: {peak:.0f} GFLOP/s")
        found = sections(arguments, prototype, peak)
    print(f"\nwritten: {write_json('kernel', found)}")


if __name__ == "__main__":
    main()
