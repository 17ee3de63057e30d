"""What the pages show can be done: commands have these flags, code runs, links lead somewhere."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from recurra.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = re.compile(r"^(?:\$ )?(?:.*\| )?(recurra [a-z].*)$", re.M)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fences(page, *kinds):
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [body for kind, body in found if kind in kinds]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_has_its_verb_and_flags(page):
    # What is shown to go wrong does.
    wrong = ("--learning-rat ", "recurra VERB")
    for body in fences(page, "console", "sh"):
        for command in SHOWN.findall(body):
            words = shlex.split(command.partition(" | ")[0], comments=True)
            if any(part in command for part in wrong):
                continue
            context, known = click.Context(app), app
            arguments = words[1:]
            while isinstance(known, click.Group):
                name = arguments.pop(0)
                known = known.get_command(context, name)
                assert known is not None, command
            known.make_context(known.name, arguments, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page):
    generated = ("reference/",)
    for link in LINK.findall(page.read_text("utf-8")):
        assert link.startswith(generated) or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_line_of_python_is_python(page):
    for body in fences(page, "python"):
        compile(body, page.name, "exec")


def test_the_code_of_the_front_page_works_as_pasted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("recurra.learning.curves.missing", lambda: "no pictures in this test")
    (code,) = fences(ROOT / "README.md", "python")
    assert "seconds=60" in code
    quick = code.replace("seconds=60", 'steps=3, preset="tiny", engine="reference"')
    exec(compile(quick, "README.md", "exec"), {})  # noqa: S102
    assert (tmp_path / "runs" / "reference" / "best.safetensors").is_file()
    text, bits = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert len(text) == 500
    assert 3 < float(bits) < 9


class TestRerun:
    PAGE = (
        "Intro\n\n<!-- {note} -->\n```console\n$ echo one\nold\n$ echo two; \\\n  seq 30\n```\n"
        "\nEnd\n"
    )

    def test_outputs_are_made_anew_and_shortened(self, tmp_path):
        rerun = tool("rerun").rerun
        page = rerun(self.PAGE.format(note="lines: 6"), tmp_path)
        assert (
            "$ echo one\none\n$ echo two; \\\n  seq 30\ntwo\n1\n2\n...\n29\n30\n```\n\nEnd" in page
        )
        assert "old" not in page

    def test_what_is_not_to_be_run_stays(self, tmp_path):
        page = self.PAGE.format(note="not run")
        assert tool("rerun").rerun(page, tmp_path) == page

    def test_files_are_saved_for_later_commands(self, tmp_path):
        page = "<!-- file: a.txt -->\n```python\nhello\n```\n\n```console\n$ cat a.txt\n```\n"
        assert "$ cat a.txt\nhello\n" in tool("rerun").rerun(page, tmp_path)

    def test_a_misspelt_note_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="linse"):
            tool("rerun").rerun(self.PAGE.format(note="linse: 3"), tmp_path)


class TestTables:
    PAGE = 'Before\n<!-- table: text.json "Training" -->\nold\n<!-- /table -->\nAfter\n'

    def row(self, name, *values, unit="characters/s", contaminated=False):
        ordered = sorted(values)
        return {
            "name": name, "unit": unit, "values": list(values), "error": "",
            "median": ordered[len(ordered) // 2] if values else None,
            "foreign_cores": [0.0] * len(values), "contaminated": contaminated,
        }  # fmt: skip

    def written(self, tmp_path, **sections):
        machine = {"processor": "A chip", "cores": 2, "versions": {"numpy": "2.4"}, "date": "today"}
        path = tmp_path / "text.json"
        path.write_text(json.dumps({"machine": machine, "sections": sections}))
        return tool("tables").fill(self.PAGE, tmp_path)[0]

    def test_medians_ranges_and_ratios_come_from_the_file(self, tmp_path):
        page = self.written(
            tmp_path,
            Training=[self.row("Recurra", 90_000, 120_000, 100_000), self.row("plain", 50_000)],
            Generation=[self.row("Recurra", 1), self.row("plain", 1)],
        )
        assert "| Recurra | **100,000** | 90,000 to 120,000 | 2.00 |" in page
        assert "times plain" in page
        assert "A chip, 2 cores, numpy 2.4; today." in page
        assert "old" not in page
        assert "Generation" not in page

    def test_less_time_is_a_higher_ratio_and_losses_have_none(self, tmp_path):
        rows = [self.row(n, v, unit="seconds to it") for n, v in (("Recurra", 1.0), ("plain", 3.0))]
        assert "| Recurra | **1.000** |  | 3.00 |" in self.written(tmp_path, Training=rows)
        rows = [self.row(n, v, unit="nats per x") for n, v in (("Recurra", 1.4), ("plain", 1.5))]
        assert "times" not in self.written(tmp_path, Training=rows)

    def test_a_busy_machine_and_a_peer_that_failed_are_told(self, tmp_path):
        page = self.written(
            tmp_path, Training=[self.row("Recurra", 5.0, contaminated=True), self.row("plain")]
        )
        assert "others were busy" in page
        assert "| plain | did not run |" in page

    def test_without_the_file_the_page_stays(self, tmp_path):
        assert tool("tables").fill(self.PAGE, tmp_path) == (self.PAGE, ["text.json"])

    def test_filling_twice_changes_nothing(self, tmp_path):
        once = self.written(tmp_path, Training=[self.row("Recurra", 1.0)])
        assert tool("tables").fill(once, tmp_path) == (once, [])

    def test_every_table_of_the_pages_has_its_marks(self):
        tables = tool("tables")
        for page in tables.PAGES:
            text = (ROOT / page).read_text("utf-8")
            assert text.count("<!-- table:") == len(tables.PLACE.findall(text)) > 0
