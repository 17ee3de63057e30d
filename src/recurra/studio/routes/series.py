"""Models that forecast: one series' fan, all series' measures, and what the memory cells held."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from recurra.studio import forecasting, streams
from recurra.studio.models import Loaded
from recurra.studio.routes.common import LINES, Id, WithStudio, problems
from recurra.studio.schema_series import (
    DataRequest,
    EvaluateRequest,
    ForecastAnswer,
    ForecastRequest,
    MemoryAnswer,
    MemoryRequest,
    SeriesFacts,
)
from recurra.studio.studio import Studio
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.read import read_panel

router = APIRouter(prefix="/api/models", tags=["series"], responses=problems(400, 404, 409, 422))


@router.post("/{id}/series")
async def series(studio: WithStudio, id: Id, request: DataRequest) -> SeriesFacts:
    """Return which series the data hold, and how far ahead the model looks."""
    loaded = await studio.slow.run(studio.models.load, id, "series")

    def work() -> SeriesFacts:
        return forecasting.facts(loaded, _panel(studio, id, loaded, request.data))

    return await studio.slow.run(work)


@router.post("/{id}/forecast")
async def forecast(studio: WithStudio, id: Id, request: ForecastRequest) -> ForecastAnswer:
    """Forecast one series: its held-out end beside what came, or what comes after its end."""
    loaded = await studio.slow.run(studio.models.load, id, "series")

    def work() -> ForecastAnswer:
        return forecasting.forecast(loaded, _panel(studio, id, loaded, request.data), request)

    return await studio.slow.run(work)


@router.post("/{id}/evaluate", response_class=Response, responses={200: {"content": LINES}})
async def evaluate(studio: WithStudio, id: Id, request: EvaluateRequest) -> Response:
    """Measure forecasts of all held-out ends beside the seasonal-naive ones: progress, then it."""
    loaded = await studio.slow.run(studio.models.load, id, "series")

    def work(told: Any) -> Any:
        panel = _panel(studio, id, loaded, request.data)
        return forecasting.evaluate(loaded, panel, request.horizon, told)

    return streams.Stream(studio.slow.told(work), streams.NDJSON)


@router.post("/{id}/memory")
async def memory(studio: WithStudio, id: Id, request: MemoryRequest) -> MemoryAnswer:
    """Return what every memory cell held while a series was read."""
    loaded = await studio.slow.run(studio.models.load, id, "series")

    def work() -> MemoryAnswer:
        panel = _panel(studio, id, loaded, request.data)
        return forecasting.memory(loaded, panel, request.series)

    return await studio.slow.run(work)


def _panel(studio: Studio, id: str, loaded: Loaded, data: str | None) -> Panel:
    path = studio.learned_from(id, "series", data)
    columns = loaded.model.settings.columns
    key = ("panel", str(path), path.stat().st_mtime_ns, columns.model_dump_json())

    def load() -> tuple[Panel, int]:
        panel = read_panel(path, columns).panel
        return panel, 32 * panel.values

    return studio.data.cache.get(key, load)
