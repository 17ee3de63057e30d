"""Run the kernel under AddressSanitizer and UndefinedBehaviorSanitizer over random shapes.

`python -m tests.kernel.sanitize [SHAPES]` (default 10,000) builds every variant with gcc and its
sanitizers into a temporary folder, then runs windows, steps and generation of random networks in a
process that has the sanitizer's library loaded first. The first finding ends it with exit code 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from recurra.core.sampling import SamplingOptions
from recurra.engines import EngineOptions, make
from recurra.engines.base import OptimiserOptions
from recurra.engines.native import network as native
from recurra.kernel import library
from recurra.kernel.build import build
from tests.cases import VARIANTS, VOCABULARY, make_spec, random_batch, random_params

SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
FOLDER_VARIABLE = "RECURRA_TEST_SANITIZED"


def main() -> int:
    shapes = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    if folder := os.environ.get(FOLDER_VARIABLE):
        library.FOLDER = Path(folder)
        run(shapes)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RECURRA_CC"] = f"gcc -O1 {SANITIZERS}"
        build(Path(folder))
        runtime = subprocess.run(
            ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
        )
        environment = {
            **os.environ,
            FOLDER_VARIABLE: folder,
            "LD_PRELOAD": runtime.stdout.strip(),
            # Python never gives back all that it took.
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        for name in library.X86_64:
            command = [sys.executable, "-m", "tests.kernel.sanitize", str(shapes // 4)]
            done = subprocess.run(command, env={**environment, library.VARIABLE: name})
            if done.returncode:
                return 1
    return 0


def run(shapes: int) -> None:
    """Run random networks on the build that the environment names."""
    rng = np.random.default_rng(1)
    names = list(VARIANTS)
    for number in range(shapes):
        cell = VARIANTS[names[number % len(names)]]
        sizes = tuple(int(n) for n in rng.integers(1, 70, rng.integers(1, 4)))
        reads = ("one_hot", "embedding", "vector")[rng.integers(3)]
        plain = not (cell.layer_norm or cell.full_gate_recurrence)
        precision = ("float32", "bfloat16", "int8")[rng.integers(3) if plain else 0]
        spec = make_spec(
            cell,
            sizes=sizes,
            reads=reads,
            tied=reads == "embedding" and bool(rng.integers(2)),
            dropout=0.3 * float(rng.integers(2)),
            recurrent_dropout=0.3 * float(rng.integers(2)),
            residual=bool(rng.integers(2)),
        )
        optimiser = OptimiserOptions(
            optimiser=("sgd", "adagrad", "rmsprop", "adam", "adamw")[rng.integers(5)],
            momentum=0.5 * float(rng.integers(2)),
            clip_value=0.1 * float(rng.integers(2)),
            weight_decay=0.1,
        )
        options = EngineOptions(precision=precision, threads=int(rng.integers(1, 4)))
        # As many sequences as these learn in three parts, where a build has them.
        native.SPLIT_BATCH = int(rng.integers(1, 40))
        network = make("native", options).build(spec, random_params(spec, rng), optimiser)
        time, width = int(rng.integers(1, 12)), int(rng.integers(1, 20))
        window = random_batch(spec, rng, time, width, resets=True, weights=True)
        state = network.zero_state(width)
        network.evaluate(window, state)
        network.gradients(window, state)
        network.trace(window.inputs, state)
        for part in range(2):
            network.train_step(
                window, state, learning_rate=0.01, step=0, seed=1, part=part, parts=2
            )
        if reads != "vector":
            tokens = rng.integers(0, VOCABULARY, width)
            sampling = SamplingOptions(top_k=int(rng.integers(5)), top_p=0.9, min_p=0.05)
            network.generate(tokens, state, 3, sampling, seed=number)
            network.generate(tokens[:1], network.zero_state(1), 3, sampling, seed=number)
    sys.stdout.write(f"{os.environ[library.VARIABLE]}: {shapes} shapes, no finding\n")


if __name__ == "__main__":
    sys.exit(main())
