"""`recurra.train` and `recurra.resume`: the task's own, with a progress bar for who looks on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurra.learning.events import Listener
    from recurra.tasks.text.model import Model
    from recurra.tasks.text.passages import Inputs
    from recurra.tasks.text.presets import Preset


def train(
    inputs: Inputs,
    *,
    run: str | os.PathLike[str] | None = None,
    preset: str | Preset | None = None,
    progress: bool | None = None,
    listeners: Sequence[Listener] = (),
    **options: Any,
) -> Model:
    """Learn a text and return the model that did best on its held-out part.

        model = recurra.train("poems.txt", run="runs/poems", seconds=60)
        print(model.generate("The ", length=500, temperature=0.7))

    Args:
        inputs: files, folders, patterns, "-" for standard input, names of public corpora
            (`recurra data list`), or `Document`s; one or several.
        run: folder in which everything is kept, so that the training can be resumed; without one
            it lives in memory alone.
        preset: tiny, small, medium or large: what is underneath the options.
        progress: whether a bar and samples are shown on standard error; left out, where that is a
            terminal or a notebook.
        listeners: called with every event of the training; `print` will do.
        options: settings by name: steps, epochs or seconds, sizes, batch_size, learning_rate,
            vocabulary, engine, seed and all others of the options reference.
    Raises:
        ConfigError: a setting cannot be, or the text is too short.
        FormatError: a file is missing or is not the text it claims to be.
        ResourceError: the disk is full, or the engine asked for is not here.
        NumericError: the loss stopped being finite.
        KeyboardInterrupt: Ctrl-C; what was learned is in the run folder, where there is one.
    """
    from recurra.tasks.text import training

    with _shown(progress) as bar:
        every = [*bar, *listeners]
        return training.train(inputs, run=run, preset=preset, listeners=every, **options)


def resume(
    run: str | os.PathLike[str],
    *,
    progress: bool | None = None,
    listeners: Sequence[Listener] = (),
    **changes: Any,
) -> Model:
    """Go on with a run where it stopped and return its best model.

    Args:
        run: the folder.
        progress, listeners: as for `train`.
        changes: settings to change, such as a larger budget: steps=20_000.
    Raises:
        FormatError: the folder is no run, or its text has changed.
        ConfigError: the run has finished and no larger budget is given.
    """
    from recurra.tasks.text import training

    with _shown(progress) as bar:
        return training.resume(run, listeners=[*bar, *listeners], **changes)


@contextmanager
def _shown(progress: bool | None) -> Iterator[list[Listener]]:
    """Yield the listener that shows a training, in a list, or an empty list."""
    if progress is None:
        progress = sys.stderr.isatty() or "ipykernel" in sys.modules
    if not progress:
        yield []
        return
    from recurra.cli.progress import ProgressListener

    with ProgressListener() as bar:
        yield [bar]
