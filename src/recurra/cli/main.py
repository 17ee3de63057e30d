"""The `recurra` command: which verbs there are and where each lives.

Nothing heavy is imported here, so that help answers at once: a verb's module is imported when the
verb is run or its own help is asked for.
"""

from __future__ import annotations

import sys
import warnings

import click

from recurra.cli.errors import guarded
from recurra.cli.verbs import LazyGroup, Verb
from recurra.version import VERSION

_VERBS = {
    "studio": Verb("recurra.cli.studio:studio", "Open the web app: train, write, look inside."),
    "train": Verb("recurra.cli.train:train", "Learn a text; writes a run folder with the model."),
    "resume": Verb("recurra.cli.runs:resume", "Go on with a run that was stopped."),
    "runs": Verb("recurra.cli.runs:runs", "List runs, with their curves."),
    "generate": Verb("recurra.cli.generate:generate", "Write text with a model."),
    "complete": Verb("recurra.cli.generate:complete", "Write together with a model, by turns."),
    "score": Verb("recurra.cli.score:score", "Measure how well a model predicts a text."),
    "inside": Verb("recurra.cli.inside:inside", "Look at what the units of a model do."),
    "music": Verb("recurra.cli.music:music", "Learn music, compose, and measure."),
    "forecast": Verb("recurra.cli.forecast:forecast", "Forecast series of numbers."),
    "sequences": Verb("recurra.cli.sequences:sequences", "Learn number sequences; what is next?"),
    "classify": Verb("recurra.cli.classify:classify", "Tell which class a series belongs to."),
    "compress": Verb("recurra.cli.compress:compress", "Compress a file with a model."),
    "decompress": Verb("recurra.cli.compress:decompress", "Bring back a compressed file."),
    "inspect": Verb("recurra.cli.inspect:inspect", "Print what a model file holds."),
    "data": Verb("recurra.cli.data:data", "List, describe and fetch public corpora."),
    "doctor": Verb("recurra.cli.doctor:doctor", "Say what is installed and what runs here."),
}


class _Recurra(LazyGroup):
    """The root command, whose errors are sentences."""

    def invoke(self, ctx: click.Context) -> object:
        with guarded(ctx):
            return super().invoke(ctx)


@click.group(
    cls=_Recurra,
    verbs=_VERBS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`recurra VERB --help` says more about each. Every setting: the options reference of "
    "the documentation.",
)
@click.version_option(VERSION, prog_name="recurra", message="%(prog)s %(version)s")
def app() -> None:
    """Train LSTMs on sequences, generate from them, and look inside.

    \b
    Example:
      recurra train python-reference --run runs/first --seconds 60
      recurra generate runs/first --length 500
    """


def _sentence(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """Return what is printed of a warning: our own are sentences for whoever runs the command."""
    if category is UserWarning:
        return f"note        {message}\n"
    return _FORMAT(message, category, filename, lineno, line)


_FORMAT = warnings.formatwarning


def main() -> None:
    """Run the command line; the console script's entry point. Never returns."""
    # Text that the terminal's encoding lacks is shown as escapes, not as a crash half-way.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    warnings.formatwarning = _sentence
    app(prog_name="recurra")
