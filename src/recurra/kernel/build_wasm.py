"""Compile the kernel to WebAssembly with `zig cc`: the same C as the native libraries.

`python src/recurra/kernel/build_wasm.py [FOLDER]` writes three modules into FOLDER (default: `lib`
beside the sources). It imports nothing of the package, so that it runs before there is one.

    recurra-simd.wasm      128-bit vectors: every current browser
    recurra-relaxed.wasm   and fused multiply-add (relaxed SIMD): not in Safari
    recurra-threads.wasm   and shared memory: where the page is cross-origin isolated

Each imports a memory (`env.memory`) and nothing else. web/kernel/src/features.ts chooses.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCES = Path(__file__).parent

MEMORY_PAGES = {"threads": 1 << 15}
"""Most pages of 64 KiB that a shared memory grows to: the module and the page must agree."""
STACK_BYTES = 1 << 20
"""The first thread's; web/kernel/src/pool.ts gives the others theirs."""

# Bulk memory and the others are as old as the vectors: no browser has one without the rest.
_BASE = "mvp+simd128+bulk_memory+mutable_globals+nontrapping_fptoint+sign_ext"
CPUS = {
    "simd": _BASE,
    "relaxed": f"{_BASE}+relaxed_simd",
    "threads": f"{_BASE}+relaxed_simd+atomics",
}
ZIG = (sys.executable, "-m", "ziglang")
TARGET = ("-target", "wasm32-freestanding")
FLAGS = (
    "-std=gnu11", "-g0", "-DRECURRA_FLOAT32_ONLY", "-ffreestanding", "-fvisibility=hidden",
    "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra",
)  # fmt: skip
LINK = (
    "-O3", "--strip-all", "--compress-relocations", "--no-entry", "--import-memory",
    "-z", f"stack-size={STACK_BYTES}", "--export=__heap_base", "--export=__stack_pointer",
)  # fmt: skip
HOT = {"products", "step", "layer", "backward", "gradients", "head", "head_gradients", "sampling"}
"""Where training and writing spend their time. The others are compiled to be small: a page loads
them all."""
UNROLLED = {"products", "step"}
"""Where the compiler's own unrolling pays. Elsewhere the loops that count are vectors already, and
the others only grow by it."""
AS_WRITTEN = ("-fno-vectorize", "-fno-slp-vectorize", "-fno-unroll-loops")
UNASKED = {"recurra_processor", "recurra_state_size", "recurra_function"}
"""What of recurra.h no page asks for: the linker leaves it out."""
INLINED = HOT | {"norm", "optimiser"}
"""Where a function may be compiled into those that call it, beyond those that the sources say."""


def build(folder: Path, names: tuple[str, ...] = tuple(CPUS)) -> list[Path]:
    """Compile modules into a folder and return their paths.

    Raises `RuntimeError` with the compiler's words when it fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda name: _compile(name, folder), names))


def _compile(name: str, folder: Path) -> Path:
    module = folder / f"recurra-{name}.wasm"
    link, sources = list(LINK), sorted(SOURCES.glob("*.c"))
    functions = re.findall(r"\b(recurra_\w+)\(", (SOURCES / "recurra.h").read_text("utf-8"))
    if name == "threads":
        # Its own threads take the place of the C library's.
        sources = [path for path in sources if path.name != "threads.c"]
        sources.append(SOURCES / "wasm" / "threads.c")
        functions.append("recurra_pool_serve")
        most = MEMORY_PAGES["threads"] << 16
        link += ["--shared-memory", f"--max-memory={most}"]
    sources += [SOURCES / "wasm" / "freestanding.c", SOURCES / "wasm" / "random.c"]
    functions.append("recurra_words")
    wanted = [function for function in dict.fromkeys(functions) if function not in UNASKED]
    link += [f"--export={function}" for function in wanted]
    compiler = [*ZIG, "cc", *TARGET, f"-mcpu={CPUS[name]}"]
    # Written aside first: a server or a test may be reading the module.
    aside = module.with_suffix(f".{os.getpid()}.new")
    with tempfile.TemporaryDirectory() as made:
        objects: list[str] = []
        for source in sources:
            into = str(Path(made, f"{len(objects)}-{source.stem}.o"))
            effort = ["-O3" if source.stem in HOT else "-Os"]
            effort += () if source.stem in UNROLLED else AS_WRITTEN
            effort += () if source.stem in INLINED else ("-fno-inline-functions",)
            _run(name, [*compiler, *FLAGS, *effort, "-c", str(source), "-o", into])
            objects.append(into)
        # The linker itself: `zig cc` does not pass all that it knows on.
        _run(name, [*ZIG, "wasm-ld", *link, *objects, "-o", str(aside)])
    os.replace(aside, module)
    return module


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the kernel's {name} module failed:\n{done.stderr}")


def main() -> None:
    """Build all and say how large they are."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCES / "lib"
    for path in build(folder):
        content = path.read_bytes()
        packed = len(gzip.compress(content, 9))
        sys.stdout.write(f"{path} ({len(content):,} bytes, {packed:,} with gzip)\n")


if __name__ == "__main__":
    main()
