"""A group of verbs that are imported when they are used, and only listed until then."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb lives and what the list of verbs says of it."""

    address: str
    """`module:attribute` of a click command."""
    help: str
    """One line, with a full stop."""

    def load(self) -> click.Command:
        """Import the verb's module and return its command."""
        module, _, attribute = self.address.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.address} is a {type(command).__name__}, not a click command.")
        return command


class LazyGroup(click.Group):
    """A click group over a table of `Verb`s. Listing them imports nothing."""

    def __init__(self, *args: Any, verbs: Mapping[str, Verb], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.verbs = dict(verbs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the table, which is the order a newcomer needs them."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a verb; None where there is none of that name."""
        if cmd_name not in self.verbs:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = self.verbs[cmd_name].load()
        return self.commands[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one is refused with the nearest known ones."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            # click offers only what has been imported already, which here is nothing.
            raise click.NoSuchCommand(
                error.command_name, possibilities=self.verbs, ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs from the table."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.help) for name, verb in self.verbs.items()])
