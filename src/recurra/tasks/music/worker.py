"""A process that reads files of music for another one: a line of JSON in, a line of JSON out.

It runs apart so that a file that takes too long can be given up, and one that takes too much memory
takes nothing with it. `python -m recurra.tasks.music.worker` is started by `reading.py`.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress

from recurra.core.errors import RecurraError
from recurra.formats.music_files import read_file, to_json

MEMORY_BYTES = 2 << 30
COUNTS_WORK = hasattr(signal, "setitimer")
"""Whether the system can end a process by how long it has computed."""


def allow(seconds: float) -> None:
    """End this process, by the signal SIGPROF, once it has computed for so many seconds; 0 never.

    Time that a busy machine gives to others does not count, or what is read would depend on it.
    """
    if COUNTS_WORK:
        signal.setitimer(signal.ITIMER_PROF, seconds)


def main() -> None:
    """Read paths from standard input until it ends."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        asked = json.loads(line)
        allow(asked["seconds"])
        try:
            pieces, notes = read_file(asked["path"], **asked["options"])
            answer = {"pieces": [to_json(piece) for piece in pieces], "notes": notes}
        except RecurraError as error:
            answer = {"error": str(error)}
        except MemoryError:
            answer = {"error": f"{asked['path']} needs more memory than a file of music may."}
        allow(0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
