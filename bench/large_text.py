"""Measure how long a gigabyte of text takes to encode, and how much memory to walk.

    python bench/large_text.py [--megabytes 1000] [--vocabulary characters] [--folder DIR]

Makes a text of that size in a temporary folder, encodes it into a cache there, opens it again from
the cache, and walks it as a training does: 32 streams side by side, windows of 64. Prints seconds,
MB/s and the peak of resident memory, of which the pages of the files are part, and writes the same
as JSON to bench/out/large_text.json. Everything it made is removed.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from recurra.tasks.text.corpus import load_corpus
from recurra.tasks.text.options import TextOptions

STREAMS, WINDOW = 32, 64


def make_text(path: Path, size_bytes: int) -> None:
    """Write sentences of random words, a few of them not ASCII, with a blank line now and then."""
    rng = np.random.default_rng(0)
    letters = list("etaoinshrdlucmfwypvbgkjqxz")
    weights = np.arange(26, 0, -1) / np.arange(26, 0, -1).sum()
    words = [
        "".join(rng.choice(letters, rng.integers(1, 10), p=weights)) for _ in range(50_000)
    ] + ["café", "naïve", "—", "“quoted”"] * 20
    ranks = 1 / np.arange(1, len(words) + 1)
    ranks /= ranks.sum()
    written = 0
    with open(path, "wb") as file:
        while written < size_bytes:
            chosen = rng.choice(len(words), 200_000, p=ranks)
            parts = [words[at] for at in chosen]
            for at in range(11, len(parts), 12):
                parts[at] += ".\n\n" if at % 96 == 95 else ".\n" if at % 24 == 23 else ","
            block = " ".join(parts).encode()[: size_bytes - written]
            # Not within a character of several bytes.
            while block and (block[-1] & 0xC0) == 0x80:
                block = block[:-1]
            block = block[:-1] + b"\n"
            file.write(block)
            written += len(block)


def peak_mb() -> float:
    """Return the most resident memory so far, in MB, mapped files included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3 / 1.024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--vocabulary", default="characters")
    parser.add_argument("--reset-at", default=None)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="recurra-large-", dir=asked.folder))
    try:
        rows = measure(folder, asked)
    finally:
        shutil.rmtree(folder)
    print(f"{'':<28} {'seconds':>9} {'MB/s':>9} {'peak MB':>9}")
    for row in rows:
        print(f"{row['what']:<28} {row['seconds']:9.1f} {row['mb_s']:9.0f} {row['peak_mb']:9.0f}")
    out = Path(__file__).parent / "out"
    out.mkdir(exist_ok=True)
    facts = {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "megabytes": asked.megabytes,
        "vocabulary": asked.vocabulary,
        "rows": rows,
    }
    (out / "large_text.json").write_text(json.dumps(facts, indent=2))


def measure(folder: Path, asked: argparse.Namespace) -> list[dict[str, float | str]]:
    """Make, encode, reopen and walk the text; return a row for each."""
    path = folder / "text.txt"
    rows: list[dict[str, float | str]] = []
    began = time.perf_counter()

    def row(what: str, megabytes: float) -> None:
        nonlocal began
        seconds = time.perf_counter() - began
        rows.append(
            {"what": what, "seconds": seconds, "mb_s": megabytes / seconds, "peak_mb": peak_mb()}
        )
        began = time.perf_counter()

    make_text(path, asked.megabytes * 1_000_000)
    size = path.stat().st_size / 1e6
    row("make the text", size)
    options = TextOptions(vocabulary=asked.vocabulary, reset_at=asked.reset_at)
    load_corpus(path, options, folder / "cache")
    row(f"encode ({asked.vocabulary})", size)
    corpus = load_corpus(path, options, folder / "cache")
    row("open from the cache", size)
    tokens = corpus.split("train").tokens
    starts = np.arange(STREAMS) * (len(tokens) // STREAMS)
    offsets = np.arange(WINDOW + 1)[:, None]
    total = 0
    for at in range(0, len(tokens) // STREAMS - WINDOW, WINDOW):
        total += int(tokens[starts + at + offsets].astype(np.int64)[0, 0])
    row("walk the batches, one epoch", len(tokens) * tokens.dtype.itemsize / 1e6)
    return rows


if __name__ == "__main__":
    main()
