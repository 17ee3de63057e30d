"""From a text to a model: everything put together, in one call or step by step."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recurra.learning import loop
from recurra.learning.events import Listener
from recurra.learning.resume import resume as resume_run
from recurra.learning.training import Training, best_weights, pass_on_interrupt
from recurra.tasks.text.corpus import load_corpus
from recurra.tasks.text.passages import Inputs, named_inputs, recorded_inputs
from recurra.tasks.text.presets import Preset
from recurra.tasks.text.settings import Settings, find_preset, gather
from recurra.tasks.text.task import TextTask

if TYPE_CHECKING:
    from recurra.tasks.text.model import Model

ReadProgress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all, and what is being done."""


TextTraining = Training[TextTask, Settings]


def prepare(
    inputs: Inputs,
    values: Mapping[str, Any] | None = None,
    *,
    preset: str | Preset | None = None,
    progress: ReadProgress | None = None,
) -> TextTraining:
    """Read the text and build the network.

    Args:
        inputs: files, folders, patterns, "-" for standard input, names of public corpora, or
            `Document`s; one or several.
        values: settings by name, over those of the preset.
        preset: a name in `presets.PRESETS`; None is the default one.
        progress: called while a long text is read.
    Raises:
        ConfigError: a setting cannot be, or the text is too short.
        FormatError: a file is missing or is not the text it claims to be.
        ResourceError: the engine asked for is not here.
    """
    settings = gather(values or {}, preset)
    corpus = load_corpus(inputs, settings.text, progress=progress)
    chosen = find_preset(preset)
    if "dropout" not in (values or {}) and "dropout" not in chosen.values:
        tokens = len(corpus.split("train").tokens)
        suits = chosen.dropout(tokens, chosen.share(settings, tokens))
        settings = replace(settings, stack=settings.stack.replace(dropout=suits))
    task = TextTask(corpus, settings, named_inputs(inputs))
    return Training.of(task, settings, recorded_inputs(inputs))


def train(
    inputs: Inputs,
    *,
    run: str | os.PathLike[str] | None = None,
    preset: str | Preset | None = None,
    listeners: Sequence[Listener] = (),
    **options: Any,
) -> Model:
    """Learn a text and return the model that did best on its held-out part.

        model = recurra.train("poems.txt", run="runs/poems", seconds=60)
        print(model.generate("The ", length=500, temperature=0.7))

    Args:
        inputs: as for `prepare`.
        run: folder in which everything is kept, so that the training can be resumed; without one
            it lives in memory alone.
        preset: tiny, small, medium or large: what is underneath the options.
        listeners: called with every event of the training; `print` will do.
        options: settings by name, of any option class of the task: steps, epochs or seconds,
            sizes, batch_size, learning_rate, vocabulary, engine, seed and so on.
    Raises:
        ConfigError, FormatError, ResourceError: as `prepare`.
        NumericError: the loss stopped being finite.
        KeyboardInterrupt: Ctrl-C; what was learned is in the run folder, where there is one.
    """
    training = prepare(inputs, options, preset=preset)
    where = None if run is None else Path(run)
    return finished(training.run_in(where, listeners), where, training.settings)


def resume(
    run: str | os.PathLike[str], *, listeners: Sequence[Listener] = (), **changes: Any
) -> Model:
    """Go on with a run where it stopped and return its best model.

    Args:
        run: the folder.
        changes: settings to change, such as a larger budget: steps=20_000.
    Raises:
        FormatError: the folder is no run, or its text has changed.
        ConfigError: the run has finished and no larger budget is given.
    """
    outcome = resume_run(Path(run), changes=changes, listeners=listeners)
    return finished(outcome, Path(run), None)


def finished(outcome: loop.Outcome, run: Path | None, settings: Settings | None) -> Model:
    """Return the model of a training that has ended.

    Raises `KeyboardInterrupt` where a person stopped it.
    """
    # Not before it is needed: a training starts sooner.
    from recurra.tasks.text.model import Model

    pass_on_interrupt(outcome)
    if run is not None:
        return Model.load(run)
    return Model(
        best_weights(outcome), outcome.document, engine=settings.engine if settings else None
    )


def run_name(inputs: Inputs) -> str:
    """Return the name under which a run of these inputs goes: the first one's, without suffix."""
    name = next(iter(named_inputs(inputs)), "text")
    if name == "-":
        return "stdin"
    stem = Path(name).name
    for suffix in (".gz", ".xz", ".txt"):
        stem = stem.removesuffix(suffix)
    return stem or "text"
