"""Write what the browser knows of the settings: the option classes' schemas and the presets.

    python tools/web_options.py [--check]

The front end is built where Recurra itself is not installed yet, so the file is committed; a test
holds it to the classes. Nothing in it is written by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from recurra.core.spec import Cell
from recurra.studio.facts import option_groups, presets
from recurra.tasks.text.presets import DEFAULT, PRESETS
from recurra.tasks.text.settings import CLASSES
from recurra.version import VERSION

TARGET = Path(__file__).parents[1] / "web" / "studio" / "src" / "place" / "browser" / "options.json"


def document() -> dict[str, Any]:
    """Return what this computer's studio says of settings and presets, and each class's fields."""
    classes = {
        name: [field for field in kind.model_fields if field != "cell"]
        for name, kind in {**CLASSES, "cell": Cell}.items()
    }
    return {
        "version": VERSION,
        "groups": [
            {"name": group.name, "title": group.title, "schema": group.schema_}
            for group in option_groups()
        ],
        "classes": classes,
        "default_preset": DEFAULT,
        "presets": [
            {
                **preset.model_dump(),
                "dropout_at_1m": PRESETS[preset.name].dropout_at_1m,
                "reads": PRESETS[preset.name].reads,
            }
            for preset in presets()
        ],
    }


def text() -> str:
    """Return the file's text."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file, or with --check say whether it is as it should be."""
    if "--check" in sys.argv[1:]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text():
            raise SystemExit(f"{TARGET} is out of date; run: python tools/web_options.py")
        return
    TARGET.write_text(text(), encoding="utf-8")
    print(TARGET)


if __name__ == "__main__":
    main()
