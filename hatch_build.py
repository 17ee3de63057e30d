"""Compile the kernel while a wheel or an editable installation is made."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNEL = Path(__file__).parent / "src" / "recurra" / "kernel"


class KernelBuildHook(BuildHookInterface[Any]):
    """Adds the libraries of this platform and names it in the wheel's tag.

    Where the kernel has no build the wheel holds Python alone, and the other engines do the work.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compiler = _compiler()
        platform = compiler.wheel_platform()
        if platform is None:
            self.app.display_warning(f"The kernel has no build for {sys.platform}; left out.")
            return
        if not compiler.is_current(KERNEL / "lib"):
            self.app.display_info("Compiling the kernel ...")
            compiler.build(KERNEL / "lib")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"


def _compiler() -> ModuleType:
    """Return kernel/build.py as a module; the package itself is not installed yet."""
    spec = importlib.util.spec_from_file_location("recurra_kernel_build", KERNEL / "build.py")
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{KERNEL / 'build.py'} cannot be read.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
