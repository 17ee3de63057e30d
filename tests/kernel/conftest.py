"""The builds of the kernel that this processor runs, and arm64 emulated, as a parameter."""

from __future__ import annotations

import pytest

from recurra.kernel import Kernel, KernelMissingError, load
from recurra.kernel.library import VARIABLE, X86_64
from tests.kernel.emulated import use

EMULATED = "arm64 emulated"


def builds() -> list[str]:
    """Return the names of the builds that can run here; all of them where none could be loaded."""
    import platform

    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ["arm64"]
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for name in X86_64:
            patch.setenv(VARIABLE, name)
            try:
                load()
            except KernelMissingError:
                continue
            found.append(name)
    return [*(found or X86_64), EMULATED]


@pytest.fixture(params=builds())
def build(request, monkeypatch) -> Kernel:
    """Load one build, and have engines load it too."""
    if request.param == EMULATED:
        return use(monkeypatch)
    if request.param in X86_64:
        monkeypatch.setenv(VARIABLE, request.param)
    return load()
