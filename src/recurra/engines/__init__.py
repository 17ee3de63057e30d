"""Who computes it. `select` picks an engine; `base` is the contract that all of them keep."""

from __future__ import annotations

import importlib.util
import shutil
import warnings
from pathlib import Path
from typing import Literal

from recurra.core.errors import ConfigError, ResourceError
from recurra.core.options import Options, knob
from recurra.core.spec import Spec
from recurra.engines.base import Engine

EngineName = Literal["auto", "native", "reference", "torch"]
Purpose = Literal["train", "generate"]


class EngineOptions(Options):
    """Which engine computes, and how."""

    engine: EngineName = knob("auto", "who computes; auto takes the fastest one here")
    device: Literal["auto", "cpu", "cuda", "mps"] = knob("auto", "where the torch engine computes")
    precision: Literal["auto", "float32", "bfloat16", "int8", "float64"] = knob(
        "auto", "of matrix products: auto trains in bfloat16 where the hardware gains by it; "
        "bfloat16 writes in it too; int8 writes and scores fastest, on the native engine",
        advanced=True,
    )  # fmt: skip
    threads: int = knob(0, "CPU threads; 0 takes all cores", low=0, high=1024, advanced=True)


def make(name: str, options: EngineOptions) -> Engine:
    """Return the engine of that name, whether or not it can run here.

    Raises `ConfigError` for a name that is none.
    """
    if name == "reference":
        from recurra.engines.reference import ReferenceEngine

        return ReferenceEngine(options)
    if name == "native":
        from recurra.engines.native import NativeEngine

        return NativeEngine(options)
    if name == "torch":
        from recurra.engines.torch import TorchEngine

        return TorchEngine(options)
    raise ConfigError(
        f"there is no engine '{name}'; take auto, native, reference or torch.", "engine"
    )


# Fastest first on a CPU: the kernel, then PyTorch for training, which is bound by matrix products,
# and NumPy for generation, which in PyTorch is bound by dispatch.
PREFERENCE: dict[Purpose, tuple[str, ...]] = {
    "train": ("native", "torch", "reference"),
    "generate": ("native", "reference", "torch"),
}


def has_cuda() -> bool:
    """Whether PyTorch is installed and sees an NVIDIA GPU.

    It is only asked where the driver is there: importing it takes seconds.
    """
    driver = Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi") is not None
    if not driver or importlib.util.find_spec("torch") is None:
        return False
    from recurra.engines.torch.engine import sees_cuda

    return sees_cuda()


def select(spec: Spec, options: EngineOptions, purpose: Purpose) -> Engine:
    """Return the engine asked for, or with `auto` the first that is here and runs `spec`.

    Raises `ResourceError` when the engine asked for cannot run here, `ConfigError` when it does
    not run this network. Nothing is ever replaced silently.
    """
    if options.engine != "auto":
        engine = make(options.engine, options)
        if reason := engine.available():
            raise ResourceError(reason)
        if reason := engine.unsupported(spec):
            raise ConfigError(reason, "engine")
        return engine
    order = PREFERENCE[purpose]
    if options.device in ("cuda", "mps"):
        order = ("torch",)
    elif options.device == "auto" and purpose == "train" and has_cuda():
        order = ("torch", *order)
    reasons = []
    unloaded = ""
    for name in order:
        engine = make(name, options)
        absent = engine.available()
        reason = absent or engine.unsupported(spec)
        if reason is None:
            if unloaded:
                said = f"The {name} engine computes, more slowly than the native one: {unloaded}"
                warnings.warn(said, stacklevel=2)
            return engine
        if name == "native" and absent:
            unloaded = absent
        reasons.append(reason)
    raise ResourceError(" ".join(reasons))
