"""A Sphinx extension that writes the reference pages from the code, before anything is read.

    reference/options.md   every option class: names, types, defaults, bounds, units, help
    reference/cli.md       every verb of the command line, as its own `--help` says it
    reference/api/*.md     every public module, through autodoc, one page a folder of the package

Nothing in these pages is typed by hand, so none of it can be out of date. The docstrings are plain
text, not reStructuredText: `plain_docstring` says how they are read.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
import types
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import click

import recurra
from recurra.cli.main import app as command_line
from recurra.cli.settings import as_text, bounds
from recurra.core.options import Options

if TYPE_CHECKING:
    from sphinx.application import Sphinx

NOTICE = "<!-- Written by docs/_ext/recurra_reference.py from the code. Do not edit. -->\n\n"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", plain_docstring)
    app.connect("autodoc-process-signature", short_signature)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write the pages into the documentation's source folder, where they changed."""
    folder = Path(app.srcdir) / "reference"
    (folder / "api").mkdir(parents=True, exist_ok=True)
    pages = {"options.md": options_page(), "cli.md": cli_page(), **api_pages()}
    for old in folder.rglob("*.md"):
        if old.relative_to(folder).as_posix() not in pages:
            old.unlink()  # of a module that is no more
    for name, text in pages.items():
        path = folder / name
        text = NOTICE + text
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def modules() -> Iterator[ModuleType]:
    """Import and yield every public module of the package, parents first.

    Modules of engines and subwords that need a package which is not here are left out.
    """
    yield recurra
    for found in pkgutil.walk_packages(recurra.__path__, "recurra."):
        if any(part.startswith("_") for part in found.name.split(".")):
            continue
        try:
            yield importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("recurra"):
                raise


def option_classes() -> list[type[Options]]:
    """Return every option class that a person can set, in the order of the modules."""
    found = [
        member
        for module in modules()
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, Options)
        and member is not Options
        and member.__module__ == module.__name__
        and not member.__name__.startswith("_")
    ]
    return list(dict.fromkeys(found))  # a class may have a second name in its module


def options_page() -> str:
    """Return the page of option classes."""
    parts = [
        "# Options\n\n"
        "Everything that can be set, by the class that declares it. On the command line a setting "
        "`top_p` is the flag `--top-p`; in Python it is a keyword argument; in a saved run or "
        "model it is a JSON key. `recurra VERB --help` shows which verb takes which.\n"
    ]
    for cls in option_classes():
        parts.append(f"(options-{cls.__name__.lower()})=\n## {cls.__name__}\n")
        parts.append(f"{markdown(inspect.getdoc(cls) or '')}\n\n`{cls.__module__}`\n")
        rows = [
            f"| `{name}` | {_cell(_type(field.annotation))} | {_cell(_default(field))} "
            f"| {_cell(bounds(field))} | {_cell(_extra(field, 'unit'))} "
            f"| {_cell(markdown(field.description or ''))} |"
            for name, field in cls.model_fields.items()
        ]
        if rows:
            parts.append("| Setting | Type | Default | Bounds | Unit | What it is |")
            parts[-1] += "\n|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    return "\n".join(parts)


def _type(annotation: Any) -> str:
    """Return a type in words: "whole number", "`adam` or `sgd`", "numbers, comma-separated"."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        words = [_type(part) for part in inner if part is not type(None)]
        return " or ".join([*words, "nothing"] if type(None) in inner else words)
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in inner)
    if origin is Annotated:
        return _type(inner[0])
    if origin is tuple:
        parts = [_type(part) for part in inner if part is not ...]
        return f"{parts[0]}s, comma-separated" if ... in inner else f"({', '.join(parts)})"
    if origin is not None:
        return f"`{annotation}`"
    if inspect.isclass(annotation) and issubclass(annotation, Options):
        return f"[{annotation.__name__}](#options-{annotation.__name__.lower()})"
    words = {bool: "yes or no", int: "whole number", float: "number", str: "text"}
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == "":
        return ""
    if isinstance(value, Options):
        return f"[{type(value).__name__}](#options-{type(value).__name__.lower()})"
    return f"`{as_text(value)}`"


def _extra(field: Any, key: str) -> str:
    declared = field.json_schema_extra
    return str(declared.get(key, "")) if isinstance(declared, dict) else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def markdown(text: str) -> str:
    """Return plain text with what Markdown would take for markup escaped, but `code` kept."""
    return re.sub(r"(`[^`]*`)|([*_<>\[\]$#])", lambda m: m[1] or "\\" + m[2], text)


def cli_page() -> str:
    """Return the page of verbs: each one's help as the terminal shows it, advanced flags too."""
    parts = ["# Command line\n", _help(command_line, ("recurra",))]
    for name in command_line.list_commands(click.Context(command_line)):
        parts += _verb_parts(command_line, ("recurra",), name, "##")
    return "\n".join(parts)


def _verb_parts(group: click.Group, words: tuple[str, ...], name: str, level: str) -> list[str]:
    command = group.get_command(click.Context(group), name)
    if command is None:
        raise LookupError(f"'{name}' is listed among the verbs, but there is no such command.")
    words = (*words, name)
    parts = [f"{level} {' '.join(words)}\n", _help(command, words)]
    if isinstance(command, click.Group):
        for inner in command.list_commands(click.Context(command)):
            parts += _verb_parts(command, words, inner, level + "#")
    return parts


def _help(command: click.Command, words: tuple[str, ...]) -> str:
    context = click.Context(
        command,
        info_name=" ".join(words),
        terminal_width=100,
        help_option_names=["-h", "--help"],
    )
    hidden = [p for p in command.params if isinstance(p, click.Option) and p.hidden]
    for option in hidden:
        option.hidden = False
    try:
        text = command.get_help(context)
    finally:
        for option in hidden:
            option.hidden = True
    return f"```text\n{text}\n```\n"


def api_pages() -> dict[str, str]:
    """Return the pages of public modules by file name: a list of folders, and a page for each."""
    members: dict[str, list[str]] = {}
    for module in modules():
        name = module.__name__
        folder = name.split(".")[1] if "." in name else "recurra"
        if folder in ("cli", "__main__", "version"):
            continue
        members.setdefault(folder, []).append(name)
    listed = "\n".join(f"api/{folder}" for folder in members)
    pages = {
        "api.md": "# Python library\n\nEvery public module, a page for each folder of the "
        "package.\n\n" + f"```{{toctree}}\n:maxdepth: 2\n\n{listed}\n```\n"
    }
    for folder, names in members.items():
        title = "recurra" if folder == "recurra" else f"recurra.{folder}"
        parts = [f"# {title}\n"]
        for name in names:
            heading = "" if name == title else f"## {name}\n\n"
            parts.append(
                f"{heading}```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n"
                "   :exclude-members: model_config\n```\n"
            )
        pages[f"api/{folder}.md"] = "\n".join(parts)
    return pages


def short_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Leave an option class's signature to the options page, which has it as a table."""
    if inspect.isclass(obj) and issubclass(obj, Options):
        return "(**settings)", ""
    return None


_SECTION = re.compile(r"(Args|Returns|Raises|Yields|Cost|Source|Example|Examples|Note):\s*(.*)")


def plain_docstring(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Rewrite a docstring from this project's plain style into reStructuredText, in place.

    Paragraphs stay paragraphs, `code` becomes code, a block indented under a blank line is shown as
    it stands (equations, tables, examples), and the compact sections ("Args:", "Returns: ...")
    become definition lists. Everything else that reStructuredText would read as markup is escaped,
    so that no docstring has to know that it will be.
    """
    result: list[str] = []
    section = False
    literal = False
    example = False  # within an unindented session of the interpreter, which a blank line ends
    for position, line in enumerate(lines):
        text = line.strip()
        indented = line.startswith((" ", "\t"))
        before = lines[position - 1].strip() if position else ""
        if not text:
            result.append("")
            example = False
            continue
        if text.startswith(">>>") and not indented and not before:
            section, literal, example = False, False, True
            result += ["", "::", ""]
        if example:
            result.append(f"   {line}")
            continue
        heading = None if indented else _SECTION.fullmatch(text)
        if heading:
            section, literal = True, False
            result += ["", f"**{heading[1]}**", f"   {_escaped(heading[2])}" if heading[2] else ""]
        elif not indented:
            if section or literal:
                result.append("")
            section = literal = False
            result.append(_escaped(text))
        elif section:
            result += _section_line(line, before)
        else:
            if not literal:
                result += ["", "::", ""]
                literal = True
            result.append(f"   {line}")
    lines[:] = [*result, ""]


def _section_line(line: str, before: str) -> list[str]:
    """Return a line within a section: an entry of its own ("name: ..."), or the one before's."""
    text = line.strip()
    entry = re.fullmatch(r"([\w*`.,\[\] ]{1,60}?):\s+(.*)", text)
    if entry and len(line) - len(line.lstrip()) <= 4:
        name = entry[1].replace("`", "")
        return ["", f"   ``{name}``: {_escaped(entry[2])}"]
    return [f"   {_escaped(text)}"]


def _escaped(text: str) -> str:
    """Return a line with `code` as reStructuredText has it, all else taken as it stands."""

    def one(match: re.Match[str]) -> str:
        if match[1]:
            return f"``{match[1]}``\\ "
        return "\\" + match[2]

    text = re.sub(r"`([^`]+)`|([*_|\\`])", one, text)
    text = re.sub(r"::$", ":", text)  # or it would announce a literal block
    # A line that starts like a list item or an option would become one.
    return re.sub(r"^(?=[-+•]|--|\d+[.)] |\.\. |>>>|:)", r"\\", text)
