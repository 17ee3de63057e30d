"""The kernel beside what else computes an LSTM on a CPU, and beside the CPU's own limits.

    python bench/kernel.py [--quick] [--only training,one,many,precision,cost] [--text FILE]

Two layers of 128, 256 and 512 units over 65 characters, one-hot input, windows of 64, Adam,
gradients clipped at norm 5. Each contestant is a process of its own, bound to as many cores as it
has threads; they take turns, and figures are medians. With one thread the clock is the CPU time of
the contestant. ONNX Runtime and JAX are measured once `make bench-peers` has installed them, and a
library with the prototype's interface when RECURRA_PROTOTYPE names the folder of its core.c.

Prints every table, the ratios last, and writes the same as JSON to bench/out/kernel.json (with
--quick kernel-quick.json), of which `tools/tables.py` fills the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench import peaks, roofline  # noqa: E402
from bench.clock import LAYERS  # noqa: E402
from bench.common import Row, interleave, print_plain, print_table, read_json, write_json  # noqa: E402
from bench.kernel_report import (  # noqa: E402
    PRECISIONS,
    QUICK,
    Found,
    Plan,
    Records,
    ratios,
    reached,
    scaling,
    threaded,
)
from bench.run import default_text  # noqa: E402
from bench.worker import Contestant  # noqa: E402

QUESTIONS = ("training", "one", "many", "precision", "cost")
OURS = "bench.kernel_ours:Kernel"
LEARNER = "bench.kernel_ours:Learner"
TORCH = "bench.peers.torch_loop:TorchLoop"
ONNX = "bench.peers.onnx_loop:OnnxLoop"
JAX = "bench.peers.jax_loop:JaxLoop"
PROTOTYPE = "bench.peers.prototype:Prototype"
PEERS = HERE / ".peers" / "bin" / "python"


def training(plan: Plan, found: Found) -> None:
    """Characters learned a second."""
    for hidden in plan.hidden:
        for threads in plan.threads:
            shape: dict[str, Any] = {"hidden": hidden, "threads": threads}
            peers = {
                "Recurra, float32": Contestant(OURS, precision="float32", **shape),
                "Recurra, bfloat16": Contestant(OURS, precision="bfloat16", **shape),
                "PyTorch nn.LSTM, float32": Contestant(TORCH, **shape),
                "PyTorch nn.LSTM, bfloat16": Contestant(TORCH, bfloat16=True, **shape),
                **_prototypes(plan, PRECISIONS[:2], **shape),
            }
            for batch in plan.batches:
                title = f"Training {LAYERS}x{hidden}, batch {batch}, {threaded(threads)}"
                rounds = plan.rounds if batch == plan.batches[0] else min(plan.rounds, 3)
                found[title] = turns(peers, "train", plan, batch, rounds)
                print_table(title, found[title], "PyTorch nn.LSTM, float32")
            close(peers)


def one(plan: Plan, found: Found) -> None:
    """Characters of a single text written a second."""
    for threads in plan.threads:
        for hidden in plan.hidden:
            shape: dict[str, Any] = {"hidden": hidden, "threads": threads}
            peers = {
                **{f"Recurra, {p}": Contestant(OURS, precision=p, **shape) for p in PRECISIONS},
                "PyTorch nn.LSTM": Contestant(TORCH, **shape),
                "PyTorch LSTMCell": Contestant(TORCH, cell=True, **shape),
                **_foreign(**shape),
                **(_prototypes(plan, PRECISIONS, **shape) if threads == 1 else {}),
            }
            title = f"Generation {LAYERS}x{hidden}, 1 text, {threaded(threads)}"
            found[title] = turns(peers, "generate", plan, 1, plan.rounds)
            print_table(title, found[title], "PyTorch nn.LSTM")
            close(peers)


def many(plan: Plan, found: Found) -> None:
    """Characters of 64 texts written a second, with two threads."""
    threads = max(plan.threads)
    for hidden in plan.hidden:
        shape: dict[str, Any] = {"hidden": hidden, "threads": threads}
        peers = {
            **{f"Recurra, {p}": Contestant(OURS, precision=p, **shape) for p in PRECISIONS},
            "PyTorch nn.LSTM": Contestant(TORCH, **shape),
            "PyTorch LSTMCell": Contestant(TORCH, cell=True, **shape),
            **_foreign(**shape),
        }
        title = f"Generation {LAYERS}x{hidden}, 64 texts, {threaded(threads)}"
        found[title] = turns(peers, "generate", plan, 64, plan.rounds)
        print_table(title, found[title], "PyTorch nn.LSTM")
        close(peers)


def precision(plan: Plan, text: Path) -> Records:
    """Return what bfloat16 in training and coarser weights in generation cost, in nats."""
    rows: Records = []
    for hidden in plan.hidden[:2]:
        exact = None
        for trained in PRECISIONS[:2]:
            learner = Contestant(
                "bench.kernel_ours:Learner", text, hidden=hidden, precision=trained
            )
            losses: dict[str, Any] = {"float32": learner.call("learn", plan.steps)}
            for read in PRECISIONS[1:]:
                try:
                    losses[read] = learner.call("loss", read)
                except RuntimeError as error:
                    losses[read] = None
                    print(f"{read}: {error}", file=sys.stderr)
            learner.close()
            exact = losses["float32"] if exact is None else exact
            rows.append(
                {"network": f"{LAYERS}x{hidden}", "trained in": trained, "steps": plan.steps}
                | {f"read in {name}, nats": loss for name, loss in losses.items()}
                | {"lost in training": losses["float32"] - exact}
                | {f"lost by {n}": None if losses[n] is None else losses[n] - losses["float32"]
                   for n in PRECISIONS[1:]}
            )  # fmt: skip
    print_plain("What precision costs, nats a held-out character", rows)
    return rows


def cost(plan: Plan) -> Records:
    """Return seconds a character against units and batch, beside the least that is possible."""
    limits = Contestant("bench.peaks:Peaks", threads=1, library=str(plan.peaks))
    rows: Records = []
    for learning in (True, False):
        method = "train" if learning else "generate"
        for hidden in plan.cost_hidden:
            ours = Contestant(OURS, hidden=hidden, threads=1, precision="float32")
            size = roofline.bytes_read(hidden, "float32")
            # Before and after: memory that neighbours are busy with is no limit of the processor.
            gbytes = [limits.call("reading", size, 0.2)]
            speeds = {batch: _speed(ours, method, batch, plan) for batch in plan.cost_batch}
            gbytes.append(limits.call("reading", size, 0.2))
            ours.close()
            for batch, speed in speeds.items():
                least = roofline.seconds(
                    hidden, batch, learning=learning, precision="float32",
                    gflops=plan.limits["float32"], gbytes=max(gbytes),
                )  # fmt: skip
                rows.append(
                    {"work": "learn" if learning else "write", "units": hidden, "batch": batch,
                     "measured_us": 1e6 / speed, "predicted_us": 1e6 * least}
                )  # fmt: skip
    limits.close()
    print_plain("What a character costs with one thread in float32", rows)
    return rows


def _speed(ours: Contestant, method: str, batch: int, plan: Plan) -> float:
    """Return the median of three turns, or one turn where that takes more than a second."""
    slow = 64 * batch / ours.call(method, 0.05, batch) > 1
    speeds = [ours.call(method, plan.seconds / 2, batch) for _ in range(1 if slow else 3)]
    return sorted(speeds)[len(speeds) // 2]


def measure_limits(plan: Plan, folder: Path) -> Records:
    """Measure the peaks of one core, note them in the plan, and return them."""
    plan.peaks = peaks.build(folder)
    if plan.peaks is None:
        raise SystemExit("there is no C compiler for the loops that measure the processor.")
    rows: Records = []
    core = Contestant("bench.peaks:Peaks", threads=1, library=str(plan.peaks))
    for kind in PRECISIONS:
        try:
            plan.limits[kind] = core.call("multiply_adds", kind, plan.seconds)
        except RuntimeError:
            continue
        unit = "GFLOP/s" if kind != "int8" else "Gop/s"
        rows.append({"limit": f"multiply-adds in {kind}", "value": plan.limits[kind], "unit": unit})
    for hidden in plan.hidden:
        for kind in PRECISIONS:
            size = roofline.bytes_read(hidden, kind)
            plan.limits[f"{hidden} {kind}"] = speed = core.call("reading", size, plan.seconds / 2)
            what = f"reading the {size / 1e6:.2f} MB of {LAYERS}x{hidden} in {kind}"
            rows.append({"limit": what, "value": speed, "unit": "GB/s"})
    core.close()
    library = Contestant(TORCH, hidden=64, threads=1)
    for bfloat16 in (False, True):
        kind = PRECISIONS[bfloat16]
        speed = library.call("gemm", plan.seconds, bfloat16)
        plan.limits[f"product {kind}"] = speed
        what = f"PyTorch's product of 1,024 x 1,024 in {kind}"
        rows.append({"limit": what, "value": speed, "unit": "GFLOP/s"})
    library.close()
    print_plain("Limits of one core", rows)
    return rows


def turns(
    peers: dict[str, Contestant], method: str, plan: Plan, width: int, rounds: int
) -> list[Row]:
    """Let every contestant do it once a round, after a first time that does not count."""
    for peer in peers.values():
        try:
            peer.call(method, 0.02, width)  # first calls import, allocate and compile
        except RuntimeError:
            continue  # its row will say why
    calls: list[tuple[str, Callable[[], float]]] = [
        (name, peer.bind(method, plan.seconds, width)) for name, peer in peers.items()
    ]
    return interleave(calls, "characters/s", rounds)


def _foreign(**shape: Any) -> dict[str, Contestant]:
    """Return the contestants that have an environment of their own, where it is there."""
    if not PEERS.exists():
        return {}
    return {
        "ONNX Runtime, step": Contestant(ONNX, python=PEERS, **shape),
        "ONNX Runtime, loop": Contestant(ONNX, python=PEERS, whole=True, **shape),
        "JAX, jit(scan)": Contestant(JAX, python=PEERS, **shape),
    }


def _prototypes(plan: Plan, kinds: Sequence[str], **shape: Any) -> dict[str, Contestant]:
    if plan.prototype is None:
        return {}
    own = {"library": str(plan.prototype), **shape}
    return {f"prototype, {kind}": Contestant(PROTOTYPE, precision=kind, **own) for kind in kinds}


def close(peers: dict[str, Contestant]) -> None:
    """End the contestants."""
    for peer in peers.values():
        peer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two minutes: one size, few turns")
    parser.add_argument("--only", default=",".join(QUESTIONS), help="of the questions, these")
    parser.add_argument("--text", type=Path, help="text that losses are measured on")
    asked = parser.parse_args()
    plan, chosen = QUICK if asked.quick else Plan(), asked.only.split(",")
    if not PEERS.exists():
        print("ONNX Runtime and JAX are left out; make bench-peers installs them.", file=sys.stderr)
    began = time.perf_counter()
    found: Found = {}
    lists: dict[str, Records] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lists["limits"] = measure_limits(plan, folder)
        if source := os.environ.get("RECURRA_PROTOTYPE"):
            plan.prototype = peaks.compiled(Path(source) / "core.c", folder, "prototype")
        for question, measure in (("training", training), ("one", one), ("many", many)):
            if question in chosen:
                measure(plan, found)
        if "precision" in chosen:
            lists["precision"] = precision(plan, asked.text or default_text(folder))
        if "cost" in chosen:
            lists["cost"] = cost(plan)
    file, partly = "kernel-quick" if asked.quick else "kernel", len(chosen) < len(QUESTIONS)
    whole = {**read_json(file), **found} if partly else found
    lists["reached"] = reached(plan, whole)
    lists["scaling"] = scaling(plan, whole)
    lists["ratios"] = ratios(plan, whole)
    written = write_json(file, found, lists=lists, keep=partly)
    print(f"\n{time.perf_counter() - began:.0f} s; written: {written}")


if __name__ == "__main__":
    main()
