"""The API's description: `python -m recurra.studio.openapi [FILE]`.

The front end's typed client is generated from it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from recurra.studio.app import api


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return api(None).openapi()


def main(arguments: list[str]) -> None:
    """Write the document to a file, or to standard output."""
    text = json.dumps(document(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if arguments:
        Path(arguments[0]).write_text(text, "utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
