"""From files of music to a model: everything put together, in one call or step by step."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recurra.datasets.shelves import found_again
from recurra.learning.events import Listener
from recurra.learning.training import Training, best_weights, pass_on_interrupt
from recurra.tasks.music.corpus import load_corpus
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.reading import Progress
from recurra.tasks.music.settings import Settings, gather
from recurra.tasks.music.task import MusicTask

Inputs = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


MusicTraining = Training[MusicTask, Settings]


def prepare(
    inputs: Inputs,
    values: Mapping[str, Any] | None = None,
    *,
    preset: str | None = None,
    progress: Progress | None = None,
) -> MusicTraining:
    """Read the music and build the network.

    Args:
        inputs: files, folders, patterns or names of public sets of music; one or several.
        values: settings by name, over those of the preset.
        preset: a name in `settings.PRESETS`; None is the default one.
        progress: called after every file with files done and in all.
    Raises:
        ConfigError: a setting cannot be, or nothing is left to train on.
        FormatError: no file could be read.
        ResourceError: the engine asked for is not here.
    """
    settings = gather(values or {}, preset)
    named = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    corpus = load_corpus(named, settings.music, progress=progress)
    task = MusicTask(corpus, settings, [os.fspath(one) for one in named])
    # Patterns and folders are kept as they were named; only where they are is made certain.
    return Training.of(task, settings, [found_again(os.fspath(one), "music") for one in named])


def train(
    inputs: Inputs,
    *,
    run: str | os.PathLike[str] | None = None,
    preset: str | None = None,
    listeners: Sequence[Listener] = (),
    **options: Any,
) -> MusicModel:
    """Learn music and return the model that did best on the pieces held out.

        model = train("tunes/", run="runs/tunes", seconds=600)
        save(compose(model).pieces[0].piece, "tune.mid")

    Args:
        inputs: as for `prepare`.
        run: folder in which everything is kept; without one it lives in memory alone.
        preset: tiny, small or medium: what is underneath the options.
        listeners: called with every event of the training.
        options: settings by name: vocabulary, transpose, sizes, seconds, steps, engine, seed ...
    Raises:
        ConfigError, FormatError, ResourceError: as `prepare`.
        NumericError: the loss stopped being finite.
        KeyboardInterrupt: Ctrl-C; what was learned is in the run folder, where there is one.
    """
    training = prepare(inputs, options, preset=preset)
    outcome = training.run_in(None if run is None else Path(run), listeners)
    pass_on_interrupt(outcome)
    if run is not None:
        return MusicModel.load(run)
    return MusicModel(best_weights(outcome), outcome.document, engine=training.settings.engine)
