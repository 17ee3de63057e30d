"""The one tree of errors a person can meet, each one sentence: what was seen, what to do."""

from __future__ import annotations


class RecurraError(Exception):
    """Something a person can put right. The command line prints it and exits with code 2."""


class ConfigError(RecurraError):
    """A setting has a value that it cannot have. `field` names the setting, where there is one."""

    def __init__(self, sentence: str, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


class FormatError(RecurraError):
    """Bytes from outside are not what they claim to be, or cannot be read."""


class ShapeError(RecurraError):
    """Arrays do not fit each other or the network: the caller's mistake."""


class NumericError(RecurraError):
    """A loss or a gradient stopped being finite. The last good checkpoint stands."""


class ResourceError(RecurraError):
    """Memory, disk space, time or an optional package ran out or is missing."""
