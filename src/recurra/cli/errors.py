"""What the command line does when something goes wrong: one sentence, an exit code, no noise.

    2    the person can put it right: a `RecurraError`, a full disk, a wrong flag
    130  Ctrl-C
    141  whoever read our output closed it, as `recurra ... | head` does

Anything else is a bug and shows its traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from recurra.core.errors import ConfigError, RecurraError

EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141


class Refusal(click.ClickException):
    """A sentence for the person at the terminal."""

    exit_code = EXIT_REFUSED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence to standard error."""
        click.echo(f"recurra: {self.format_message()}", file=file or sys.stderr)


@contextmanager
def guarded(ctx: click.Context) -> Iterator[None]:
    """Turn what a verb raises into a `Refusal` or an exit code; `ctx` is the root's context."""
    try:
        yield
        sys.stdout.flush()
    except RecurraError as error:
        raise Refusal(_sentence(ctx, error)) from error
    except BrokenPipeError:
        _abandon_stdout()
        raise click.exceptions.Exit(EXIT_PIPE_CLOSED) from None
    except KeyboardInterrupt:
        click.echo("recurra: interrupted.", err=True)
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    except MemoryError as error:
        raise Refusal(
            "memory ran out; a smaller network, batch or window (--preset small) needs less."
        ) from error
    except OSError as error:
        sentence = _about_files(error)
        if sentence is None:
            raise
        raise Refusal(sentence) from error


def _sentence(ctx: click.Context, error: RecurraError) -> str:
    """Return the error's sentence, with settings called by their flags."""
    sentence = str(error) or type(error).__name__
    if not isinstance(error, ConfigError) or not isinstance(ctx.command, click.Group):
        return sentence
    command = ctx.command.get_command(ctx, ctx.invoked_subcommand or "")
    if command is None:
        return sentence
    from recurra.cli.flags import with_flag_names

    return with_flag_names(sentence, error.field, command.params)


def _about_files(error: OSError) -> str | None:
    """Return a sentence for what a person can put right about a file, None for anything else."""
    what = f"'{error.filename}'" if error.filename else "a file"
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk is full: {what} could not be written. Free some space and try again."
        case errno.EROFS:
            return f"{what} is on a read-only file system; name a folder that can be written."
        case errno.EACCES | errno.EPERM:
            return f"no permission for {what}; change its permissions or name another."
        case errno.ENAMETOOLONG:
            return f"the name {what[:60]}... is longer than this file system allows."
        case _:
            return None


def _abandon_stdout() -> None:
    """Point standard output at nothing, so that the interpreter's last flush does not complain."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)
