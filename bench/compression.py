"""How small texts become: a model's arithmetic code beside gzip, zstd and xz.

    python bench/compression.py MODEL FILE [FILE ...] [--limit BYTES]

Prints a table a file, with bits a character and the speed both ways, and writes the same to
bench/out/compression.json. zstd is left out where the `zstandard` package is not installed.
The model's own size is told apart: it is shared by all files, but whoever has none needs it too.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import recurra
from bench.common import OUT, ForeignTime, machine

Packer = tuple[str, Callable[[bytes], bytes], Callable[[bytes], bytes]]


def packers(model: recurra.Model) -> list[Packer]:
    """Return each contestant: its name, how it packs and how it unpacks."""
    strong = 9 | lzma.PRESET_EXTREME
    found: list[Packer] = [
        ("recurra compress", model.compress, model.decompress),
        ("gzip -9", lambda data: gzip.compress(data, 9), gzip.decompress),
        ("xz -9e", lambda data: lzma.compress(data, preset=strong), lzma.decompress),
    ]
    try:
        import zstandard
    except ModuleNotFoundError:
        print("zstd is left out: pip install zstandard", file=sys.stderr)
        return found
    pack, unpack = zstandard.ZstdCompressor(level=22), zstandard.ZstdDecompressor()
    return [*found, ("zstd -22", pack.compress, unpack.decompress)]


def main() -> None:
    """Pack and unpack every file with every contestant."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, default=1_000_000, help="take so many bytes of each")
    asked = parser.parse_args()
    model = recurra.load(asked.model)
    own = 4 * model.parameters
    rows = []
    for path in asked.files:
        plain = lzma.open(path) if path.suffix == ".xz" else open(path, "rb")  # noqa: SIM115
        with plain:
            data = plain.read(asked.limit)
        characters = len(data.decode("utf-8", "surrogateescape"))
        print(f"\n{path.name}: {len(data):,} bytes, {characters:,} characters")
        print(
            f"  {'':<18}{'bytes':>12}{'bits/char':>11}{'pack kB/s':>11}{'unpack':>9}{'foreign':>9}"
        )
        for name, pack, unpack in packers(model):
            with ForeignTime() as others:
                began = time.perf_counter()
                packed = pack(data)
                middle = time.perf_counter()
                same = unpack(packed) == data
                ended = time.perf_counter()
            if not same:
                raise SystemExit(f"{name} did not bring {path} back.")
            speeds = [len(data) / 1000 / (b - a) for a, b in ((began, middle), (middle, ended))]
            bits = 8 * len(packed) / characters
            print(
                f"  {name:<18}{len(packed):>12,}{bits:>11.3f}{speeds[0]:>11,.0f}{speeds[1]:>9,.0f}"
                f"{others.cores:>9.2f}"
            )
            rows.append(
                {"file": path.name, "bytes": len(data), "characters": characters, "name": name,
                 "packed": len(packed), "bits_per_char": bits, "pack_kb_s": speeds[0],
                 "unpack_kb_s": speeds[1], "foreign_cores": others.cores}
            )  # fmt: skip
        both = next(row["packed"] for row in rows[::-1] if row["name"] == "recurra compress") + own
        print(f"  with the model's own {own:,} bytes: {both:,}")
    OUT.mkdir(exist_ok=True)
    found = {"machine": machine(), "model_bytes": own, "rows": rows}
    (OUT / "compression.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
