"""From series to a model: everything put together, step by step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recurra.core.errors import FormatError
from recurra.datasets.catalogue import PREFIX
from recurra.datasets.shelves import found_again
from recurra.formats import documents
from recurra.formats.model_file import save_model
from recurra.learning import loop
from recurra.learning.run_folder import BEST, RUN
from recurra.learning.training import Training, best_weights, pass_on_interrupt
from recurra.tasks.series.model import SeriesModel
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.read import Source, read_panel
from recurra.tasks.series.settings import Settings, gather
from recurra.tasks.series.task import SeriesTask

SeriesTraining = Training[SeriesTask, Settings]


def finished(
    training: SeriesTraining, outcome: loop.Outcome, run: Path | None = None
) -> SeriesModel:
    """Return the model of a training that has ended, calibrated where that is wanted.

    Raises: `KeyboardInterrupt` where a person stopped it.
    """
    pass_on_interrupt(outcome)
    settings = training.settings
    if run is not None:
        model = SeriesModel.load(run)
        model.engine = settings.engine
    else:
        model = SeriesModel(best_weights(outcome), outcome.document, engine=settings.engine)
    if settings.series.conformal:
        model.calibrate(training.task.panel, training.task.held_out)
        if run is not None:
            save_model(run / BEST, model.weights, model.document)
    return model


def prepare(panel: Panel, settings: Settings, name: str = "series") -> SeriesTraining:
    """Build the network for series in memory. Raises what `SeriesTask` and `select` raise."""
    return Training.of(SeriesTask(panel, settings, [name]), settings)


def prepare_file(source: Source, values: Mapping[str, Any] | None = None) -> SeriesTraining:
    """Read series from a file, or a public set by its name, and build the network.

    Raises:
        ConfigError: a setting cannot be, or the series are too short.
        FormatError: the file is missing or no table of series.
        ResourceError: the engine asked for is not here, or the set cannot be brought here.
    """
    settings = gather(values or {})
    read = read_panel(source, settings.columns)
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else source.name
    task = SeriesTask(
        read.panel, settings, [Path(name).name], {"sha256": read.sha256, "layout": read.layout}
    )
    where = [found_again(name, "series")] if isinstance(source, str | os.PathLike) else []
    return Training.of(task, settings, where)


def restore(run: Mapping[str, Any]) -> SeriesTask:
    """Return the task of a run as it was, from what `run.json` holds.

    Raises: `FormatError` where its data are gone or have changed.
    """
    inputs = run.get("inputs") or []
    if not inputs:
        raise FormatError(
            "this run learned series from memory, which cannot be read again; train anew from a "
            "file."
        )
    options = run["task"].get("options")
    if not isinstance(options, Mapping):
        raise FormatError("run.json lacks the object 'task.options'.")
    settings = Settings.from_json(options)
    read = read_panel(inputs[0], settings.columns)
    provenance = run.get("provenance") or {}
    if read.sha256 != provenance.get("sha256"):
        raise FormatError(
            f"the data of this run have changed since it began ({inputs[0]}); bring the old file "
            "back, or train anew."
        )
    return SeriesTask(
        read.panel, settings, provenance.get("inputs") or [],
        {"sha256": read.sha256, "layout": read.layout},
    )  # fmt: skip


def data_of(model: SeriesModel) -> Panel:
    """Return the series that a model learned from, where it is still beside its run.

    Raises: `FormatError` where they are gone.
    """
    inputs: list[str] = []
    if model.path is not None and (model.path.parent / RUN).is_file():
        where = model.path.parent / RUN
        inputs = documents.parse(where.read_bytes(), str(where)).get("inputs") or []
    if not inputs or not (inputs[0].startswith(PREFIX) or Path(inputs[0]).exists()):
        raise FormatError(
            "the series that this model learned from are not where they were; name a file with "
            "their histories (--data)."
        )
    return read_panel(inputs[0], model.settings.columns).panel
