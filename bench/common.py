"""What every benchmark shares: interleaved rounds, foreign CPU time, tables, JSON, the machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "out"
FOREIGN_LIMIT = 0.10
"""A measurement is flagged when others used more than this share of a core while it ran."""


def machine() -> dict[str, Any]:
    """Return what a figure means nothing without: processor, cores, versions, date."""
    model = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            pairs = [line.partition(":") for line in lines]
        facts = {name.strip(): value.strip() for name, _, value in pairs}
        model = facts.get("model name", model)
        # Rented machines hide which processor they have behind a common name.
        if "cpu family" in facts:
            model += f" (family {facts['cpu family']}, model {facts.get('model', '?')})"
    versions = {"python": platform.python_version()}
    for name in ("numpy", "torch", "recurra"):
        try:
            versions[name] = __import__(name).__version__
        except (ImportError, AttributeError):
            continue
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.platform(),
        "date": time.strftime("%Y-%m-%d"),
        "versions": versions,
    }


def _busy_seconds() -> float:
    """Return the CPU seconds used by all processes on the cores that are ours, since the start."""
    ours = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        core, *fields = line.split()
        if core in ours:
            user, nice, system, _idle, _iowait, irq, softirq = map(int, fields[:7])
            ticks += user + nice + system + irq + softirq
    return ticks / os.sysconf("SC_CLK_TCK")


live_children: set[int] = set()
"""Processes of ours that go on between measurements; their CPU time is our own."""


def _own_seconds() -> float:
    """Return the CPU seconds of this process, its ended children and `live_children`."""
    seconds = sum(os.times()[:4])
    for pid in live_children:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        seconds += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return seconds


class ForeignTime:
    """Measures, around a block, the cores that processes other than ours kept busy."""

    def __enter__(self) -> ForeignTime:
        self._start = (_busy_seconds(), _own_seconds(), time.perf_counter())
        return self

    def __exit__(self, *exc: object) -> None:
        busy, own, clock = self._start
        elapsed = max(time.perf_counter() - clock, 1e-9)
        self.cores = max((_busy_seconds() - busy) - (_own_seconds() - own), 0.0) / elapsed


@dataclass
class Row:
    """One contestant's measurements of one quantity."""

    name: str
    unit: str
    values: list[float] = field(default_factory=list)
    foreign: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self.values else float("nan")

    @property
    def is_contaminated(self) -> bool:
        return any(cores > FOREIGN_LIMIT for cores in self.foreign)


def interleave(
    contestants: Sequence[tuple[str, Callable[[], float]]], unit: str, rounds: int
) -> list[Row]:
    """Measure every contestant once a round, in turn, so that a slow minute meets all of them."""
    rows = [Row(name, unit) for name, _ in contestants]
    for turn in range(rounds):
        for row, (name, measure) in zip(rows, contestants, strict=True):
            if row.error:
                continue
            if sys.stderr.isatty():
                print(f"  round {turn + 1}/{rounds}  {name:<44}", end="\r", file=sys.stderr)
            with ForeignTime() as foreign:
                try:
                    value = measure()
                except Exception as error:  # a peer that fails is a row that says so
                    row.error = f"{type(error).__name__}: {error}"
                    continue
            row.values.append(value)
            row.foreign.append(foreign.cores)
    if sys.stderr.isatty():
        print(" " * 70, end="\r", file=sys.stderr)
    return rows


def print_table(
    title: str, rows: Sequence[Row], baseline: str, *, lower_is_better: bool = False
) -> None:
    """Print medians with their range, the foreign CPU time, and the ratio to `baseline` last."""
    print(f"\n{title}")
    base = next((row.median for row in rows if row.name == baseline), float("nan"))
    width = max(len(row.name) for row in rows)
    print(f"  {'':<{width}}  {'median':>10} {'lowest':>10} {'highest':>10}  {'foreign':>7}  ratio")
    for row in rows:
        if row.error:
            print(f"  {row.name:<{width}}  {row.error[:70]}")
            continue
        low, high = min(row.values), max(row.values)
        ratio = base / row.median if lower_is_better else row.median / base
        flag = "  contaminated: others were busy" if row.is_contaminated else ""
        print(
            f"  {row.name:<{width}}  {_number(row.median):>10} {_number(low):>10} "
            f"{_number(high):>10}  {max(row.foreign):>7.2f}  {ratio:5.2f}{flag}"
        )
    arrow = (
        "higher ratios are better" if not lower_is_better else "higher ratios are faster, smaller"
    )
    print(f"  {rows[0].unit}; ratio to '{baseline}', {arrow}; foreign: cores that others kept busy")


def print_plain(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print records as a table with their own names as headings."""
    if not rows:
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([_plain(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(names))]
    print(f"\n{title}")
    for line in lines:
        cells = [line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]
        print(f"  {'  '.join(cells)}")


def _plain(value: object) -> str:
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else _number(value)
    return "" if value is None else str(value)


def _number(value: float) -> str:
    if 0 < abs(value) < 0.01:
        return f"{value:.5f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"


def read_json(name: str) -> dict[str, list[Row]]:
    """Return the sections that an earlier run on this machine has written; none: an empty one."""
    path = OUT / f"{name}.json"
    if not path.exists():
        return {}
    document = json.loads(path.read_text())
    if document["machine"]["processor"] != machine()["processor"]:
        return {}
    return {
        title: [
            Row(row["name"], row["unit"], row["values"], row["foreign_cores"], row["error"])
            for row in rows
        ]
        for title, rows in document["sections"].items()
    }


def write_json(
    name: str,
    sections: dict[str, list[Row]],
    *,
    lists: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    keep: bool = False,
) -> Path:
    """Write every measurement under bench/out/ and return where.

    With `keep`, sections and lists of an earlier run on this machine that were not measured again
    stay.

    Args:
        lists: records of other kinds, under their names.
    """
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    document = {
        "machine": machine(),
        "sections": {
            title: [
                {
                    "name": row.name,
                    "unit": row.unit,
                    "median": row.median if row.values else None,
                    "values": row.values,
                    "foreign_cores": row.foreign,
                    "contaminated": row.is_contaminated,
                    "error": row.error,
                }
                for row in rows
            ]
            for title, rows in sections.items()
        },
        **{title: rows for title, rows in (lists or {}).items() if rows},
    }
    if keep and path.exists():
        earlier = json.loads(path.read_text())
        if earlier["machine"]["processor"] == document["machine"]["processor"]:
            measured = {**earlier["sections"], **document["sections"]}
            document = {**earlier, **document, "sections": measured}
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path
