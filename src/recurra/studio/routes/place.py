"""What this place is: health, facts, settings, presets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from recurra.studio import facts
from recurra.studio.kinds import registry
from recurra.studio.routes.common import WithStudio, problems
from recurra.studio.schema import Health, OptionGroup, PlaceFacts, Preset
from recurra.version import VERSION

router = APIRouter(prefix="/api", tags=["place"], responses=problems())

KindName = Annotated[str, Query(max_length=40, description=", ".join(registry.KINDS))]


@router.get("/health")
async def health() -> Health:
    """Answer, whatever is computed meanwhile."""
    return Health(version=VERSION)


@router.get("/facts")
async def place_facts(studio: WithStudio) -> PlaceFacts:
    """Return version, engine, limits and storage."""
    return await studio.files.run(facts.place_facts, studio)


@router.get("/options", responses=problems(422))
async def options(studio: WithStudio, kind: KindName = "text") -> list[OptionGroup]:
    """Return every setting that a person can make, as groups with a JSON schema each."""
    return await studio.files.run(facts.option_groups, kind)


@router.get("/presets", responses=problems(422))
async def presets(studio: WithStudio, kind: KindName = "text") -> list[Preset]:
    """Return the named sets of settings."""
    return await studio.files.run(facts.presets, kind)
