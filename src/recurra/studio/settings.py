"""What a person can set about the studio's server."""

from __future__ import annotations

from recurra.core.options import Options, knob


class StudioOptions(Options):
    """How much the server takes in, and how much it does at once."""

    upload_limit: int = knob(
        1_000_000_000, "largest file that can be brought", low=1, unit="bytes", advanced=True
    )
    trainings: int = knob(
        4, "most trainings that run at the same time", low=1, high=64, advanced=True
    )
    workers: int = knob(
        2, "texts and models that are worked on at the same time", low=1, high=64, advanced=True
    )
    memory: int = knob(
        1_000_000_000, "what loaded models and texts may take before the oldest are let go",
        low=0, unit="bytes", advanced=True,
    )  # fmt: skip
