"""`recurra doctor`: what is installed, which engines run here and why others do not, and where
files are kept. It changes nothing.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import get_args

import click

from recurra.cli import console
from recurra.version import VERSION

# Package, and the extra that brings it ("" for what is always there).
_PACKAGES = {
    "numpy": "",
    "safetensors": "",
    "pydantic": "",
    "click": "",
    "rich": "",
    "platformdirs": "",
    "pooch": "",
    "torch": "torch",
    "matplotlib": "plots",
    "tensorboard": "tensorboard",
    "tokenizers": "subwords",
}

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the same facts as JSON.")
def doctor(as_json: bool) -> None:
    """Say what is installed, which engines run here, and where files are kept.

    \b
    Example:
      recurra doctor
    """
    found = facts()
    if as_json:
        import json

        console.out().print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for heading, lines in (
        ("This machine", found["machine"]),
        ("Packages", found["packages"]),
        ("Engines", found["engines"]),
        ("Folders", found["folders"]),
        ("Variables", found["variables"] or {"RECURRA_*": "none is set"}),
    ):
        console.out().print(heading, style="bold")
        rows = [(f"  {name}", line) for name, line in lines.items()]
        console.out().print(console.table(["", ""], rows, headings=False))


def facts() -> dict[str, dict[str, str]]:
    """Return everything that `doctor` prints, by section."""
    return {
        "machine": _machine(),
        "packages": {name: _package(name, extra) for name, extra in _PACKAGES.items()},
        "engines": _engines(),
        "folders": _folders(),
        "variables": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith("RECURRA_")
        },
    }


def _machine() -> dict[str, str]:
    has_affinity = hasattr(os, "sched_getaffinity")
    threads = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count()
    limits = [f"{name}={os.environ[name]}" for name in _THREAD_VARIABLES if name in os.environ]
    lines = {
        "recurra": f"{VERSION}, in {Path(__file__).parents[1]}",
        "python": f"{platform.python_version()}, {sys.executable}",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "threads": ", ".join([f"{threads} usable", *limits]),
    }
    if memory := _memory_bytes():
        lines["memory"] = console.size(memory)
    return lines


def _memory_bytes() -> int:
    """Return the machine's memory, or 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _package(name: str, extra: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        how = f"recurra[{extra}]" if extra else name
        return f"not installed; pip install '{how}'"


def _engines() -> dict[str, str]:
    from recurra.engines import EngineName, EngineOptions, make

    lines = {}
    for name in get_args(EngineName):
        if name == "auto":
            continue
        if name == "torch" and importlib.util.find_spec("torch") is None:
            lines[name] = "not here: PyTorch is not installed; pip install 'recurra[torch]'"
            continue
        engine = make(name, EngineOptions())
        reason = engine.available()
        lines[name] = engine.describe() if reason is None else f"not here: {reason}"
    return lines


def _folders() -> dict[str, str]:
    from recurra.formats.places import cache_root, data_folder

    cache, data = cache_root(), data_folder()
    lines = {"cache": f"{cache}{_state(cache)}"}
    if data is not None:
        lines["data"] = f"{data}{_state(data)}, searched first"
    lines["runs"] = str(Path("runs").absolute())
    return lines


def _state(folder: Path) -> str:
    if not folder.exists():
        return " (not made yet)"
    sizes: list[int] = []
    for path, _, names in os.walk(folder):
        sizes += [_size(Path(path) / name) for name in names]
    return f" ({console.quantity(len(sizes), 'file')}, {console.size(sum(sizes))})"


def _size(path: Path) -> int:
    """Return a file's size, 0 when it has gone meanwhile."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0
