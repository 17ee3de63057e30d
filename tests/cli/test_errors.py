"""One sentence and an exit code for what a person can put right; a traceback for a bug."""

import errno
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from recurra.cli.errors import guarded
from recurra.core.errors import ConfigError, FormatError


class Guarded(click.Group):
    def invoke(self, ctx):
        with guarded(ctx):
            return super().invoke(ctx)


def run(error: BaseException):
    @click.group(cls=Guarded)
    def app(): ...

    @app.command()
    @click.option("--top-p")
    @click.option("--step", "stride")
    def verb(**flags):
        raise error

    return CliRunner().invoke(app, ["verb"], prog_name="recurra")


def test_a_recurra_error_is_one_sentence_and_exit_code_2():
    result = run(FormatError("poems.txt is empty."))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "recurra: poems.txt is empty.\n"


@pytest.mark.parametrize(
    ("sentence", "field", "shown"),
    [
        ("top_p is 1.5, but should be less.", "top_p", "--top-p is 1.5, but should be less."),
        ("stride is 0, but should be more.", "windows.stride", "--step is 0, but should be more."),
        ("'stride' is no setting here.", "stride", "--step is no setting here."),
        ("a stride is a distance.", None, "a stride is a distance."),
        ("drop it or top_p.", None, "drop it or --top-p."),
        ("the file my_top_p.txt stays.", None, "the file my_top_p.txt stays."),
    ],
)
def test_settings_are_called_by_their_flags(sentence, field, shown):
    assert run(ConfigError(sentence, field)).stderr == f"recurra: {shown}\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full: 'runs/a' could not be written"),
        (errno.EROFS, "'runs/a' is on a read-only file system"),
        (errno.EACCES, "no permission for 'runs/a'"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence(code, words):
    result = run(OSError(code, "as the system says", "runs/a"))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"recurra: {words}")
    assert result.stderr.count("\n") == 1


def test_memory_that_ran_out_is_a_sentence():
    result = run(MemoryError())
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_ctrl_c_exits_130():
    assert run(KeyboardInterrupt()).exit_code == 130


def test_a_closed_pipe_is_quiet():
    result = run(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert (result.exit_code, result.output) == (141, "")


@pytest.mark.parametrize("bug", [ValueError("oops"), OSError(errno.EBADF, "bad"), KeyError("x")])
def test_a_bug_is_not_hidden(bug):
    assert run(bug).exception is bug


def test_a_usage_error_points_at_help_and_exits_2():
    seen = subprocess.run(
        [sys.executable, "-m", "recurra", "doctor", "--jsno"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert seen.returncode == 2
    assert "--json" in seen.stderr
    assert "Traceback" not in seen.stderr
