"""The kernel: C sources, the libraries built from them, and how they are found and loaded."""

from recurra.kernel.library import Kernel, KernelMissingError, load

__all__ = ["Kernel", "KernelMissingError", "load"]
