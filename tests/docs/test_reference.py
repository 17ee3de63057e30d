"""The reference pages have every verb, flag, class and setting, and survive any docstring."""

import importlib.util
import re
from itertools import chain
from pathlib import Path

import click
import pytest

from recurra.cli.main import _VERBS, app

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def reference():
    path = DOCS / "_ext" / "recurra_reference.py"
    spec = importlib.util.spec_from_file_location("recurra_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_option_class_and_setting_has_its_place(reference):
    page = reference.options_page()
    classes = reference.option_classes()
    assert {"SamplingOptions", "Cell", "Stack", "TrainOptions"} <= {c.__name__ for c in classes}
    for cls in classes:
        section = page.partition(f"\n## {cls.__name__}\n")[2].partition("\n## ")[0]
        for name in cls.model_fields:
            assert f"| `{name}` |" in section, f"{cls.__name__}.{name}"


def test_no_two_option_classes_share_a_name(reference):
    names = [cls.__name__ for cls in reference.option_classes()]
    assert sorted(names) == sorted(set(names))


def test_every_knob_says_what_it_is(reference):
    silent = [
        f"{cls.__name__}.{name}"
        for cls in reference.option_classes()
        if cls.__name__.endswith("Options")
        for name, field in cls.model_fields.items()
        if not field.description
    ]
    assert silent == []


@pytest.mark.parametrize("name", _VERBS)
def test_every_verb_and_flag_has_its_place(reference, name):
    page = reference.cli_page()
    section = page.partition(f"\n## recurra {name}\n")[2].partition("\n## ")[0]
    assert section
    command = app.get_command(click.Context(app), name)
    for param in command.params:
        if isinstance(param, click.Option):
            assert max(param.opts, key=len) in section


def test_a_page_leaves_the_commands_as_they_were(reference):
    command = app.get_command(click.Context(app), "doctor")
    option = click.Option(["--rare"], hidden=True, help="seldom needed")
    command.params.append(option)
    try:
        assert "--rare" in reference._help(command, ("recurra", "doctor"))
        assert option.hidden
    finally:
        command.params.remove(option)


def test_every_page_of_the_docs_is_in_the_contents():
    listed = set(re.findall(r"^([\w/-]+)$", (DOCS / "index.md").read_text(), re.MULTILINE))
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert pages <= listed


def test_every_dependency_is_explained():
    import tomllib

    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in wanted}
    told = (DOCS / "dependencies.md").read_text().lower().replace("pytorch", "torch")
    synonyms = {"myst-parser": "myst", "sphinx-copybutton": "sphinx"}
    assert [name for name in sorted(names) if synonyms.get(name, name) not in told] == []


DOCSTRINGS = [
    "Do a thing.",
    "Rows |a| * b_ and *args, `x[0]` and trailing_ underscores_.\n\n    i = s(W_i x + p_i * c')\n"
    "        deeper | than * that\n\nafter the block",
    "First.\n\nArgs:\n    x: (B, D) input, `float32`.\n    h_prev, c_prev: (B, H).\n"
    "        goes on here\nReturns:\n    h, c: *new* state.\nCost: 4*B*H.\nSource: Graves_ 2013.",
    "Returns: [B] tokens.\n\n- a list\n  that goes on\n- of two\n\n1. one\n2. two",
    "    indented from the start\nback\n  two\n\n.. looks like a directive\n:field: like",
    ">>> 1 + 1\n2\n\nTitle\n=====\n\n--flag is a flag\n\nends with colons::",
    "A `code` span`s and lone ` tick, `a`b, \\ backslash, ``double``, http://x_y_ <z>`_",
]


@pytest.mark.parametrize("text", DOCSTRINGS)
def test_any_docstring_is_read_without_complaint(reference, text):
    docutils = pytest.importorskip("docutils.core")
    lines = text.split("\n")
    reference.plain_docstring(None, "function", "f", None, None, lines)
    complaints = docutils.publish_doctree(
        "\n".join(lines), settings_overrides={"report_level": 1, "warning_stream": False}
    ).findall(lambda node: node.tagname == "system_message")
    assert [complaint.astext() for complaint in complaints] == []


def test_equations_are_shown_as_they_stand(reference):
    lines = ["Step.", "", "    c = f * c' + i * g"]
    reference.plain_docstring(None, "function", "f", None, None, lines)
    assert "   " + "    c = f * c' + i * g" in lines
    assert "::" in lines
