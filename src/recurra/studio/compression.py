"""Files packed with gzip for browsers that take it: each once, and then kept in memory.

Only the site's own files, which are the same for everybody and hold no secret. Answers of the API
are never packed: their lengths could tell what is in them, and streams would arrive in lumps.
"""

from __future__ import annotations

import gzip
from os import stat_result
from pathlib import Path

from starlette.responses import Response

from recurra.studio.cache import Cache

TYPES = (
    "text/", "application/javascript", "application/json", "application/manifest+json",
    "application/wasm", "image/svg+xml",
)  # fmt: skip
SMALLEST, LARGEST = 1024, 16 << 20
"""Smaller files do not gain, and larger ones are sent as they lie."""
KEPT = 32 << 20


class Packed:
    """The packed forms of files, made when they are first asked for."""

    def __init__(self) -> None:
        self._cache = Cache(KEPT)

    def content(self, file: Path, facts: stat_result) -> bytes | None:
        """Return a file packed, or None where that makes it no smaller. Takes a while once.

        Raises: `OSError` where the file cannot be read.
        """

        def pack() -> tuple[bytes | None, int]:
            content = gzip.compress(file.read_bytes(), 9, mtime=0)
            return (content, len(content)) if len(content) < facts.st_size else (None, 0)

        return self._cache.get((str(file), facts.st_size, facts.st_mtime_ns), pack)


def is_worth_it(response: Response, facts: stat_result) -> bool:
    """Whether a file is of a kind that becomes smaller."""
    kind = response.headers.get("content-type", "")
    return kind.startswith(TYPES) and SMALLEST <= facts.st_size <= LARGEST


def takes_gzip(accepted: str) -> bool:
    """Return what an `Accept-Encoding` header says of gzip (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for one in accepted.lower().split(","):
        name, _, parameters = one.partition(";")
        key, _, value = parameters.strip().partition("=")
        try:
            weights[name.strip()] = float(value) if key.strip() == "q" else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0.0
