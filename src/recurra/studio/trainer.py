"""One training as a process of its own: `python -m recurra.studio.trainer RUN`.

It does what `studio.json` in the run folder orders, holds `.process` as long as it lives, and hears
of nothing but the folder: the server that started it may end, and start again.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from recurra.core.errors import RecurraError
from recurra.learning.lock import Lock
from recurra.learning.run_folder import RUN, RunFolder
from recurra.studio import home
from recurra.studio.kinds import registry

ORDER, FAILED, PROCESS, OUTPUT = "studio.json", "failed.json", ".process", "trainer.log"
NICE = 5
"""How much the trainings step back behind the page that watches them."""


def main(folder: Path) -> int:
    """Train as ordered; return the exit status."""
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(NICE)
    try:
        lock = Lock(folder / PROCESS)
    except RecurraError as error:
        print(error, file=sys.stderr)  # noqa: T201 - into trainer.log
        return 2
    order = home.read(folder / ORDER)
    try:
        _train(folder, order)
    except RecurraError as error:
        home.write(folder / FAILED, {"message": _nameless(str(error), order)})
        return 2
    except MemoryError:
        home.write(folder / FAILED, {"message": "Memory ran out; a smaller network needs less."})
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:
        home.write(
            folder / FAILED,
            {"message": f"Something went wrong inside Recurra; {OUTPUT} in the run folder has it."},
        )
        raise
    finally:
        lock.release()
    return 0


def _train(folder: Path, order: dict[str, Any]) -> None:
    if (folder / RUN).is_file():
        from recurra.learning.resume import resume

        resume(folder, changes=order.get("changes") or {})
        return
    kind = registry.find(str(order.get("kind") or "text"))
    inputs = [str(one) for one in order["inputs"]]
    named = str(order["corpus"]["name"])
    training = kind.prepare(inputs, named, order.get("options") or {}, order.get("preset"))
    with RunFolder.create(folder, training.describe()) as run:
        outcome = training.run(run)
        kind.finish(training, outcome, folder)


def _nameless(sentence: str, order: dict[str, Any]) -> str:
    """Return a sentence with data called as a person calls them, not by where they are kept."""
    name = str((order.get("corpus") or {}).get("name") or "the data")
    for path in order.get("inputs") or []:
        sentence = sentence.replace(str(path), name)
    return sentence


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
