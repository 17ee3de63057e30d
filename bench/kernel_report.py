"""What `bench/kernel.py` measures, and what follows from its medians: shares, scaling, ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import roofline
from bench.clock import LAYERS
from bench.common import Row, print_plain

PRECISIONS = ("float32", "bfloat16", "int8")

Found = dict[str, list[Row]]
Records = list[dict[str, Any]]


@dataclass
class Plan:
    """What is measured, and for how long."""

    hidden: Sequence[int] = (128, 256, 512)
    batches: Sequence[int] = (64, 32)
    threads: Sequence[int] = (1, 2)
    seconds: float = 0.5
    rounds: int = 5
    steps: int = 1200
    cost_hidden: Sequence[int] = (64, 128, 256, 512, 1024)
    cost_batch: Sequence[int] = (1, 8, 32, 128)
    prototype: Path | None = None
    peaks: Path | None = None
    limits: dict[str, float] = field(default_factory=dict)
    """Multiply-add peaks of one core by precision, in GFLOP/s."""


QUICK = Plan(
    hidden=(128,), batches=(64,), threads=(1, 2), seconds=0.2, rounds=3, steps=150,
    cost_hidden=(64, 256), cost_batch=(1, 64),
)  # fmt: skip


def threaded(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def reached(plan: Plan, found: Found) -> Records:
    """Return what share of the processor's limits each of our rows reaches."""
    rows: Records = []
    for hidden in plan.hidden:
        for threads in plan.threads:
            title = f"Training {LAYERS}x{hidden}, batch {plan.batches[0]}, {threaded(threads)}"
            for kind in PRECISIONS[:2]:
                speed = median(found, title, f"Recurra, {kind}")
                if speed is None or kind not in plan.limits:
                    continue
                rate = speed * roofline.flops(hidden, learning=True) / 1e9 / threads
                rows.append(
                    {"work": f"learning, {kind}, {threaded(threads)}",
                     "network": f"{LAYERS}x{hidden}", "reached a core": rate, "unit": "GFLOP/s",
                     "share of the peak": rate / plan.limits[kind],
                     "share of PyTorch's own product": rate / plan.limits[f"product {kind}"]}
                )  # fmt: skip
        title = f"Generation {LAYERS}x{hidden}, 1 text, 1 thread"
        for kind in PRECISIONS:
            speed = median(found, title, f"Recurra, {kind}")
            if speed is not None:
                rate = speed * roofline.bytes_read(hidden, kind) / 1e9
                rows.append(
                    {"work": f"writing one text, {kind}", "network": f"{LAYERS}x{hidden}",
                     "reached a core": rate, "unit": "GB/s",
                     "share of the peak": rate / plan.limits[f"{hidden} {kind}"]}
                )  # fmt: skip
    print_plain("Share of the limits", rows)
    return rows


def ratios(plan: Plan, found: Found) -> Records:
    """Return every comparison as one line, a column a network."""
    many = "Generation {}, 64 texts, 2 threads"
    lstm, cell, jax = "PyTorch nn.LSTM", "PyTorch LSTMCell", "JAX, jit(scan)"
    step, loop = "ONNX Runtime, step", "ONNX Runtime, loop"
    lines: list[tuple[str, str, str, tuple[str, ...]]] = []
    for batch in plan.batches:
        for threads in plan.threads:
            title = f"Training {{}}, batch {batch}, {threaded(threads)}"
            for kind in PRECISIONS[:2]:
                told = f"learning {kind} / PyTorch {kind}, batch {batch}, {threaded(threads)}"
                peer = (f"PyTorch nn.LSTM, {kind}",)
                lines.append((told, title, f"Recurra, {kind}", peer))
                if plan.prototype:
                    told = f"learning {kind} / prototype, batch {batch}, {threaded(threads)}"
                    lines.append((told, title, f"Recurra, {kind}", (f"prototype, {kind}",)))
    for threads in plan.threads:
        one = f"Generation {{}}, 1 text, {threaded(threads)}"
        for kind in PRECISIONS:
            for peer in (lstm, cell, jax, step, loop):
                told = f"writing one text, {kind} / {peer}, {threaded(threads)}"
                lines.append((told, one, f"Recurra, {kind}", (peer,)))
            if plan.prototype and threads == 1:
                told, own = f"writing one text, {kind} / prototype, 1 thread", f"prototype, {kind}"
                lines.append((told, one, f"Recurra, {kind}", (own,)))
    everybody = (lstm, cell, jax, step, loop)
    for kind in PRECISIONS:
        told = f"writing 64 texts, {kind} / the best of PyTorch, ONNX Runtime, JAX, 2 threads"
        lines.append((told, many, f"Recurra, {kind}", everybody))
    rows: Records = []
    for told, title, own, peers in lines:
        row: dict[str, Any] = {"ratio": told}
        for hidden in plan.hidden:
            name = f"{LAYERS}x{hidden}"
            ours = median(found, title.format(name), own)
            theirs = [median(found, title.format(name), peer) for peer in peers]
            measured = [speed for speed in theirs if speed is not None]
            row[name] = ours / max(measured) if ours is not None and measured else None
        if any(value is not None for value in list(row.values())[1:]):
            rows.append(row)
    print_plain("Ratios of medians", rows)
    return rows


def scaling(plan: Plan, found: Found) -> Records:
    """Return how much faster learning is with more threads than with one."""
    rows: Records = []
    few, many = min(plan.threads), max(plan.threads)
    for batch in plan.batches:
        for kind in PRECISIONS[:2]:
            row: dict[str, Any] = {"with two threads / with one": f"{kind}, batch {batch}"}
            for hidden in plan.hidden:
                title = f"Training {LAYERS}x{hidden}, batch {batch}, "
                slow = median(found, title + threaded(few), f"Recurra, {kind}")
                fast = median(found, title + threaded(many), f"Recurra, {kind}")
                row[f"{LAYERS}x{hidden}"] = fast / slow if fast and slow else None
            rows.append(row)
    print_plain("Scaling", rows)
    return rows


def median(found: Found, title: str, name: str) -> float | None:
    """Return a contestant's median, None where it was not measured."""
    for row in found.get(title, []):
        if row.name == name and row.values:
            return row.median
    return None
