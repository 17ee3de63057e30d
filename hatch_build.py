"""Compile the kernel and build the studio's site while a wheel or an editable install is made."""

from __future__ import annotations

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
KERNEL = ROOT / "src" / "recurra" / "kernel"


class RecurraBuildHook(BuildHookInterface[Any]):
    """Adds the libraries of this platform, named in the wheel's tag, and the studio's site."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # Beside each other: npm waits for its registry while the kernel takes the processor.
        with ThreadPoolExecutor(1) as beside:
            site = beside.submit(self._site)
            self._kernel(build_data)
            site.result()

    def _kernel(self, build_data: dict[str, Any]) -> None:
        """Where the kernel has no build the wheel holds Python alone; other engines do the work."""
        compiler = _load(KERNEL / "build.py")
        platform = compiler.wheel_platform()
        if platform is None:
            self.app.display_warning(f"The kernel has no build for {sys.platform}; left out.")
            return
        if not compiler.is_current(KERNEL / "lib"):
            self.app.display_info("Compiling the kernel ...")
            compiler.build(KERNEL / "lib")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def _site(self) -> None:
        """Without npm's registry there is no site, and `recurra studio` says so."""
        script = ROOT / "web" / "studio" / "build.py"
        if not script.exists():
            return
        builder = _load(script)
        if builder.is_current():
            return
        self.app.display_info("Building the studio's site ...")
        try:
            builder.build()
        except RuntimeError as problem:
            self.app.display_warning(f"The studio's site is left out: {problem}")


def _load(path: Path) -> ModuleType:
    """Return a script as a module; the package itself is not installed yet."""
    spec = importlib.util.spec_from_file_location(f"recurra_build_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} cannot be read.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
