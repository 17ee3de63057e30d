"""What is heavy or optional is imported where it is used, never when a module is."""

import ast
from pathlib import Path

import pytest

import recurra

ROOT = Path(recurra.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
LAZY = {
    "torch",
    "matplotlib",
    "tokenizers",
    "pooch",
    "tensorboard",
    "sacrebleu",
    "mido",
    "soundfile",
    "defusedxml",
}


def imported_at_once(tree: ast.Module) -> set[str]:
    """Return the top-level packages that importing a module imports."""
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
        waiting += ast.iter_child_nodes(node)
    return found


def allowed(path: Path) -> set[str]:
    """Return what a module may import at once all the same: the torch engine, PyTorch."""
    place = path.relative_to(ROOT).as_posix()
    return {"torch"} if place.startswith(("engines/torch/", "engines/torch.py")) else set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_heavy_packages_are_imported_inside_functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not (imported_at_once(tree) & LAZY) - allowed(path)


def test_the_walk_sees_what_it_must_and_nothing_else():
    source = (
        "import torch.nn\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n import pooch\n"
        "else:\n import tokenizers\nclass A:\n import tensorboard\n"
        "def f():\n import matplotlib\n"
    )
    assert imported_at_once(ast.parse(source)) & LAZY == {"torch", "tokenizers", "tensorboard"}
