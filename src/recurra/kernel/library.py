"""Find the kernel's library that suits this processor, and bind its functions with `ctypes`.

Every call releases Python's lock for as long as the kernel computes. Nothing falls back silently:
when no library can be loaded, `load` says why.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "lib"
VARIABLE = "RECURRA_KERNEL"
ABI = 1

# For x86-64, oldest first: the name of a build and the bits of `recurra_processor` that it needs.
X86_64 = {"v2": 0, "v3": 1, "v4": 3, "v4-bf16": 15, "v4-amx": 63}
AMX, GRANTED, FULL_RATE = 16, 32, 64

_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
_I64 = ctypes.c_int64

# The fields of RecurraJob in recurra.h: i an integer, f a float64, p an address.
_JOB = """
i abi mode time batch threads description_length
p description params packed
i pack
p workspace
i workspace_bytes
p pool tokens vectors targets weights resets state_in state_out outputs doutputs log_probs report
p grads gathered dinputs dstate trace
f dropout recurrent_dropout
i seed index part parts rule
f rate momentum beta1 beta2 rho epsilon decay clip_norm clip_value
i step
p first second
i count start
p lanes drawn
f temperature top_p min_p
i top_k resample greedy
"""
_TYPES: dict[str, Any] = {"i": _I64, "f": ctypes.c_double, "p": ctypes.c_uint64}


class Job(ctypes.Structure):
    """A RecurraJob of recurra.h. Arrays are given by address; whoever fills it keeps them alive."""

    _fields_ = [
        (name, _TYPES[line[0]]) for line in _JOB.strip().splitlines() for name in line.split()[1:]
    ]


class KernelMissingError(Exception):
    """No library of the kernel can be loaded here; the text says why."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A loaded library."""

    functions: Any
    name: str
    """Which build: v2, v3, v4, v4-bf16, v4-amx, arm64."""
    reason: str
    """Why this one."""
    fast_bfloat16: bool
    """Whether products of bfloat16 take less time here than those of float32."""
    slow_bfloat16: str = ""
    """Why not, where it has instructions for them."""

    @property
    def splits(self) -> bool:
        """Whether float32 may be multiplied as sums of three bfloat16 (PRECISION_SPLIT)."""
        return self.name == "v4-amx"


def load() -> Kernel:
    """Return the library for this processor, or the one that RECURRA_KERNEL names.

    Raises `KernelMissingError` with one sentence when there is none.
    """
    return _load(os.environ.get(VARIABLE, ""), FOLDER)


@functools.cache
def _load(asked: str, folder: Path) -> Kernel:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return _bind("arm64", f"this processor is {platform.machine()}", folder)
    offered = _offered(folder)
    able = [name for name, bits in X86_64.items() if offered & bits == bits]
    if not asked:
        why = "the newest that this processor runs"
        if able[-1] == "v4-bf16" and offered & AMX:
            why = "this processor has AMX, but the system does not let programs use it"
        return _bind(able[-1], why, folder, offered)
    if asked not in X86_64:
        raise KernelMissingError(f"{VARIABLE} is '{asked}'; take one of {', '.join(X86_64)}.")
    if asked not in able:
        raise KernelMissingError(
            f"{VARIABLE} is '{asked}', but this processor runs only {', '.join(able)}."
        )
    return _bind(asked, f"{VARIABLE} asks for it", folder, offered)


def _offered(folder: Path) -> int:
    """Return the bits of `recurra_processor`."""
    return int(_open("v2", folder).recurra_processor())


def _open(name: str, folder: Path) -> Any:
    path = folder / f"recurra-{name}{_SUFFIX}"
    if not path.exists():
        raise KernelMissingError(
            f"the kernel was not built for this machine: {path} is not there; install the wheel of "
            "this platform, or from a checkout run: python src/recurra/kernel/build.py."
        )
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise KernelMissingError(f"the kernel could not be loaded: {error}.") from None


def _bind(name: str, reason: str, folder: Path, offered: int = 0) -> Kernel:
    functions = _open(name, folder)
    pointer, job = ctypes.c_void_p, ctypes.POINTER(Job)
    for function, arguments in {
        "recurra_abi": (),
        "recurra_job_size": (),
        "recurra_lanes": (),
        "recurra_parameters": (pointer, _I64, pointer),
        "recurra_packed_size": (pointer, _I64),
        "recurra_state_size": (pointer, _I64, _I64),
        "recurra_workspace_size": (job,),
        "recurra_run": (job,),
        "recurra_pool_size": (_I64,),
        "recurra_pool_start": (pointer, _I64),
        "recurra_function": (_I64, pointer, pointer, _I64),
    }.items():
        bound = getattr(functions, function)
        bound.argtypes, bound.restype = arguments, _I64
    functions.recurra_pool_stop.argtypes, functions.recurra_pool_stop.restype = (pointer,), None
    if functions.recurra_abi() != ABI or functions.recurra_job_size() != ctypes.sizeof(Job):
        raise KernelMissingError(
            "the kernel's library is of another version than this package; build it again with: "
            "python src/recurra/kernel/build.py."
        )
    # By what the processor is and not by a clock, so that a resumed run chooses the same: Intel's
    # multiply pairs of bfloat16 in vectors at half the rate, which is no gain, and in tiles at
    # eight times that of float32; AMD's at the full rate.
    if name != "v4-bf16":
        return Kernel(functions, name, reason, name == "v4-amx")
    fast = bool(offered & FULL_RATE)
    slow = "" if fast else "bfloat16 is no faster on this processor"
    return Kernel(functions, name, reason, fast, slow)
