"""Write what the browser knows of the settings: the option classes' schemas and the presets.

    python tools/web_options.py [--check]

The front end is built where Recurra itself is not installed yet, so the files are committed; a test
holds them to the classes. Nothing in them is written by hand. What a setting means is in a file of
its own, which a form loads when it shows them all.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

from recurra.core.spec import Cell
from recurra.studio.facts import option_groups, presets
from recurra.tasks.text.presets import DEFAULT, PRESETS
from recurra.tasks.text.settings import CLASSES
from recurra.version import VERSION

FOLDER = Path(__file__).parents[1] / "web" / "studio" / "src" / "place" / "browser"
FIRST = (
    "sizes", "batch_size", "window", "learning_rate", "dropout", "schedule", "temperature",
)  # fmt: skip
"""What the screens show at once, so that it is told what these mean from the first."""


def documents() -> dict[str, Any]:
    """Return the content of each file by its name."""
    options, meanings = _options(), {}
    for group in options["groups"]:
        fields = group["schema"]["properties"]
        meanings[group["name"]] = {
            name: field.pop("description") if name not in FIRST else field["description"]
            for name, field in fields.items()
        }
        if group["name"] == "sampling":  # a screen of its own has the bounds of these
            group["schema"]["properties"] = {"temperature": fields["temperature"]}
    return {"options.json": options, "meanings.json": meanings}


def _options() -> dict[str, Any]:
    """Return what this computer's studio says of settings and presets, and each class's fields."""
    classes = {
        name: [field for field in kind.model_fields if field != "cell"]
        for name, kind in {**CLASSES, "cell": Cell}.items()
    }
    return {
        "version": VERSION,
        "groups": [
            {"name": group.name, "title": group.title, "schema": copy.deepcopy(group.schema_)}
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


def texts() -> dict[Path, str]:
    """Return the text of each file."""
    return {
        FOLDER / name: json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        for name, document in documents().items()
    }


def main() -> None:
    """Write the files, or with --check say whether they are as they should be."""
    for path, text in texts().items():
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                raise SystemExit(f"{path} is out of date; run: python tools/web_options.py")
            continue
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
