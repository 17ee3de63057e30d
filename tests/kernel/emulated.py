"""The kernel's arm64 build, run under qemu's emulation and called as a library is.

`arm64()` is a `Kernel` whose functions are answered by tests/kernel/serve.c, compiled with the
kernel for arm64 and run by qemu-aarch64 (Debian: qemu-user). Whatever is tested on the builds of
this processor is tested on that one by loading it in their place: `use(monkeypatch)`.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from recurra.engines.native import engine, layout, network, threads
from recurra.kernel.build import FLAGS, SOURCES, ZIG_CPUS
from recurra.kernel.library import Job, Kernel

ADDRESS = layout.address
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")
PARAMETERS, PACKED, STATE, WORKSPACE, RUN, POOL_SIZE, POOL_START, FUNCTION, FACTS = range(9)
# The workspace and the pool stay on the other side.
SENT = [
    name
    for name, kind in Job._fields_
    if kind is ctypes.c_uint64 and name not in ("workspace", "pool", "description")
]


def emulator() -> str | None:
    """Return the program that runs arm64's programs here, or None."""
    return next(filter(None, map(shutil.which, EMULATORS)), None)


def compile_server(folder: Path) -> Path:
    """Return serve.c and the kernel as one program for arm64, with everything in it."""
    program = folder / "serve"
    flags = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC", "-fvisibility=hidden")]
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl"]
    command += [f"-mcpu={ZIG_CPUS['aarch64']['arm64']}", *flags, "-static", f"-I{SOURCES}"]
    command += [*map(str, sorted(SOURCES.glob("*.c"))), str(Path(__file__).with_name("serve.c"))]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


class Emulated:
    """The functions of recurra.h. Arrays of a job are known by `see`, which `address` calls."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._seen: dict[int, np.ndarray] = {}
        self.jobs = 0
        atexit.register(self.stop)

    def stop(self) -> None:
        if self._process.poll() is None and self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait(10)

    def see(self, array: np.ndarray | None) -> int:
        """Return an array's address and remember the array until the next job is done."""
        if isinstance(array, np.ndarray):
            self._seen[array.ctypes.data] = array
        return ADDRESS(array)

    def _ask(
        self, operation: int, *numbers: int, buffers: list[tuple[int, int]], workspace: int = 0
    ) -> int:
        a, b = (*numbers, 0, 0)[:2]
        sent = [struct.pack("<5q", operation, a, b, workspace, len(buffers))]
        sent += [struct.pack("<Qq", *one) for one in buffers]
        sent += [ctypes.string_at(at, size) for at, size in buffers]
        assert self._process.stdin
        self._process.stdin.write(b"".join(sent))
        self._process.stdin.flush()
        (result,) = struct.unpack("<q", self._receive(8))
        for at, size in buffers:
            ctypes.memmove(at, self._receive(size), size)
        return int(result)

    def _receive(self, size: int) -> bytes:
        assert self._process.stdout
        got = self._process.stdout.read(size)
        assert len(got) == size, f"the emulated kernel ended with {self._process.wait()}"
        return got

    @staticmethod
    def _description(at: int | None, length: int) -> list[tuple[int, int]]:
        return [(at, 8 * max(0, min(length, 80)))] if at else []

    def recurra_abi(self) -> int:
        return self._ask(FACTS, 0, buffers=[])

    def recurra_job_size(self) -> int:
        return self._ask(FACTS, 1, buffers=[])

    def recurra_lanes(self) -> int:
        return self._ask(FACTS, 2, buffers=[])

    def recurra_parameters(self, at: int | None, length: int, table: int | None) -> int:
        buffers = self._description(at, length)
        if table:
            buffers.append((table, self._seen[table].nbytes))
        return self._ask(PARAMETERS, length, int(bool(table)), buffers=buffers)

    def recurra_packed_size(self, at: int | None, length: int) -> int:
        return self._ask(PACKED, length, buffers=self._description(at, length))

    def recurra_state_size(self, at: int | None, length: int, batch: int) -> int:
        return self._ask(STATE, length, batch, buffers=self._description(at, length))

    def recurra_workspace_size(self, job: Job) -> int:
        return self._ask(WORKSPACE, buffers=self._job(job, arrays=False))

    def recurra_run(self, job: Job) -> int:
        self.jobs += 1
        here = bool(job.workspace) and not job.workspace % 64
        held = job.workspace_bytes if here and job.workspace_bytes < 2**31 else 0
        try:
            return self._ask(RUN, buffers=self._job(job, arrays=True), workspace=held)
        finally:
            self._seen.clear()

    def _job(self, job: Job, *, arrays: bool) -> list[tuple[int, int]]:
        buffers = [(ctypes.addressof(job), ctypes.sizeof(job))]
        buffers += self._description(job.description, job.description_length)
        if arrays:
            at = {getattr(job, name) for name in SENT}
            buffers += [(one, self._seen[one].nbytes) for one in at if one in self._seen]
        return buffers

    def recurra_pool_size(self, count: int) -> int:
        return self._ask(POOL_SIZE, count, buffers=[])

    def recurra_pool_start(self, memory: int | None, count: int) -> int:
        return self._ask(POOL_START, count, memory or 0, buffers=[])

    def recurra_pool_stop(self, memory: int | None) -> None:
        """It stops with its process."""

    def recurra_function(self, which: int, x: int, y: int, count: int) -> int:
        return self._ask(FUNCTION, which, count, buffers=[(x, 4 * count), (y, 4 * count)])


@functools.cache
def arm64() -> Kernel:
    """Return the arm64 build under emulation; skip the test where there is no emulator."""
    program = emulator()
    if program is None:
        pytest.skip("arm64 is tested under qemu-aarch64, which is not here (Debian: qemu-user)")
    # Kept until the process ends: the emulator may read it at any time.
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    functions = Emulated([program, str(compile_server(Path(folder.name)))])
    return Kernel(functions, "arm64", f"under {program}", fast_bfloat16=False)


def use(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Have every native network that the test builds run on the arm64 build."""
    kernel = arm64()
    monkeypatch.setattr(engine, "load", lambda: kernel)
    for module in (layout, network, threads):
        monkeypatch.setattr(module, "address", kernel.functions.see)
    # A pool is of one process; the next test may want another number of threads.
    monkeypatch.setattr(threads, "_pools", {})
    return kernel
