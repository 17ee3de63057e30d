"""Classifiers: which class each series is of, how often that is right, and what decided it."""

from __future__ import annotations

from fastapi import APIRouter

from recurra.formats.labelled import Labelled, read_labelled
from recurra.studio import classifying
from recurra.studio.models import Loaded
from recurra.studio.routes.common import Id, WithStudio, problems
from recurra.studio.schema_series import ClassAnswer, DataRequest, RowRequest, SeriesSaliency
from recurra.studio.studio import Studio

router = APIRouter(prefix="/api/models", tags=["labels"], responses=problems(400, 404, 409, 422))


@router.post("/{id}/classify")
async def classify(studio: WithStudio, id: Id, request: DataRequest) -> ClassAnswer:
    """Classify every series of some data, and measure where their classes are known."""
    loaded = await studio.slow.run(studio.models.load, id, "labels")

    def work() -> ClassAnswer:
        return classifying.classify(loaded, _data(studio, id, loaded, request.data))

    return await studio.slow.run(work)


@router.post("/{id}/moments")
async def moments(studio: WithStudio, id: Id, request: RowRequest) -> SeriesSaliency:
    """Return one series, and how much each of its moments moved the class that was said."""
    loaded = await studio.slow.run(studio.models.load, id, "labels")

    def work() -> SeriesSaliency:
        data = _data(studio, id, loaded, request.data)
        return classifying.saliency(loaded, data, request.row)

    return await studio.slow.run(work)


def _data(studio: Studio, id: str, loaded: Loaded, data: str | None) -> Labelled:
    path = studio.learned_from(id, "labels", data)
    how = loaded.model.settings.labels
    key = ("labelled", str(path), path.stat().st_mtime_ns, how.label, how.channels)

    def load() -> tuple[Labelled, int]:
        read = read_labelled(path, how.label, how.channels)
        return read, sum(one.nbytes for one in read.series)

    return studio.data.cache.get(key, load)
