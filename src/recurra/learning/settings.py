"""Settings by name, sorted into the option classes of a task."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from recurra.core.errors import ConfigError
from recurra.core.options import Options
from recurra.core.spec import Cell

BUDGETS = ("steps", "epochs", "seconds")


def sorted_in(
    classes: Mapping[str, Any], values: Mapping[str, Any], below: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """Return one object a class, with every setting where it belongs.

    Args:
        classes: option classes by their names; no two share a setting. One is "stack", which takes
            the settings of the cell too.
        values: what a person set, by name; None is a value.
        below: what lies underneath; its budget counts only where `values` has none.
        what: what is set, for messages ("a text training").
    Raises:
        ConfigError: a name that no class has, or a value that cannot be.
    """
    if any(values.get(budget) is not None for budget in BUDGETS):
        below = {name: value for name, value in below.items() if name not in BUDGETS}
    cell = _as_dict(below.get("cell", {})) | _as_dict(values.get("cell", {}))
    found: dict[str, dict[str, Any]] = {part: {} for part in classes}
    for name, value in {**below, **values}.items():
        if name == "cell":
            continue
        if name in Cell.model_fields:
            cell[name] = value
            continue
        home = next((part for part, kind in classes.items() if name in kind.model_fields), None)
        if home is None:
            raise ConfigError(_unknown(name, classes, what), name)
        found[home][name] = value
    found["stack"]["cell"] = cell
    return {part: kind.parse(found[part]) for part, kind in classes.items()}


def _unknown(name: str, classes: Mapping[str, Any], what: str) -> str:
    every = [field for kind in classes.values() for field in kind.model_fields if field != "cell"]
    near = difflib.get_close_matches(name, [*every, *Cell.model_fields], n=1)
    return f"'{name}' is no setting of {what}" + (
        f"; did you mean '{near[0]}'?" if near else "; the options reference lists them all."
    )


def _as_dict(cell: Any) -> dict[str, Any]:
    return cell.model_dump() if isinstance(cell, Options) else dict(cell)
