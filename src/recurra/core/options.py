"""What a person can set: declared once, here and in its subclasses, and derived everywhere else.

A concern is one frozen pydantic model. Its fields are the only place where a name, a type, a
default, bounds, a unit and the help text are written. Command-line flags, the JSON schema of the
HTTP API and of the web form, the model file and the reference page of the docs come from them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recurra.core.errors import ConfigError


def knob(
    default: Any = ...,
    help: str = "",
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    unit: str = "",
    short: str = "",
    choices: Mapping[str, str] | None = None,
    advanced: bool = False,
) -> Any:
    """Declare one setting.

    Args:
        default: its value when nothing is said; left out, the setting is required.
        help: one line for a person, lower case, without a full stop.
        low, high: inclusive bounds. above, below: exclusive bounds.
        unit: what the number counts ("steps", "seconds"), for tables and forms.
        short: one-letter command-line flag, such as "T".
        choices: what each of a few values means, for forms that offer them.
        advanced: whether forms keep it behind the "advanced" drawer.
    """
    extra: dict[str, Any] = {
        "unit": unit, "short": short, "choices": dict(choices or {}), "advanced": advanced,
    }  # fmt: skip
    return Field(
        default,
        description=help,
        ge=low,
        le=high,
        gt=above,
        lt=below,
        json_schema_extra={key: value for key, value in extra.items() if value},
    )


class Options(BaseModel):
    """Base of every option class and every piece of a network description.

    Frozen: a variant is made by `replace`. Unknown names are refused with the nearest known one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise config_error(type(self), error) from None

    @classmethod
    def parse(cls, values: Any) -> Self:
        """Build from JSON-like data, with a `ConfigError` that names the field otherwise."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise config_error(cls, error) from None

    def replace(self, **changes: Any) -> Self:
        """Return a checked copy with some fields changed."""
        return type(self)(**{**self.model_dump(), **changes})


def config_error(cls: type[BaseModel], error: ValidationError) -> ConfigError:
    """Turn pydantic's first complaint into one sentence that names the setting."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    name = ".".join(path) or cls.__name__
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], list(cls.model_fields), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f" of {cls.__name__}."
        return ConfigError(f"'{name}' is no setting{hint}", name)
    if first["type"] == "missing":
        return ConfigError(f"'{name}' is missing and has no default.", name)
    if first["type"] == "value_error":
        return ConfigError(str(first["ctx"]["error"]), name)
    reason = first["msg"].removeprefix("Input ")
    shown = repr(first["input"])
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return ConfigError(f"{name} is {shown}, but {reason}.", name)
