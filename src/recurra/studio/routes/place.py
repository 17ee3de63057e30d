"""What this place is: health, facts, settings, presets."""

from __future__ import annotations

from fastapi import APIRouter

from recurra.studio import facts
from recurra.studio.routes.common import WithStudio, problems
from recurra.studio.schema import Health, OptionGroup, PlaceFacts, Preset
from recurra.version import VERSION

router = APIRouter(prefix="/api", tags=["place"], responses=problems())


@router.get("/health")
async def health() -> Health:
    """Answer, whatever is computed meanwhile."""
    return Health(version=VERSION)


@router.get("/facts")
async def place_facts(studio: WithStudio) -> PlaceFacts:
    """Return version, engine, limits and storage."""
    return await studio.files.run(facts.place_facts, studio)


@router.get("/options")
async def options(studio: WithStudio) -> list[OptionGroup]:
    """Return every setting that a person can make, as groups with a JSON schema each."""
    return await studio.files.run(facts.option_groups)


@router.get("/presets")
async def presets(studio: WithStudio) -> list[Preset]:
    """Return the named sets of settings."""
    return await studio.files.run(facts.presets)
