"""The settings of an option class, one by one, and what a person is told of each.

Flags and the reference page of the documentation are both made from here.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from recurra.core.options import Options


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of an option class, or of an option class inside it."""

    path: tuple[str, ...]
    """Names from the outer class to the field; more than one where classes are nested."""
    field: FieldInfo
    default: Any
    """What it is when nothing is said; None too where it must be said."""

    @property
    def name(self) -> str:
        """The field's own name, which is also the keyword argument's."""
        return self.path[-1]

    def extra(self, key: str) -> Any:
        """Return what `knob` declared under `key` ("unit", "short", "advanced"), or None."""
        declared = self.field.json_schema_extra
        return declared.get(key) if isinstance(declared, dict) else None


def settings(cls: type[Options], exclude: Collection[str] = ()) -> Iterator[Setting]:
    """Yield the settings of an option class, those of nested classes in their place.

    Args:
        exclude: names of fields to leave out, at any depth; a nested class is left out whole.
    """
    yield from _walk(cls, frozenset(exclude), (), cls.model_fields)


def _walk(
    cls: type[Options], exclude: frozenset[str], path: tuple[str, ...], defaults: Any
) -> Iterator[Setting]:
    for name, field in cls.model_fields.items():
        if name in exclude:
            continue
        if isinstance(defaults, Options):
            default = getattr(defaults, name)
        else:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
        inner = without_none(field.annotation)
        if isinstance(inner, type) and issubclass(inner, Options):
            yield from _walk(inner, exclude, (*path, name), default)
        else:
            yield Setting((*path, name), field, default)


def without_none(annotation: Any) -> Any:
    """Return `X` of `X | None`, and anything else as it is."""
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        if len(rest) == 1:
            return rest[0]
    return annotation


def describe(setting: Setting, default: Any = None, *, show_default: bool = True) -> str:
    """Return the help text of a setting: what it is, then default, bounds and unit in brackets.

    A default of None or "" is not mentioned: the text says what happens then.
    """
    facts = []
    if show_default and default is not None and default != "":
        facts.append(f"default: {as_text(default)}")
    facts += [fact for fact in (bounds(setting.field), setting.extra("unit")) if fact]
    text = (setting.field.description or "").strip()
    return f"{text}  [{'; '.join(facts)}]" if facts else text


def bounds(field: FieldInfo) -> str:
    """Return a field's bounds in words ("0 to 1", "above 0, at most 1", "at least 1"), or nothing.

    An upper bound of a million or more is there against slips of the hand, and is not mentioned.
    """
    found = {
        name: getattr(constraint, name)
        for constraint in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(constraint, name, None) is not None
    }
    parts = []
    if "ge" in found and "le" in found and found["le"] < 1e6:
        return f"{found['ge']:,} to {found['le']:,}"
    for name, words in (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most")):
        if name in found and not (name in ("lt", "le") and found[name] >= 1e6):
            parts.append(f"{words} {found[name]:,}")
    return ", ".join(parts)


def as_text(value: Any) -> str:
    """Return a value as the person would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ",".join(as_text(item) for item in value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
