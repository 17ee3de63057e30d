"""Compile the kernel for every instruction set of a platform, with `zig cc`.

`python src/recurra/kernel/build.py [FOLDER]` writes the libraries into FOLDER (default: `lib`
beside the sources); the package's build does the same. It imports nothing of the package, so that
it runs before there is one. Any other C11 compiler that knows GCC's vector extensions does, too:
name it in `RECURRA_CC`.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCES = Path(__file__).parent

# Names as `load` knows them, oldest first, and what the compilers call the processors.
ZIG_CPUS = {
    "x86_64": {
        "v2": "x86_64_v2",
        "v3": "x86_64_v3",
        "v4": "x86_64_v4",
        "v4-bf16": "x86_64_v4+avx512bf16+avx512vnni",
        "v4-amx": "x86_64_v4+avx512bf16+avx512vnni+amx_tile+amx_bf16",
    },
    "aarch64": {"arm64": "generic"},
}
OTHER_CPUS: dict[str, dict[str, tuple[str, ...]]] = {
    "x86_64": {
        "v2": ("-march=x86-64-v2",),
        "v3": ("-march=x86-64-v3",),
        "v4": ("-march=x86-64-v4",),
        "v4-bf16": ("-march=x86-64-v4", "-mavx512bf16", "-mavx512vnni"),
        "v4-amx": ("-march=x86-64-v4", "-mavx512bf16", "-mavx512vnni", "-mamx-tile", "-mamx-bf16"),
    },
    "aarch64": {"arm64": ()},
}
FLAGS = (
    "-std=gnu11", "-O3", "-g0", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=on",
    "-fno-math-errno", "-Wall", "-Wextra", "-DRECURRA_THREADS",
)  # fmt: skip
# The oldest C library that a manylinux2014 wheel may ask for.
ZIG_SYSTEMS = {"linux": "linux-gnu.2.17", "darwin": "macos.11.0"}
SUFFIXES = {"linux": ".so", "darwin": ".dylib"}


def machine() -> str:
    """Return the processor family of this machine, as compilers call it."""
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


def wheel_platform() -> str | None:
    """Return this platform as wheels name it, or None where the kernel has no build."""
    tags = {
        ("linux", "x86_64"): "manylinux_2_17_x86_64",
        ("linux", "aarch64"): "manylinux_2_17_aarch64",
        ("darwin", "x86_64"): "macosx_11_0_x86_64",
        ("darwin", "aarch64"): "macosx_11_0_arm64",
    }
    return tags.get((sys.platform, machine()))


def is_current(folder: Path) -> bool:
    """Return whether every library is there and newer than everything that it is made from."""
    made = [_library(name, folder) for name in ZIG_CPUS.get(machine(), {})]
    if not made or not all(path.exists() for path in made):
        return False
    oldest = min(path.stat().st_mtime for path in made)
    sources = [*SOURCES.glob("*.[ch]"), Path(__file__)]
    return all(path.stat().st_mtime <= oldest for path in sources)


def _library(name: str, folder: Path) -> Path:
    return folder / f"recurra-{name}{SUFFIXES.get(sys.platform, '')}"


def build(into: Path, variants: Sequence[str] | None = None) -> list[Path]:
    """Compile the libraries of this platform into a folder and return their paths.

    Raises `RuntimeError` with the compiler's words, or for a platform without a build.
    """
    family = machine()
    if wheel_platform() is None:
        raise RuntimeError(f"there is no build of the kernel for {sys.platform} on {family}.")
    into.mkdir(parents=True, exist_ok=True)
    names = [name for name in ZIG_CPUS[family] if variants is None or name in variants]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(lambda name: _compile(family, name, into), names))


def _compile(family: str, name: str, into: Path) -> Path:
    library = _library(name, into)
    # Written aside first: a running program may have the library open.
    aside = library.with_suffix(f".{os.getpid()}.new")
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    if other := os.environ.get("RECURRA_CC"):
        compiler, *own = shlex.split(other)
        command = [compiler, *FLAGS, *OTHER_CPUS[family][name], "-pthread", *own]
    else:
        target = f"{family}-{ZIG_SYSTEMS[sys.platform]}"
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target]
        command += [f"-mcpu={ZIG_CPUS[family][name]}", "-s", *FLAGS]
    done = subprocess.run([*command, *sources, "-o", str(aside)], capture_output=True, text=True)
    if done.returncode:
        aside.unlink(missing_ok=True)
        raise RuntimeError(f"the kernel's {name} build failed:\n{done.stderr}")
    os.replace(aside, library)
    return library


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCES / "lib"
    for path in build(folder):
        sys.stdout.write(f"{path} ({path.stat().st_size:,} bytes)\n")
