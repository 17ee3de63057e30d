"""What the text screens load, file by file: JavaScript and WebAssembly, as it is and compressed.

    python bench/web/sizes.py [SITE]

Reads a built site (default: the one that the package serves) and follows its imports from the page:
the screens Corpus, Train, Write, Inside and Models, the place in the browser with its Workers, and
the one of the three kernel modules that a page with threads loads. Needs Node, for brotli.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bench.common import print_plain, write_json  # noqa: E402

SITE = ROOT / "src" / "recurra" / "studio" / "site"
SCREENS = ("Corpus", "Train", "Write", "Inside", "Models")
PLACES = ("browser", "computer")
MODULE = "recurra-threads"
LATER = ("music", "numbers", "labels", "picked", "forecast")
"""Scripts that come when a model of another kind than text is asked for."""
BAR = 110_000
TITLE = "What the text screens load"
# A name of a file beside this one, as it stands in an import or in an address.
_NAMED = re.compile(r"""["'`](?:\./)?(?:assets/)?([\w.]+-[\w-]+\.(?:js|wasm))["'`]""")
_BROTLI = (
    "const z = require('zlib'), fs = require('fs');"
    "console.log(JSON.stringify(process.argv.slice(1).map(path => z.brotliCompressSync("
    "fs.readFileSync(path), { params: { [z.constants.BROTLI_PARAM_QUALITY]: 11,"
    " [z.constants.BROTLI_PARAM_LGWIN]: 22 } }).length)))"
)


def measure(site: Path) -> list[dict[str, Any]]:
    """Return a record for each file, the largest first, and one of them all."""
    files = loaded(site)
    command = ["node", "-e", _BROTLI, *map(str, files)]
    packed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows = [
        {
            "file": re.sub(r"-[\w-]{8}(?=\.\w+$)", "", path.name),
            "bytes": path.stat().st_size,
            "gzip": len(gzip.compress(path.read_bytes(), 9)),
            "brotli": brotli,
        }
        for path, brotli in zip(files, packed, strict=True)
    ]
    rows.sort(key=lambda row: -row["brotli"])
    names = ("bytes", "gzip", "brotli")
    return [*rows, {"file": "all", **{name: sum(row[name] for row in rows) for name in names}}]


def loaded(site: Path) -> list[Path]:
    """Return the scripts and the module that the text screens load in the browser's place."""
    assets = site / "assets"
    entry = re.search(r'src="\./assets/([^"]+\.js)"', (site / "index.html").read_text("utf-8"))
    assert entry, "the page has no script"
    found: set[str] = set()
    left = [entry[1]]
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        if name.endswith(".wasm"):
            continue
        for other in _NAMED.findall((assets / name).read_text("utf-8")):
            ours = not other.endswith(".wasm") or other.startswith(MODULE)
            ours = ours and other.split("-")[0] not in LATER
            if name == entry[1]:
                ours = ours and not _is_elsewhere(other, assets)
            if ours:
                left.append(other)
    return [assets / name for name in found]


def _is_elsewhere(name: str, assets: Path) -> bool:
    """Whether a script that the page names is another screen, or part of one."""
    stem = name.split("-")[0]
    if stem in (*SCREENS, *PLACES):
        return False
    # What the page's own script imports at its beginning is loaded in any case.
    entry = next(path for path in assets.glob("index-*.js") if name in path.read_text("utf-8"))
    head = entry.read_text("utf-8")
    return not re.search(rf"""(?:from|import)\s*["'`]\./{re.escape(name)}["'`]""", head)


def report(site: Path) -> list[dict[str, Any]]:
    """Measure, print, and say whether the bar is reached."""
    rows = measure(site)
    print_plain(f"{TITLE}, bytes", rows)
    for how in ("gzip", "brotli"):
        verdict = "reached" if rows[-1][how] <= BAR else "NOT reached"
        print(f"  JavaScript and WebAssembly, {how}: {rows[-1][how]:,}, bar {BAR:,} {verdict}")
    return rows


if __name__ == "__main__":
    rows = report(Path(sys.argv[1]) if len(sys.argv) > 1 else SITE)
    write_json("web_sizes", {}, lists={TITLE: rows})
