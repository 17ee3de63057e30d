"""One HTML page that shows what is inside a network: it opens anywhere and needs nothing else.

Arrays travel as base64 in small whole numbers: memories in 8 bits between each unit's 1st and 99th
percentile, gates in 8 bits between 0 and 1 (for as many units as fit), so that 5,000 characters of
512 units take about 6 MB. The page shows text as text alone: nothing in it is read as markup.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.sampling import log_softmax
from recurra.formats.atomic import atomic_write
from recurra.insight.ablation import Ablation
from recurra.insight.forgetting import Forgetting, Reach
from recurra.insight.trace import Trace, Unit
from recurra.insight.units import Explanation, Explanations

Array = NDArray[Any]

TEMPLATE = Path(__file__).with_name("page.html")
GATES = 1_300_000
"""Most bytes that gates may take, before base64."""
LIKELIEST = 5
EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Steps: where half-lives are cut into bars; one bar more at either end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one page shows."""

    title: str
    network: str
    """The network in a few words."""
    text: str
    """What the text is called."""
    token: str
    """What one token is called."""
    pieces: Sequence[str]
    """[T] the text of each token shown."""
    tokens: Array
    """[T]."""
    vocabulary: Sequence[str]
    """[V] how each token is written."""
    trace: Trace
    """Of the T tokens shown."""
    saliency: Array
    """[N, back] how much each of the tokens before one raised (above 0) or lowered the
    log-probability of that one, nearest first; for the first N of the tokens shown."""
    analysed: int
    """Tokens that the tables are made from."""
    nats: float
    """Mean surprise over these."""
    explanations: Explanations
    forgetting: Forgetting
    reach: Reach | None
    ablations: Sequence[tuple[Explanation, Ablation, Ablation]]
    """With the unit held at its mean, and at zero."""
    first: Unit | None = None
    """The unit to show first; the best detector where nothing is said."""


def write_page(path: str | os.PathLike[str], page: Page) -> None:
    """Write the page as one file, whole or not at all. Raises `ResourceError` as atomic writes."""
    with atomic_write(path, "w") as file:
        file.write(render(page))


def render(page: Page) -> str:
    """Return the page as HTML."""
    # Inside a script element only "<" can end it; JSON may write it as an escape.
    data = json.dumps(_data(page), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    safe = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    # Half of a surrogate pair has no UTF-8.
    safe = safe.encode("utf-8", "replace").decode("utf-8")
    return TEMPLATE.read_text(encoding="utf-8").replace("@@DATA@@", safe, 1)


def _data(page: Page) -> dict[str, Any]:
    trace, found, gone = page.trace, page.explanations, page.forgetting
    memory = trace.memory
    low, high = np.quantile(memory, [0.01, 0.99], axis=0)
    # A unit that never moves has no range; any will do.
    high = np.where(high - low > 1e-9, high, low + 1e-9)
    share = np.clip((memory - low) / (high - low), 0.0, 1.0)
    ranking = found.ranking()
    place = {unit: n for n, unit in enumerate(trace.unit_labels)}
    first = [page.first] if page.first else []
    taken_out = [one.unit for one, _, _ in page.ablations]
    detectors = [one.unit for one in found.detectors()]
    explained = [one.unit for one in ranking]
    order = list(dict.fromkeys([*first, *taken_out, *detectors, *explained, *trace.unit_labels]))
    names = [name for name in trace.units if name not in ("c", "h")]
    room = max(1, GATES // max(1, len(trace) * len(names)))
    gated = order[:room]
    ids, probabilities = _likeliest(trace)
    return {
        "title": page.title,
        "network": page.network,
        "text": page.text,
        "token": page.token,
        "analysed": page.analysed,
        "nats": round(page.nats, 4),
        "pieces": list(page.pieces),
        "tokens": _packed(page.tokens, "<u4"),
        "vocabulary": list(page.vocabulary),
        "memory": "hidden state" if trace.cell.gru else "cell state",
        "states": _packed(np.round(255 * share).T, "u1"),
        "low": _rounded(low),
        "high": _rounded(high),
        "median": _rounded(np.median(memory, axis=0)),
        "gateNames": names,
        "gated": [place[unit] for unit in gated],
        "gates": _packed(_gates(trace, names, [place[unit] for unit in gated]), "u1"),
        "surprise": _packed(np.clip(np.nan_to_num(trace.surprise) * 1000, 0, 65535), "<u2"),
        "likely": _packed(ids, "<u4"),
        "likelyShare": _packed(np.round(probabilities * 65535), "<u2"),
        "width": ids.shape[1],
        "saliency": _packed(*_signed(page.saliency)),
        "saliencyScale": _rounded(np.abs(page.saliency).max(axis=1, initial=0.0)),
        "back": page.saliency.shape[1],
        "units": [_unit_row(one, place[one.unit], gone) for one in ranking]
        or [_bare_row(unit, n, gone) for unit, n in place.items()],
        "detectors": [
            {"unit": place[one.unit], "feature": one.feature, "score": round(one.score, 4)}
            for one in found.detectors()
        ],
        "features": list(found.features),
        "skipped": dict(found.skipped),
        "permutations": found.permutations,
        "first": place[order[0]],
        "ablations": [
            {"unit": place[one.unit], "feature": one.feature}
            | {"mean": _ablation_row(mean), "zero": _ablation_row(zero)}
            for one, mean, zero in page.ablations
        ],
        "edges": list(EDGES),
        "implied": [_bars(layer) for layer in gone.by_layer(gone.implied)],
        "measured": [_bars(layer) for layer in gone.by_layer(gone.measured)],
        "reach": None
        if page.reach is None
        else {
            "divergence": [float(f"{value:.4g}") for value in page.reach.divergence],
            "within": page.reach.within(0.01),
            "positions": page.reach.positions,
        },
    }


def _packed(array: Array, dtype: str) -> str:
    """Return an array as base64 of little-endian numbers, row by row."""
    return base64.b64encode(np.ascontiguousarray(array, np.dtype(dtype)).tobytes()).decode("ascii")


def _signed(saliency: Array) -> tuple[Array, str]:
    """Return saliency in 8 bits, each row against its own largest."""
    largest = np.abs(saliency).max(axis=1, initial=0.0, keepdims=True)
    return np.round(127 * saliency / np.maximum(largest, 1e-30)), "i1"


def _gates(trace: Trace, names: Sequence[str], units: Sequence[int]) -> Array:
    """Return gates [units, gates, T] in 8 bits; a block input, in -1 to 1, is moved to 0 to 1."""
    made = np.empty((len(units), len(names), len(trace)))
    for n, name in enumerate(names):
        values = trace.units[name][:, list(units)].T
        made[:, n] = (values + 1) / 2 if name in ("g", "n") else values
    return np.round(255 * np.clip(made, 0.0, 1.0))


def _likeliest(trace: Trace) -> tuple[Array, Array]:
    """Return tokens and probabilities [T, 5] of what was expected at each place but the first."""
    width = min(LIKELIEST, trace.logits.shape[1])
    ids = np.zeros((len(trace), width), np.int64)
    shares = np.zeros((len(trace), width))
    if len(trace) > 1:
        probabilities = np.exp(log_softmax(trace.logits[:-1]))
        ids[1:] = np.argsort(-probabilities, axis=1, kind="stable")[:, :width]
        shares[1:] = np.take_along_axis(probabilities, ids[1:], axis=1)
    return ids, shares


def _unit_row(one: Explanation, place: int, gone: Forgetting) -> dict[str, Any]:
    return _bare_row(one.unit, place, gone) | {
        "feature": one.feature,
        "score": round(one.score, 4),
        "bits": round(one.bits, 4),
        "p": round(one.p, 5),
        "inside": float(f"{one.inside:.4g}"),
        "outside": float(f"{one.outside:.4g}"),
    }


def _bare_row(unit: Unit, place: int, gone: Forgetting) -> dict[str, Any]:
    return {
        "place": place,
        "layer": unit.layer,
        "unit": unit.unit,
        "gate": float(f"{gone.mean_gate[place]:.4g}"),
        "implied": _finite(gone.implied[place]),
        "measured": _finite(gone.measured[place]),
    }


def _ablation_row(one: Ablation) -> Mapping[str, Any]:
    return {
        "inside": [_finite(one.intact.inside), _finite(one.ablated.inside)],
        "outside": [_finite(one.intact.outside), _finite(one.ablated.outside)],
        "count": one.inside,
    }


def _bars(half_lives: Array) -> list[int]:
    """Return how many half-lives fall between `EDGES`."""
    places = np.searchsorted(EDGES, half_lives, side="right")
    return [int(count) for count in np.bincount(places, minlength=len(EDGES) + 1)]


def _rounded(values: Array) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


def _finite(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None
