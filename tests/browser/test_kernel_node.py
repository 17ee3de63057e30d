"""The WebAssembly kernel and its TypeScript, in Node."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from recurra.kernel.library import Job
from tests.browser.conftest import WEB, run
from tests.parity.bounds import BOUND

EXACT = {"normals": 1.2e-7, "first weights": 0.0}
"""How far first weights may be from Python's: logarithms and cosines may round differently."""


def check(found: dict[str, Any], cases: int) -> None:
    """Hold the results of web/kernel/tests/check.ts to the bounds."""
    assert len(found["results"]) == cases
    networks = 0
    for result in found["results"]:
        assert result["unequal"] == [], result["name"]
        networks += result["jobs"] > 0
        for name, error in result["errors"].items():
            steps = name in ("trained", "losses")
            bound = EXACT.get(name, BOUND["float32"][steps])
            assert float(error) <= bound, (result["name"], name, error)
    assert networks > 40  # the kernel really ran


def relaxed_flag(node: str) -> list[str]:
    """Return the flag that older versions of Node need to know relaxed SIMD."""
    flag = "--experimental-wasm-relaxed-simd"
    options = subprocess.run([node, "--v8-options"], capture_output=True, text=True).stdout
    return [flag] if flag in options else []


@pytest.mark.parametrize(
    ("module", "threads"),
    # Five are more than any case has sequences: some are left out.
    [("simd", 1), ("relaxed", 1), ("threads", 1), ("threads", 3), ("threads", 5)],
)
def test_every_golden_case(node: str, dist: Path, module: str, threads: int) -> None:
    script = str(dist / "tests" / "check.node.mjs")
    asked = [str(dist / "golden.json"), str(dist), module, str(threads)]
    found = json.loads(run(node, *relaxed_flag(node), script, *asked))
    golden = json.loads((dist / "golden.json").read_text())
    check(found, sum(len(cases) for cases in golden.values()))
    assert found["threads"] == threads
    assert found["lanes"] == 4


def test_a_job_has_the_same_fields_as_in_python(node: str, dist: Path) -> None:
    script = str(dist / "tests" / "check.node.mjs")
    empty = dist / "empty.json"
    empty.write_text('{"networks": [], "windows": [], "initial": []}')
    found = json.loads(run(node, script, str(empty), str(dist), "simd", "1"))
    fields = [(field["name"], field["offset"]) for field in found["fields"]]
    assert fields == [(name, getattr(Job, name).offset) for name, _ in Job._fields_]


def test_what_needs_no_kernel(node: str, dist: Path) -> None:
    said = run(node, "--test", "--test-reporter=tap", str(dist / "tests" / "unit.test.mjs"))
    passed = re.search(r"^# pass (\d+)$", said, re.MULTILINE)
    assert passed, said
    assert int(passed[1]) > 25


def test_types_and_format(packages: Path) -> None:
    run(str(packages / "tsc"), "--project", str(WEB))
    run(str(packages / "prettier"), "--check", str(WEB), cwd=WEB)


def test_the_modules_import_a_memory_and_nothing_else(node: str, dist: Path) -> None:
    script = (
        "const bytes = require('fs').readFileSync(process.argv[1]);"
        "console.log(JSON.stringify(WebAssembly.Module.imports(new WebAssembly.Module(bytes))))"
    )
    for name in ("simd", "relaxed", "threads"):
        module = dist / f"recurra-{name}.wasm"
        found = json.loads(run(node, *relaxed_flag(node), "-e", script, str(module)))
        assert [(one["module"], one["name"]) for one in found] == [("env", "memory")]
        assert module.stat().st_size < 250_000
