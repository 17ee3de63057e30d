"""Command-line flags derived from option classes, so that no setting is described twice.

    @click.command()
    @options_from(SamplingOptions)
    def generate(**flags):
        sampling = build(SamplingOptions, flags)

A field `top_p` becomes `--top-p`; a bool becomes `--flag / --no-flag`; a `Literal` a choice; a
tuple comma-separated text ("256,128"); an option class inside another is flattened. Bounds are
checked by the option class alone, whose complaint then names the flag. Flags of `advanced` fields
are left out of `--help` and shown by `--help-all`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from click.core import ParameterSource

from recurra.cli.settings import Setting, describe, settings, without_none
from recurra.core.errors import ConfigError
from recurra.core.options import Options

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])
AnyOptions = TypeVar("AnyOptions", bound=Options)


def options_from(
    *classes: type[Options],
    exclude: Collection[str] = (),
    names: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    show_defaults: bool = True,
) -> Callable[[AnyFunction], AnyFunction]:
    """Decorate a click command's function with one flag a setting.

    Args:
        classes: option classes; no two of them may have a setting of the same name.
        exclude: names of fields that this verb does not offer.
        names: fields whose flag is called otherwise: {"stride": "step"} gives `--step`.
        defaults: other defaults than the classes' own, for this verb.
        show_defaults: whether help shows them; turn it off where a preset decides.
    Raises:
        TypeError: two settings share a flag, or a field's type has no form as text.
    """
    found = [setting for cls in classes for setting in settings(cls, exclude)]
    fields = [setting.name for setting in found]
    calls = {**{name: name.replace("_", "-") for name in fields}, **(names or {})}
    given = dict(defaults or {})
    unknown = sorted(({*given, *calls}) - set(fields))
    if unknown:
        raise TypeError(f"'{unknown[0]}' is renamed or given a default, but is no setting here.")
    flags = [calls[name] for name in fields]
    twice = sorted({flag for flag in flags if flags.count(flag) > 1})
    if twice:
        raise TypeError(f"two settings would share the flag --{twice[0]}; exclude one.")

    def decorate(function: AnyFunction) -> AnyFunction:
        if any(setting.extra("advanced") for setting in found):
            function = _help_all(function)
        # click shows options in the reverse order of decoration.
        for setting in reversed(found):
            default = given.get(setting.name, setting.default)
            function = _option(setting, calls[setting.name], default, show_defaults)(function)
        return function

    return decorate


def collect(
    cls: type[Options], flags: Mapping[str, Any], exclude: Collection[str] = ()
) -> dict[str, Any]:
    """Return the settings that the person really gave, nested as the class is.

    Defaults are left out, so that a preset or a saved run can lie underneath. To be called while
    the command runs: click's context says where each value came from.
    """
    context = click.get_current_context()
    said: dict[str, Any] = {}
    for setting in settings(cls, exclude):
        source = context.get_parameter_source(setting.name)
        if setting.name not in flags or source in (None, ParameterSource.DEFAULT):
            continue
        inner = said
        for part in setting.path[:-1]:
            inner = inner.setdefault(part, {})
        inner[setting.name] = flags[setting.name]
    return said


def build(
    cls: type[AnyOptions], flags: Mapping[str, Any], base: AnyOptions | None = None
) -> AnyOptions:
    """Return the options that the given flags make, over `base` or else the class's defaults.

    Raises: `ConfigError`, calling the setting by its flag.
    """
    below = _inner_defaults(cls) if base is None else base.model_dump()
    values = _merge(below, collect(cls, flags))
    try:
        return cls.parse(values)
    except ConfigError as error:
        params = click.get_current_context().command.params
        raise ConfigError(with_flag_names(str(error), error.field, params), error.field) from None


def _inner_defaults(cls: type[Options]) -> dict[str, Any]:
    """Return the nested classes' values that `cls` asks for: a flag changes one, not the rest."""
    return {
        name: field.default.model_dump()
        for name, field in cls.model_fields.items()
        if isinstance(field.default, Options)
    }


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            value = _merge(below, value)
        merged[name] = value
    return merged


def with_flag_names(sentence: str, field: str | None, params: Sequence[click.Parameter]) -> str:
    """Return a `ConfigError`'s sentence with settings called as the person calls them.

    The field at fault is renamed where the sentence starts with it or quotes it; other names only
    where an underscore shows that no English word is meant.
    """
    flags = {
        param.name: max(param.opts, key=len)
        for param in params
        if isinstance(param, click.Option) and param.name
    }
    if field:
        leaf = next((part for part in reversed(field.split(".")) if part in flags), "")
        if leaf:
            for written in (field, leaf):
                sentence = re.sub(rf"^{re.escape(written)}\b", flags[leaf], sentence)
                sentence = sentence.replace(f"'{written}'", flags[leaf])
    for name, flag in flags.items():
        if "_" in name:
            sentence = re.sub(rf"(?<![\w./-]){re.escape(name)}(?![\w/])", flag, sentence)
    return sentence


class List(click.ParamType[tuple[Any, ...]]):
    """Comma-separated values: "256,128" is (256, 128)."""

    def __init__(self, item: click.ParamType[Any]) -> None:
        self.item = item
        self.name = f"{item.name},..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Split text at commas and convert each part; a tuple passes as it is."""
        if isinstance(value, tuple | list):
            return tuple(value)
        parts = [part.strip() for part in str(value).split(",")]
        if parts == [""]:
            return ()
        return tuple(self.item.convert(part, param, ctx) for part in parts)


def _option(
    setting: Setting, call: str, default: Any, show_default: bool
) -> Callable[[AnyFunction], AnyFunction]:
    """Return click's decorator for one setting."""
    annotation = without_none(setting.field.annotation)
    short = setting.extra("short")
    flag = f"--{call}/--no-{call}" if annotation is bool else f"--{call}"
    attributes: dict[str, Any] = {
        "help": describe(setting, default, show_default=show_default),
        "hidden": bool(setting.extra("advanced")),
        "default": default,
        "show_default": False,
    }
    if annotation is not bool:
        attributes["type"] = _click_type(annotation, f"--{call}")
    if setting.field.is_required():
        attributes["required"] = True
        del attributes["default"]
    names = [f"-{short}", flag, setting.name] if short else [flag, setting.name]
    return click.option(*names, **attributes)


def _click_type(annotation: Any, flag: str) -> click.ParamType[Any]:
    """Return how text becomes a value of a field's type."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal and all(isinstance(choice, str) for choice in inner):
        return click.Choice(inner)
    if origin is tuple and (len(inner) == 1 or inner[1:] == (...,)):
        return List(_click_type(inner[0], flag))
    if hasattr(annotation, "__metadata__"):
        return _click_type(annotation.__origin__, flag)
    simple: dict[Any, click.ParamType[Any]] = {
        int: click.INT,
        float: click.FLOAT,
        str: click.STRING,
        Path: click.Path(path_type=Path),
    }
    if annotation in simple:
        return simple[annotation]
    raise TypeError(f"{flag} is a {annotation}, which has no form as text; exclude it.")


def _help_all(function: AnyFunction) -> AnyFunction:
    """Add the flag that prints the help with the advanced settings in it, once."""

    def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if not value or ctx.resilient_parsing:
            return
        for option in ctx.command.params:
            if isinstance(option, click.Option):
                option.hidden = False
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()

    existing = getattr(function, "__click_params__", [])
    if any(param.name == "help_all" for param in existing):
        return function
    return click.option(
        "--help-all",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show this message with every advanced setting, and exit.",
    )(function)
