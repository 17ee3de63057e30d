"""Recurra beside its peers, on one text with one split, in one run.

    python bench/run.py [--quick] [--text FILE] [--only training,generation,start,quality]

Prints a table a question and writes the same as JSON under bench/out/. Rounds are interleaved;
figures are medians with their range; a row is flagged when other processes were busy meanwhile.
Close what else is running: PyTorch's CPU kernels fall to a twentieth of their speed when a second
program wants their cores. The Keras peer runs when RECURRA_BENCH_KERAS names a Python that has it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.common import ForeignTime, Row, interleave, machine, print_table, write_json  # noqa: E402
from bench.worker import Contestant  # noqa: E402

QUESTIONS = ("training", "generation", "start", "quality")


OURS = "bench.ours:Ours"
PLAIN = "bench.peers.plain_torch:PlainTorch"
SCRATCH = "bench.peers.numpy_scratch:NumpyScratch"


def training(path: Path, quick: bool) -> dict[str, list[Row]]:
    """Characters learned a second, at equal sizes."""
    seconds, rounds = (1.0, 3) if quick else (3.0, 5)
    sections = {}
    for hidden in (128, 256):
        exact = {"hidden": hidden, "precision": "float32"}
        peers = {
            "Recurra, native engine": Contestant(OURS, path, engine="native", hidden=hidden),
            "Recurra, native, float32": Contestant(OURS, path, engine="native", **exact),
            "Recurra, torch engine": Contestant(OURS, path, engine="torch", hidden=hidden),
            "Recurra, torch, float32": Contestant(OURS, path, engine="torch", **exact),
            "plain PyTorch, bfloat16": Contestant(PLAIN, path, hidden=hidden, bfloat16=True),
            "plain PyTorch, float32": Contestant(PLAIN, path, hidden=hidden),
        }
        title = f"Training, 2x{hidden}, batch 64, window 64"
        sections[title] = _turns(peers, "train", (seconds,), rounds)
        print_table(title, sections[title], "plain PyTorch, bfloat16")
        _close(peers)
    size = {"hidden": 100, "embedding": 0, "window": 50}
    peers = {
        "Recurra, reference engine, batch 64": Contestant(OURS, path, engine="reference", **size),
        "NumPy from scratch, one sequence": Contestant(SCRATCH, path),
    }
    title = "Training in NumPy, 2x100, window 50"
    sections[title] = _turns(peers, "train", (seconds,), rounds)
    print_table(title, sections[title], "NumPy from scratch, one sequence")
    _close(peers)
    return sections


def generation(path: Path, quick: bool) -> dict[str, list[Row]]:
    """Characters written a second, alone and side by side."""
    seconds, rounds = (0.5, 3) if quick else (2.0, 5)
    sections = {}
    for hidden in (128, 256):
        peers = {
            "Recurra, native engine": Contestant(OURS, path, engine="native", hidden=hidden),
            "Recurra, reference engine": Contestant(OURS, path, engine="reference", hidden=hidden),
            "plain PyTorch": Contestant(PLAIN, path, hidden=hidden),
        }
        for streams in (1, 64):
            title = f"Generation, 2x{hidden}, batch {streams}"
            sections[title] = _turns(peers, "generate", (seconds, streams), rounds)
            print_table(title, sections[title], "plain PyTorch")
        _close(peers)
    return sections


def _turns(
    peers: dict[str, Contestant], method: str, arguments: tuple[float, ...], rounds: int
) -> list[Row]:
    """Let every contestant do it once a round, after a first time that does not count."""
    for peer in peers.values():
        peer.call(method, 0.3, *arguments[1:])  # first calls import, allocate and compile
    contestants = [(name, peer.bind(method, *arguments)) for name, peer in peers.items()]
    return interleave(contestants, "characters/s", rounds)


def _close(peers: dict[str, Contestant]) -> None:
    for peer in peers.values():
        peer.close()


def _bind(function: Callable[..., float], *arguments: object) -> Callable[[], float]:
    return lambda: function(*arguments)


def start(path: Path, quick: bool) -> dict[str, list[Row]]:
    """Seconds from the start of the process to the first line of progress, and peak memory."""
    commands = {
        "Recurra, native engine": [*_recurra("train", path), "--engine", "native", "--steps", "20"],
        "Recurra, torch engine": [*_recurra("train", path), "--engine", "torch", "--steps", "20"],
        "Recurra, reference engine": [
            *_recurra("train", path), "--engine", "reference", "--steps", "20",
        ],
        "plain PyTorch script": [
            sys.executable, str(HERE / "peers/plain_torch.py"), str(path), "--seconds", "1",
        ],
    }  # fmt: skip
    times = {name: Row(name, "seconds to the first step") for name in commands}
    peaks = {name: Row(name, "MB at the peak") for name in commands}
    for _ in range(1 if quick else 3):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as folder, ForeignTime() as foreign:
                run = [*command, "--run", f"{folder}/run"] if "recurra" in command else command
                seconds, peak = _first_step(run)
            times[name].values.append(seconds)
            peaks[name].values.append(peak)
            times[name].foreign.append(foreign.cores)
            peaks[name].foreign.append(foreign.cores)
    sections = {"Start": list(times.values()), "Peak memory": list(peaks.values())}
    for title, rows in sections.items():
        print_table(title, rows, "plain PyTorch script", lower_is_better=True)
    return sections


def _recurra(verb: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "recurra", verb, *map(str, arguments)]


def _first_step(command: list[str]) -> tuple[float, float]:
    """Run a command; return the seconds to its first line about training, and its peak in MB."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=HERE.parent
    )
    peaks = [0]
    watch = threading.Thread(target=_watch_peak, args=(process, peaks))
    watch.start()
    seconds = float("nan")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if seconds != seconds and re.match(r"training|\s*[\d,]+/[\d,]+ ", line):
            seconds = time.perf_counter() - begin
    process.wait()
    watch.join()
    if process.returncode or seconds != seconds:
        raise RuntimeError(f"{' '.join(command)} failed: {''.join(lines[-3:])}")
    return seconds, peaks[0] / 1024


def _watch_peak(process: subprocess.Popen[str], peaks: list[int]) -> None:
    """Note a process's largest resident set in kB, until it has ended.

    The kernel's own count for an ended child would begin with this process's memory, from which
    the child was forked.
    """
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            found = re.search(r"VmHWM:\s*(\d+)", status.read_text())
        except OSError:
            return
        if found:
            peaks[0] = max(peaks[0], int(found[1]))
        time.sleep(0.02)


def quality(path: Path, quick: bool) -> dict[str, list[Row]]:
    """Nats per held-out character after a time budget, everything at its defaults."""
    sections = {}
    for budget in (20,) if quick else (60, 180):
        rows = []
        for name, measure in (
            ("Recurra, no option given", _bind(_our_loss, path, budget)),
            ("plain PyTorch, bfloat16", _bind(_peer_loss, path, budget, "--bfloat16")),
            ("plain PyTorch, float32", _bind(_peer_loss, path, budget)),
        ):
            rows += interleave([(name, measure)], "nats per held-out character", 1)
        keras = os.environ.get("RECURRA_BENCH_KERAS")
        if keras:
            command = [keras, str(HERE / "peers/keras_example.py"), str(path)]
            rows += interleave(
                [("Keras's text generation example", _bind(_json_loss, command, budget))],
                "nats per held-out character", 1,
            )  # fmt: skip
        title = f"Quality after {budget} seconds of training"
        print_table(title, rows, "plain PyTorch, float32", lower_is_better=True)
        sections[title] = rows
    return sections


def _our_loss(path: Path, seconds: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        run = f"{folder}/run"
        command = _recurra("train", path, "--seconds", seconds, "--run", run)
        subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
        text = path.read_text("utf-8")
        held_out = Path(folder) / "held-out.txt"
        held_out.write_text(text[int(0.9 * len(text)) : int(0.95 * len(text))], "utf-8")
        scored = subprocess.run(
            _recurra("score", run, held_out, "--json"),
            check=True, capture_output=True, text=True, cwd=HERE.parent,
        )  # fmt: skip
    return float(json.loads(scored.stdout)["nats_per_token"])


def _peer_loss(path: Path, seconds: int, *flags: str) -> float:
    return _json_loss(
        [sys.executable, str(HERE / "peers/plain_torch.py"), str(path), *flags], seconds
    )


def _json_loss(command: list[str], seconds: int) -> float:
    done = subprocess.run(
        [*command, "--seconds", str(seconds)], check=True, capture_output=True, text=True
    )
    return float(json.loads(done.stdout.splitlines()[-1])["validation_nats"])


def default_text(folder: Path) -> Path:
    """Return tinyshakespeare as one file, or the embedded plays where it cannot be had."""
    from recurra.core.errors import RecurraError
    from recurra.datasets.registry import open_dataset
    from recurra.formats.text import Reading, read_text

    for name in ("tinyshakespeare", "shakespeare"):
        try:
            documents = open_dataset(name)
        except RecurraError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        parts = [part for document in documents for part, _ in read_text(document, Reading())]
        text = "".join(parts)
        path = folder / f"{name}.txt"
        path.write_text(text[:1_200_000], "utf-8", newline="")
        return path
    raise SystemExit("no text to measure on; name one with --text")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="about two minutes instead of fifteen")
    parser.add_argument("--text", type=Path, help="text to measure on")
    parser.add_argument("--only", default=",".join(QUESTIONS), help="of the questions, these")
    options = parser.parse_args()
    chosen = options.only.split(",")
    facts = machine()
    print(f"{facts['processor']}, {facts['cores']} cores, {facts['versions']}")
    sections: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = options.text or default_text(Path(folder))
        text = path.read_text("utf-8")
        print(f"{path.name}: {len(text):,} characters, first 90 % to train, next 5 % held out")
        if "training" in chosen:
            sections |= training(path, options.quick)
        if "generation" in chosen:
            sections |= generation(path, options.quick)
        if "start" in chosen:
            sections |= start(path, options.quick)
        if "quality" in chosen:
            sections |= quality(path, options.quick)
    name = "text-quick" if options.quick else "text"
    print(f"\nwritten to {write_json(name, sections, keep=len(chosen) < len(QUESTIONS))}")


if __name__ == "__main__":
    main()
