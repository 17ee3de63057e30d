"""A contestant in a process of its own, so that none changes how another's memory or threads work.

    python -m bench.worker bench.peers.plain_torch:PlainTorch TEXT '{"hidden": 128}'

reads one JSON list a line, [method, arguments...], and answers with one JSON number a line. While
it waits its threads sleep.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.common import live_children

ROOT = Path(__file__).parent.parent
SETTLE_S = 0.3
"""After a turn: OpenMP's threads go on spinning for a fifth of a second."""


class Contestant:
    """The near end: its methods are those of the object in the other process."""

    def __init__(self, home: str, text: Path, **settings: object) -> None:
        command = [sys.executable, "-m", "bench.worker", home, str(text), json.dumps(settings)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        live_children.add(self._process.pid)

    def call(self, method: str, *arguments: object) -> float:
        """Call a method there and return its number."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the contestant has no pipes")
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        time.sleep(SETTLE_S)
        if not answer:
            raise RuntimeError("the contestant's process has ended")
        return float(json.loads(answer))

    def bind(self, method: str, *arguments: object) -> Callable[[], float]:
        """Return the call, to be made later."""
        return lambda: self.call(method, *arguments)

    def close(self) -> None:
        """End the process."""
        live_children.discard(self._process.pid)
        self._process.communicate()


def main() -> None:
    home, text, settings = sys.argv[1:]
    module, _, name = home.partition(":")
    kind = getattr(importlib.import_module(module), name)
    contestant = kind(Path(text).read_text("utf-8"), **json.loads(settings))
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        print(json.dumps(getattr(contestant, method)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
