"""Run the kernel's arm64 build under emulation and compare it with this processor's.

`python -m tests.kernel.emulate` compiles golden.c and the kernel for both with `zig cc`, runs the
first with qemu-aarch64-static (Debian: qemu-user-static), and holds every number that it prints
against the other's: tokens exactly, sums within a thousandth (they cancel; bfloat16 rounds apart).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from recurra.kernel.build import FLAGS, SOURCES

TARGETS = {
    "x86_64": ("x86_64-linux-musl", "x86_64_v2"),
    "aarch64": ("aarch64-linux-musl", "generic"),
}


def compiled(family: str, folder: Path) -> Path:
    """Return the program for one family of processors, with everything in it."""
    target, cpu = TARGETS[family]
    flags = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC", "-fvisibility=hidden")]
    program = folder / family
    sources = [*sorted(SOURCES.glob("*.c")), Path(__file__).with_name("golden.c")]
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, f"-mcpu={cpu}", *flags]
    command += ["-static", f"-I{SOURCES}", *map(str, sources), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def agree(ours: str, theirs: str) -> bool:
    """Return whether two lines say the same."""
    if ours == theirs:
        return True
    a, b = ours.split(), theirs.split()
    if len(a) != len(b) or a[0] != b[0] or a[0][0].isdigit():
        return False
    numbers = zip(map(float, a[1:]), map(float, b[1:]), strict=True)
    return all(abs(x - y) <= 1e-3 * max(1.0, abs(x)) for x, y in numbers)


def main() -> int:
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if emulator is None:
        sys.stderr.write("qemu-aarch64-static is not installed; on Debian: qemu-user-static.\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        here = subprocess.run([compiled("x86_64", Path(folder))], capture_output=True, text=True)
        there = subprocess.run(
            [emulator, compiled("aarch64", Path(folder))], capture_output=True, text=True
        )
    ours, theirs = there.stdout.splitlines(), here.stdout.splitlines()
    bad = [(a, b) for a, b in zip(ours, theirs, strict=True) if not agree(a, b)]
    for a, b in bad:
        sys.stdout.write(f"arm64  {a}\nx86-64 {b}\n")
    sys.stdout.write(f"{len(ours)} lines, {len(bad)} differ\n")
    return 1 if bad or here.returncode or there.returncode or not ours else 0


if __name__ == "__main__":
    sys.exit(main())
