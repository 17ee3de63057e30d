"""Run the commands that a page shows, and put what they really print under them.

    python tools/rerun.py README.md docs/tutorial.md [--folder DIR] [--check]

In a block marked `console` every line that begins with "$ " is a command, run by bash in one folder
for all pages, one after the other; what it prints to either stream takes the place of the lines
below it. A comment on the line before a block says what is special:

    <!-- not run -->        leave the block as it is
    <!-- lines: 12 -->      show at most so many lines of each output; "..." stands for the rest
    <!-- file: mine.py -->  save the block to this file, for a command further down

--check runs nothing: it prints each command, and fails where a comment is not understood.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^>]*) -->\n)?^```(?P<kind>[\w-]+)\n(?P<body>.*?)^```$", re.M | re.S
)
NOTE = re.compile(r"not run|lines: (?P<lines>\d+)|file: (?P<file>[\w.-]+)")
MOST_LINES = 24
WIDEST = 150


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    kind: str
    body: str
    note: str
    span: tuple[int, int]
    """Where the body is in the page."""

    def commands(self) -> list[str]:
        """Return the commands of a console block; a line that ends in a backslash goes on."""
        found: list[str] = []
        goes_on = False
        for line in self.body.splitlines():
            if goes_on:
                found[-1] += "\n" + line
            elif line.startswith("$ "):
                found.append(line.removeprefix("$ "))
            else:
                continue
            goes_on = line.endswith("\\")
        return found


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page. Raises `ValueError` where a note is not understood."""
    for match in BLOCK.finditer(page):
        note = match["note"] or ""
        if note and match["kind"] in ("console", "python") and not NOTE.fullmatch(note):
            raise ValueError(f"'{note}' is no note that this script understands")
        yield Block(match["kind"], match["body"], note, match.span("body"))


def rerun(page: str, folder: Path) -> str:
    """Return the page with every output made anew."""
    parts: list[str] = []
    end = 0
    for block in blocks(page):
        note = NOTE.fullmatch(block.note)
        if note and note["file"]:
            (folder / note["file"]).write_text(block.body, encoding="utf-8")
        if block.kind != "console" or block.note == "not run":
            continue
        most = int(note["lines"]) if note and note["lines"] else MOST_LINES
        shown = [f"$ {command}\n{output(command, folder, most)}" for command in block.commands()]
        parts += [page[end : block.span[0]], "".join(shown)]
        end = block.span[1]
    return "".join(parts) + page[end:]


def output(command: str, folder: Path, most_lines: int) -> str:
    """Run a command and return what it prints, shortened."""
    print(f"$ {command}", file=sys.stderr, flush=True)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, encoding="utf-8", check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines = [line.rstrip() for line in done.stdout.strip("\n").splitlines()]
    lines = [line if len(line) <= WIDEST else f"{line[: WIDEST - 3]}..." for line in lines]
    if len(lines) > most_lines:
        last = most_lines // 3
        lines = [*lines[: most_lines - last - 1], "...", *lines[-last:]]
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Rerun the pages that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--folder", type=Path, help="where to run (default: a temporary folder)")
    parser.add_argument("--check", action="store_true", help="only print the commands")
    asked = parser.parse_args()
    if asked.check:
        for page in asked.pages:
            for block in blocks(page.read_text("utf-8")):
                print("\n".join(block.commands() if block.kind == "console" else []))
        return
    with tempfile.TemporaryDirectory(prefix="recurra-docs-") as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for page in asked.pages:
            page.write_text(rerun(page.read_text("utf-8"), folder), encoding="utf-8")


if __name__ == "__main__":
    main()
