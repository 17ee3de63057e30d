"""Which model file a person means."""

from __future__ import annotations

import os
from pathlib import Path

from recurra.core.errors import FormatError
from recurra.learning.run_folder import BEST, RUN


def find_model(path: str | os.PathLike[str]) -> Path:
    """Return the model file that is meant: the file itself, or the best model of a run folder.

    A name that is neither is looked for in `runs`. Raises `FormatError` where there is none.
    """
    given = Path(path)
    for place in (given, Path("runs") / given):
        if place.is_file():
            return place
        if (place / BEST).is_file():
            return place / BEST
        if (place / RUN).is_file():
            raise FormatError(
                f"{place} is a run that has saved no model yet; wait for its first validation, or "
                f"go on with it: recurra resume {place}."
            )
    if given.is_dir():
        raise FormatError(f"{given} is a folder without a model: there is no {BEST} in it.")
    raise FormatError(f"there is no model {given}; name a .safetensors file or a run folder.")
