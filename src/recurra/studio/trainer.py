"""One training as a process of its own: `python -m recurra.studio.trainer RUN`.

It does what `studio.json` in the run folder orders, holds `.process` as long as it lives, and hears
of nothing but the folder: the server that started it may end, and start again.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from recurra.core.errors import RecurraError
from recurra.formats.sources import Document
from recurra.learning.lock import Lock
from recurra.learning.run_folder import RUN, RunFolder
from recurra.studio import home

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
    try:
        _train(folder, home.read(folder / ORDER))
    except RecurraError as error:
        home.write(folder / FAILED, {"message": str(error)})
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
    from recurra.tasks.text.training import prepare

    inputs = [str(one) for one in order["inputs"]]
    name = str(order["corpus"]["name"])
    # A person's own text goes by its name in the model file, not by where the studio keeps it.
    named: list[Any] = (
        inputs
        if inputs[0].startswith("data:")
        else [Document.of_file(path, name) for path in inputs]
    )
    training = replace(
        prepare(named, order.get("options") or {}, preset=order.get("preset")), inputs=inputs
    )
    with RunFolder.create(folder, training.describe()) as run:
        training.run(run)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
