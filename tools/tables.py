"""Put the measured figures into the pages, from the JSON that the benchmarks have written.

    python tools/tables.py [--out bench/out] [PAGE ...]

Without pages: README.md and those of docs/ that have any. A page marks the place of each table, and
what stands between the marks is replaced:

    <!-- table: text.json "Training" -->
    <!-- /table -->

The name is a file in bench/out/. The words in quotes choose the sections and lists whose titles
contain them; without them all are taken. A table whose file is not there is left as it is, and a
note on standard error says so. No figure is ever typed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGES = (
    "README.md", "docs/forecasting.md", "docs/performance.md", "docs/presets.md",
    "docs/quality.md", "docs/music.md", "docs/browser-kernel.md",
)  # fmt: skip
PLACE = re.compile(
    r'(?P<open><!-- table: (?P<file>[\w.-]+)(?: "(?P<words>[^"]*)")? -->\n)'
    r"(?P<body>.*?)(?P<close><!-- /table -->)",
    re.S,
)
LESS_IS_BETTER = ("seconds", "MB")
"""How the units begin of which less is better."""
HEADINGS = {"mb_s": "MB/s", "peak_mb": "peak memory, MB", "what": ""}


def fill(page: str, out: Path) -> tuple[str, list[str]]:
    """Return the page with its tables made anew, and the names of the files that are missing."""
    missing: list[str] = []

    def table(match: re.Match[str]) -> str:
        path = out / match["file"]
        if not path.is_file():
            missing.append(match["file"])
            return match[0]
        document = json.loads(path.read_text("utf-8"))
        made = render(document, match["words"] or "")
        if made is None:
            missing.append(f'{match["file"]} "{match["words"]}"')
            return match[0]
        return f"{match['open']}\n{made}\n{match['close']}"

    return PLACE.sub(table, page), missing


def render(document: Mapping[str, Any], words: str = "") -> str | None:
    """Return a benchmark's document as Markdown: what it measured, and on what machine.

    None where no title contains the words: a part that has not been measured yet.
    """
    chosen = {t: r for t, r in document.get("sections", {}).items() if words in t}
    parts = [_section(title, rows) for title, rows in chosen.items()]
    lists = {
        name: rows for name, rows in document.items()
        if isinstance(rows, list) and rows and isinstance(rows[0], dict) and words in name
    }  # fmt: skip
    parts += [_list(rows) for rows in lists.values()]
    if not parts:
        return None
    return "\n".join([*parts, f"{_machine(document)}\n"])


def _list(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return records of any kind."""
    if "validation_nats" in rows[0]:
        return _presets(rows)
    return _costs(rows) if "predicted_us" in rows[0] else _plain(rows)


def _section(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one comparison: medians with their range, and how they stand to the first peer.

    A ratio above 1 is better than the peer. Losses get none: their differences are what counts.
    """
    unit = str(rows[0]["unit"])
    # A library that somebody had compiled beside is of interest to nobody else.
    rows = [row for row in rows if not row["name"].startswith("prototype")]
    peer = next(
        (row for row in rows if row["median"] and not row["name"].startswith("Recurra")), None
    )
    ratios = peer is not None and not unit.startswith("nats")
    lines = []
    for row in rows:
        if row["median"] is None:
            lines.append([row["name"], "did not run", "", *[""] * ratios])
            continue
        values = row["values"]
        spread = f"{_number(min(values))} to {_number(max(values))}" if len(values) > 1 else ""
        flag = " (others were busy)" if row["contaminated"] else ""
        line = [row["name"], f"**{_number(row['median'])}**{flag}", spread]
        if ratios and peer is not None:
            ratio = row["median"] / peer["median"]
            line.append(f"{1 / ratio if unit.startswith(LESS_IS_BETTER) else ratio:.2f}")
        lines.append(line)
    head = [title, unit, "lowest to highest"]
    return _markdown(head + ([f"times {peer['name']}"] if ratios and peer else []), lines)


def _presets(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what each preset reached on each text; of long ones only the speed was measured."""
    lines = [
        [
            row["preset"],
            row["text"],
            f"{row['parameters']:,}",
            f"{row['budget_s']:,.0f} s",
            f"{row['characters_per_second']:,.0f}",
            f"{row['epochs']:.1f}" if row["whole"] else "",
            f"{row['validation_nats']:.3f}" if row["whole"] else "",
            f"{row['test']['bits_per_char']:.3f}" if row["whole"] else "",
        ]
        for row in rows
    ]
    head = ["preset", "text", "parameters", "budget", "characters/s", "epochs"]
    return _markdown([*head, "held-out nats/character", "test bits/character"], lines)


def _costs(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what a character costs: a line a network, a column a batch; the least in brackets."""
    parts = []
    for work in dict.fromkeys(row["work"] for row in rows):
        cells = {(r["units"], r["batch"]): r for r in rows if r["work"] == work}
        batches = sorted({batch for _, batch in cells})
        lines = [
            [f"2x{units}"] + [
                f"**{_number(c['measured_us'])}** ({_number(c['predicted_us'])})"
                for c in (cells[units, batch] for batch in batches)
            ]
            for units in sorted({units for units, _ in cells})
        ]  # fmt: skip
        head = [f"to {work} a character, µs", *(f"batch {batch}" for batch in batches)]
        parts.append(_markdown(head, lines))
    return "\n".join(parts)


def _plain(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a list of flat records as a table with their own names as headings."""
    rows = [row for row in rows if not str(next(iter(row.values()))).endswith("prototype")]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[_cell(row.get(name)) for name in names] for row in rows]
    return _markdown([HEADINGS.get(name, name.replace("_", " ")) for name in names], lines)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in [head, rule, *rows])


def _machine(document: Mapping[str, Any]) -> str:
    """Return what the figures mean nothing without."""
    facts = document.get("machine")
    if isinstance(facts, Mapping):
        versions = ", ".join(f"{n} {v}" for n, v in facts.get("versions", {}).items())
        cores = "one core" if facts["cores"] == 1 else f"{facts['cores']} cores"
        return f"{facts['processor']}, {cores}, {versions}; {facts['date']}."
    named = ("device", "machine", "torch", "python", "numpy")
    return ", ".join(str(document[n]) if n in ("device", "machine") else f"{n} {document[n]}"
                     for n in named if n in document) + "."  # fmt: skip


def _cell(value: Any) -> str:
    return _number(value) if isinstance(value, int | float) else "" if value is None else str(value)


def _number(value: float) -> str:
    """Return a number with as many digits as it is worth: losses differ in the third decimal."""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.01:
        return f"{value:.5f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def main() -> None:
    """Fill the tables of the pages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "out")
    asked = parser.parse_args()
    for path in asked.pages or [ROOT / page for page in PAGES]:
        text = path.read_text("utf-8")
        filled, missing = fill(text, asked.out)
        for name in dict.fromkeys(missing):
            print(
                f"{path.name}: {asked.out / name} is not there; run the benchmark.", file=sys.stderr
            )
        if filled != text:
            path.write_text(filled, encoding="utf-8")
            print(f"{path.name}: tables made anew")


if __name__ == "__main__":
    main()
