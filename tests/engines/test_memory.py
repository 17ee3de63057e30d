"""Memory that is freed and asked for again must not be fetched anew from the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import ctypes, resource, sys
from recurra.engines.memory import keep_freed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def touch(count, size=48 * 2**20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        block = libc.malloc(size)
        ctypes.memset(block, 1, size)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit("mallopt refused")
touch(1)
print(touch(5))
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc",
    reason="only glibc can be asked",
)
def test_a_block_asked_for_again_costs_no_page_faults():
    def faults(how):
        run = subprocess.run(
            [sys.executable, "-c", COUNT_FAULTS, how], capture_output=True, text=True, check=True
        )
        return int(run.stdout)

    assert faults("keep") < 100


HELD = """
import re, sys
from pathlib import Path
import numpy as np
from recurra.engines.memory import return_freed_memory

def resident():
    return int(re.search(r"VmRSS:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

if not return_freed_memory():
    sys.exit("mallopt refused")
# By default the first block that is freed teaches the C library to keep blocks of that size.
first = np.ones(2**20)
del first
blocks = [np.ones(2**20) for _ in range(6)]
before = resident()
del blocks[:5]
print(before - resident())
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc",
    reason="only glibc can be asked",
)
def test_large_arrays_are_given_back_as_they_are_freed():
    run = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    assert int(run.stdout) >= 35  # of 40 MB
