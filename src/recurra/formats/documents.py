"""JSON documents as every reader takes them: finite numbers, well-formed UTF-8, one object."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from recurra.core.errors import FormatError


def dump(value: Any, *, indent: int | None = None) -> bytes:
    """Return JSON in UTF-8; a number that is not finite becomes null."""
    data = plain(value)
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=indent).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, as in a file name of unknown encoding, has no UTF-8; it is escaped.
        return json.dumps(data, allow_nan=False, indent=indent).encode()


def parse(text: str | bytes, where: str) -> dict[str, Any]:
    """Return the JSON object in `text`; raise `FormatError` that starts with `where` otherwise."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where} is not JSON: {str(error)[:160]}.") from None
    if not isinstance(document, dict):
        raise FormatError(f"{where} is a {type(document).__name__}, but has to be an object.")
    return document


def plain(value: Any) -> Any:
    """Return JSON data with null for every number that is not finite, and lists for tuples."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
