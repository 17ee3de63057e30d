"""The native engine: the kernel's C, bound to the engine contract. Fastest on a CPU."""

from recurra.engines.native.engine import NativeEngine
from recurra.engines.native.network import NativeNetwork

__all__ = ["NativeEngine", "NativeNetwork"]
