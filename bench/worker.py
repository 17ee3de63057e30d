"""A contestant in a process of its own, so that none changes how another's memory or threads work.

    python -m bench.worker bench.peers.plain_torch:PlainTorch TEXT '{"hidden": 128}'

reads one JSON list a line, [method, arguments...], and answers with one JSON number a line, or with
the sentence that says why there is none. While it waits its threads sleep. Where TEXT is "-" the
contestant is made without one.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.common import live_children

ROOT = Path(__file__).parent.parent
SETTLE_S = 0.3
"""After a turn: OpenMP's threads go on spinning for a fifth of a second."""
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
FEW = "RECURRA_BENCH_THREADS"


class Contestant:
    """The near end: its methods are those of the object in the other process.

    Args:
        home: "module:Class" of the contestant.
        text: the file whose text it is made with; None: it needs none.
        threads: on how many cores it may run, which also sets the size of every thread pool, and
            which it is told; 0: nothing is set.
        python: the interpreter, for contestants that have an environment of their own.
        settings: what the contestant is made with besides.
    """

    def __init__(
        self,
        home: str,
        text: Path | None = None,
        *,
        threads: int = 0,
        python: Path | None = None,
        **settings: object,
    ) -> None:
        interpreter = sys.executable if python is None else str(python)
        place = "-" if text is None else str(text)
        environment = dict(os.environ)
        if threads:
            environment |= dict.fromkeys((*POOLS, FEW), str(threads))
            settings["threads"] = threads
        self._process = subprocess.Popen(
            [interpreter, "-m", "bench.worker", home, place, json.dumps(settings)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
        )  # fmt: skip
        live_children.add(self._process.pid)

    def call(self, method: str, *arguments: object) -> float:
        """Call a method there and return its number.

        Raises `RuntimeError` where it has none, or the process is gone.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the contestant has no pipes")
        try:
            self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        time.sleep(SETTLE_S)
        if not answer:
            raise RuntimeError("the contestant's process has ended")
        number = json.loads(answer)
        if isinstance(number, str):
            raise RuntimeError(number)
        return float(number)

    def bind(self, method: str, *arguments: object) -> Callable[[], float]:
        """Return the call, to be made later."""
        return lambda: self.call(method, *arguments)

    def close(self) -> None:
        """End the process."""
        live_children.discard(self._process.pid)
        try:
            self._process.communicate()
        except BrokenPipeError:
            self._process.wait()


def main() -> None:
    home, text, settings = sys.argv[1:]
    threads = int(os.environ.get(FEW, "0"))
    if threads and hasattr(os, "sched_setaffinity"):
        # The last cores: the first one answers most interrupts.
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-threads:])
    module, _, name = home.partition(":")
    given = () if text == "-" else (Path(text).read_text("utf-8"),)
    contestant, trouble = None, ""
    try:
        contestant = getattr(importlib.import_module(module), name)(*given, **json.loads(settings))
    except Exception as error:
        trouble = f"{type(error).__name__}: {error}"
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        answer: float | str = trouble
        if contestant is not None:
            try:
                answer = getattr(contestant, method)(*arguments)
            except Exception as error:
                answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
