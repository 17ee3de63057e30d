"""Models of number sequences: what comes next."""

from __future__ import annotations

from fastapi import APIRouter

from recurra.studio.models import Loaded
from recurra.studio.routes.common import Id, WithStudio, problems
from recurra.studio.schema_series import AskAnswer, AskRequest, NumberAnswer

router = APIRouter(prefix="/api/models", tags=["numbers"], responses=problems(400, 404, 409))


@router.post("/{id}/ask", responses=problems(422))
async def ask(studio: WithStudio, id: Id, request: AskRequest) -> AskAnswer:
    """Say what may come after some numbers, how sure that is, and which of them decided it."""
    loaded = await studio.slow.run(studio.models.load, id, "numbers")
    return await studio.quick.run(_ask, loaded, request)


def _ask(loaded: Loaded, request: AskRequest) -> AskAnswer:
    model = loaded.model
    with loaded.lock:
        found = model.ask(request.numbers, count=request.count)
        more = model.continue_(request.numbers, request.terms) if request.terms > 1 else []
    return AskAnswer(
        answers=[NumberAnswer(number=a.number, probability=a.probability) for a in found.answers],
        weights=list(found.weights),
        notes=list(found.notes),
        terms=[NumberAnswer(number=a.number, probability=a.probability) for a in more],
        below=model.options.most,
    )
