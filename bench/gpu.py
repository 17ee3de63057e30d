"""Training and generation speed on an NVIDIA GPU, beside a plain PyTorch script.

Run from the repository's root:  python bench/gpu.py [--seconds 1.0] [--out bench/out/gpu.json]

Ours and the plain script take turns on the same random tokens; a row gives the median of the turns
in characters a second. "graph" is this engine as it runs by default, "plain steps" the same without
CUDA graphs, "script" is nn.Embedding + nn.LSTM + nn.Linear + cross_entropy + clip_grad_norm_ +
Adam(fused). In float32 all of them run without TensorFloat-32.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recurra.core.parameters import initialise
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Cell, Embedding, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make
from recurra.engines.base import Batch, OptimiserOptions

VOCABULARY, EMBEDDING = 65, 64
SHAPES = [(128, 2), (256, 2), (512, 3), (1024, 2)]
BATCHES = [(32, 64), (64, 64), (64, 128), (256, 128)]
TURNS = 5

Step = Callable[[Batch], None]


def network(size: int, layers: int, precision: str, cell: Cell | None = None, dropout: float = 0.0):
    spec = Spec(
        input=Embedding(vocabulary_size=VOCABULARY, size=EMBEDDING),
        stack=Stack(sizes=(size,) * layers, cell=cell or Cell(), dropout=dropout),
        head=Softmax(vocabulary_size=VOCABULARY),
    )
    options = EngineOptions(engine="torch", device="cuda", precision=precision)
    return make("torch", options).build(
        spec, initialise(spec, 0), OptimiserOptions(optimiser="adam")
    )


def ours(net, width: int, *, graph: bool) -> Step:
    net._captures = graph
    state, count = net.zero_state(width), 0

    def step(batch: Batch) -> None:
        nonlocal state, count
        _, state = net.train_step(batch, state, learning_rate=2e-3, step=count, seed=0)
        count += 1

    return step


def script(size: int, layers: int, precision: str) -> Step:
    embedding = nn.Embedding(VOCABULARY, EMBEDDING).cuda()
    lstm = nn.LSTM(EMBEDDING, size, layers).cuda()
    head = nn.Linear(size, VOCABULARY).cuda()
    weights = [*embedding.parameters(), *lstm.parameters(), *head.parameters()]
    rule = torch.optim.Adam(weights, 2e-3, fused=True)
    state = None

    def step(batch: Batch) -> None:
        nonlocal state
        x = torch.from_numpy(batch.inputs).cuda()
        y = torch.from_numpy(batch.targets).cuda()
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16"):
            h, state = lstm(embedding(x), state)
            logits = head(h)
        loss = functional.cross_entropy(logits.float().view(-1, VOCABULARY), y.view(-1))
        rule.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        rule.step()
        state = tuple(part.detach() for part in state)

    return step


def measure(steps: dict[str, Step], width: int, length: int, seconds: float) -> dict[str, float]:
    """Return the median characters a second of each, over turns of `seconds` in all."""
    rng = np.random.default_rng(0)
    draw = lambda: rng.integers(0, VOCABULARY, (length, width))  # noqa: E731
    batches = [Batch(draw(), draw()) for _ in range(8)]
    counts = {}
    for name, step in steps.items():
        for batch in batches:
            step(batch)
        torch.cuda.synchronize()
        began = time.perf_counter()
        for batch in batches:
            step(batch)
        torch.cuda.synchronize()
        each = (time.perf_counter() - began) / len(batches)
        counts[name] = max(4, int(seconds / TURNS / each))
    speeds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(TURNS):
        for name, step in steps.items():
            torch.cuda.synchronize()
            began = time.perf_counter()
            for n in range(counts[name]):
                step(batches[n % len(batches)])
            torch.cuda.synchronize()
            took = time.perf_counter() - began
            speeds[name].append(counts[name] * width * length / took)
    return {name: statistics.median(found) for name, found in speeds.items()}


def training(seconds: float) -> list[dict]:
    rows = []
    print(
        f"{'network':>8} {'batch':>5} {'window':>6} {'products':>9} "
        f"{'script':>12} {'plain steps':>12} {'graph':>12}   graph/script"
    )
    for size, layers in SHAPES:
        for width, length in BATCHES:
            for precision in ("float32", "bfloat16"):
                net = network(size, layers, precision)
                other = network(size, layers, precision)
                steps = {
                    "script": script(size, layers, precision),
                    "plain steps": ours(other, width, graph=False),
                    "graph": ours(net, width, graph=True),
                }
                found = measure(steps, width, length, seconds)
                rows.append(
                    {
                        "layers": layers,
                        "size": size,
                        "batch": width,
                        "window": length,
                        "products": precision,
                        **found,
                    }
                )
                print(
                    f"{layers}x{size:<6} {width:>5} {length:>6} {precision:>9} "
                    f"{found['script']:>12,.0f} {found['plain steps']:>12,.0f} "
                    f"{found['graph']:>12,.0f}   {found['graph'] / found['script']:.2f}",
                    flush=True,
                )
    return rows


def variants(seconds: float) -> list[dict]:
    rows = []
    for name, cell, dropout in (
        ("dropout 0.1", Cell(), 0.1),
        ("gru", Cell(gru=True), 0.0),
        ("peephole loop", Cell(peephole=True), 0.0),
    ):
        nets = [network(256, 2, "auto", cell, dropout) for _ in range(2)]
        steps = {
            "plain steps": ours(nets[0], 64, graph=False),
            "graph": ours(nets[1], 64, graph=True),
        }
        found = measure(steps, 64, 64, seconds)
        rows.append({"variant": name, "layers": 2, "size": 256, **found})
        print(
            f"{name:>14}, 2x256, batch 64, window 64: plain steps "
            f"{found['plain steps']:,.0f}, graph {found['graph']:,.0f}",
            flush=True,
        )
    return rows


def generation() -> list[dict]:
    rows = []
    for size, layers in ((256, 2), (1024, 2)):
        net = network(size, layers, "auto")
        for width in (1, 64, 512):
            speed = generated(net, width)
            rows.append({"layers": layers, "size": size, "batch": width, "drawn": speed})
            print(
                f"generation {layers}x{size}, batch {width}: {speed:,.0f} characters/s", flush=True
            )
    return rows


def generated(net, width: int, count: int = 500) -> float:
    """Return characters a second over all sequences, after a first call to warm up."""
    took = 0.0
    for draws in (32, count):
        began = time.perf_counter()
        net.generate(
            np.zeros(width, np.int64),
            net.zero_state(width),
            draws,
            SamplingOptions(top_p=0.9),
            seed=0,
        )
        took = time.perf_counter() - began
    return count * width / took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="per contender and row")
    parser.add_argument("--out", type=Path, default=Path("bench/out/gpu.json"))
    options = parser.parse_args()
    result = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "unit": "characters a second",
    }
    result["training"] = training(options.seconds)
    result["variants"] = variants(options.seconds)
    result["generation"] = generation()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1))
    print(options.out)


if __name__ == "__main__":
    main()
