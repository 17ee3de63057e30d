"""The page that shows what was found inside a text model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recurra.insight.page import Page
from recurra.insight.saliency import SaliencyProbe
from recurra.insight.trace import Trace, Unit

if TYPE_CHECKING:
    from recurra.tasks.text.inside import Inside, InsideOptions
    from recurra.tasks.text.model import Model

Array = NDArray[Any]

SIDE = 128
"""Predictions traced back side by side."""


def page_of(
    model: Model, found: Inside, options: InsideOptions, *, title: str, first: Unit | None = None
) -> Page:
    """Return the page of what `look_inside` found.

    Args:
        title: its heading. first: the unit to show first; the best detector if none is named.
    """
    count = min(options.shown, len(found.tokens))
    tokens = found.tokens[:count]
    shown = found.trace.part(slice(0, count))
    decoder = model.vocabulary.decoder()
    sizes = model.spec.stack.sizes
    network = f"{len(sizes)} layer{'s' if len(sizes) > 1 else ''} of {_sizes(sizes)} units"
    return Page(
        title=title,
        network=f"{network}, {model.parameters:,} parameters",
        text=found.name,
        token=model.unit,
        pieces=[decoder.feed(int(token)) for token in tokens],
        tokens=tokens,
        vocabulary=[model.vocabulary.token_text(token) for token in range(model.vocabulary.size)],
        trace=shown,
        saliency=saliency_of_all(model, tokens, shown, min(options.back, count)),
        analysed=len(found.tokens),
        nats=found.nats,
        explanations=found.explanations,
        forgetting=found.forgetting,
        reach=found.reach,
        ablations=found.ablations,
        first=first,
    )


def _sizes(sizes: tuple[int, ...]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else " + ".join(map(str, sizes))


def saliency_of_all(model: Model, tokens: Array, trace: Trace, back: int) -> Array:
    """Return [T, back]: how much each of the tokens before one moved its log-probability.

    Gradient times input, in nats, nearest first; zero for what lies before the text.

    Args:
        tokens: [T]. trace: of these, for the states in between.
        back: how many tokens to go back.
    Cost: a forward and a backward pass of `back` steps for each token.
    """
    probe = SaliencyProbe(model.spec, model.weights, np.float32)
    read = np.concatenate([[model.start], tokens])
    blank = probe.network.export_state(probe.network.zero_state(1))
    start = np.array([[model.start]], np.int64)
    _, opened = probe.network.forward(probe.vectors(start), probe.network.zero_state(1))
    opening = probe.network.export_state(opened)
    found = np.zeros((len(tokens), back))
    for first in range(0, len(tokens), SIDE):
        wanted = np.arange(first, min(first + SIDE, len(tokens)))
        # Token n is predicted from read[0..n], of which the last `back` are looked at.
        places = wanted[None] + 1 - back + np.arange(back)[:, None]
        # The state before read[p] is what read[p - 1], token p - 2, has left.
        before = wanted - back - 1
        states = trace.state_after(np.maximum(before, 0))
        for name, array in states.items():
            array[before == -1] = opening[name]
            array[before < -1] = blank[name]
        lengths = np.minimum(wanted + 1, back)
        moved = probe.ask_many(read[np.maximum(places, 0)], states, lengths, tokens[wanted])
        moved[places < 1] = 0.0
        found[wanted] = moved[::-1].T
    return found
