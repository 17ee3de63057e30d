"""What the studio asks of a text model: to write, to judge, and to be looked into."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from recurra.core.errors import ConfigError, RecurraError
from recurra.core.sampling import SamplingOptions, log_softmax
from recurra.core.spec import Spec
from recurra.insight.copying import MINIMUM
from recurra.insight.saliency import SaliencyProbe
from recurra.insight.trace import Trace, trace
from recurra.learning.priming import read_prime
from recurra.studio.corpora import Corpora
from recurra.studio.models import Loaded
from recurra.studio.schema import (
    Continuation,
    CopiesAnswer,
    CopyFound,
    GenerateRequest,
    InsideAnswer,
    Piece,
    SaliencyAnswer,
    UnitFacts,
)
from recurra.tasks.text.copies import find_text_copies
from recurra.tasks.text.generate import generate
from recurra.tasks.text.inside import InsideOptions, exact_engine, look_inside
from recurra.tasks.text.model import Model

LIKELIEST = 5
CONTEXT = 60
"""Characters of the training text that are shown on either side of a copy."""
TRACE_BYTES = 128 << 20
SALIENCY_TOKENS = 4096

Array = Any


def write(loaded: Loaded, request: GenerateRequest) -> Generator[Piece, None, None]:
    """Return the pieces of one text as they are drawn.

    Raises, before the first piece: `ConfigError` for a prime or a setting that cannot be.
    """
    model = loaded.model
    seed = int(request.seed)
    if seed >= 2**64:
        raise ConfigError("seed is too large: seeds have 64 bits.", "seed")
    sampling = SamplingOptions(
        temperature=request.temperature, top_k=request.top_k,
        top_p=request.top_p, min_p=request.min_p,
    )  # fmt: skip
    with loaded.lock:
        prime = model.prime_tokens(request.prime, request.unknown)
        network = model.network()
    chunks = generate(
        network, model.vocabulary, [prime], sampling, length=request.length, seed=seed,
        stop=request.stop, lanes=[request.sample],
    )  # fmt: skip
    return _written(loaded, chunks)


def _written(loaded: Loaded, chunks: Iterator[list[Any]]) -> Generator[Piece, None, None]:
    text_of = loaded.model.vocabulary.token_text
    while True:
        with loaded.lock:
            pieces = next(chunks, None)
        if pieces is None:
            return
        for piece in pieces:
            yield Piece(
                text=piece.text,
                log_probs=piece.log_probs,
                tokens=[text_of(token) for token in piece.tokens],
                ended=piece.ended,
            )


def next_tokens(loaded: Loaded, text: str, count: int) -> list[Continuation]:
    """Return the likeliest tokens after a text, likeliest first."""
    model = loaded.model
    with loaded.lock:
        network = model.network()
        token, state = read_prime(network, model.prime_tokens(text, "replace"))
        logits, _ = network.forward(np.array([[token]], np.int64), state)
    return _likeliest(model, np.exp(log_softmax(logits[0, 0])), count)


def _likeliest(model: Model, probabilities: Array, count: int) -> list[Continuation]:
    order = np.argsort(-probabilities, kind="stable")[:count]
    return [
        Continuation(token=model.vocabulary.token_text(int(n)), probability=float(probabilities[n]))
        for n in order
    ]


def copies(loaded: Loaded, corpora: Corpora, text: str) -> CopiesAnswer:
    """Return what a text has word for word from the training text, where that is here."""
    model = loaded.model
    nothing = CopiesAnswer(known=False, copies=[], share=0.0, shortest=MINIMUM)
    data = model.provenance.get("data") or {}
    inputs = [str(one) for one in data.get("inputs") or []]
    entry = corpora.known_as(data.get("sha256"), inputs)
    if entry is None or not entry.ready:
        return nothing
    try:
        corpus = corpora.read(entry.id, model.text_options)
    except RecurraError:
        return nothing
    if corpus.sha256 != data.get("sha256"):
        return nothing
    source = corpora.training_text(entry.id, model.text_options, corpus)
    found = find_text_copies(source, [text], lines=0)
    vocabulary, tokens = corpus.vocabulary, corpus.split("train").tokens
    # Positions are in characters; for tokens of several, the text is needed to count in.
    whole = None if vocabulary.kind == "characters" else vocabulary.decode(tokens)

    def around(start: int, length: int) -> str:
        first, last = max(0, start - CONTEXT), start + length + CONTEXT
        return vocabulary.decode(tokens[first:last]) if whole is None else whole[first:last]

    return CopiesAnswer(
        known=True,
        copies=[
            CopyFound(
                start=copy.start,
                length=copy.length,
                corpus_start=copy.source,
                corpus=entry.name,
                context=around(copy.source, copy.length),
            )
            for copy in found.found[0].copies
        ],
        share=found.share,
        shortest=found.minimum,
    )


def trace_file(loaded: Loaded, text: str) -> bytes:
    """Return what every unit did while a text was read, as a safetensors file.

    Arrays "surprise" [T] and "LAYER.NAME" [T, units], float32; the metadata entry "trace" holds
    tokens, sizes and the likeliest next tokens. The first of the T tokens is the start token.

    Raises: `ConfigError` where the text is outside the vocabulary or too long for this network.
    """
    model = loaded.model
    tokens = model.vocabulary.encode(text, "replace").astype(np.int64)
    check_traceable(model.spec, len(tokens), model.vocabulary.size, "text")
    read = np.concatenate([[model.start], tokens])
    network = exact_engine(model, len(read)).build(model.spec, model.weights)
    labels = [model.vocabulary.token_text(int(token)) for token in read]
    found = trace(network, read, labels=labels)
    return packed_trace(found, labels, model.spec, model.vocabulary.token_text)


def check_traceable(spec: Spec, tokens: int, outputs: int, field: str) -> None:
    """Raise `ConfigError` where a trace of so many tokens would take more than `TRACE_BYTES`."""
    numbers = sum(spec.stack.sizes) * (len(spec.stack.cell.gates) + 2) + 2 * outputs
    longest = TRACE_BYTES // (4 * numbers)
    if tokens > longest:
        what = "text" if field == "text" else "piece"
        raise ConfigError(
            f"the {what} has {tokens:,} tokens, but a network of this size can be looked at over "
            f"{longest:,} at a time; take a shorter passage.",
            field,
        )


def packed_trace(found: Trace, labels: list[str], spec: Spec, name: Callable[[int], str]) -> bytes:
    """Return a trace as a safetensors file; see `trace_file`.

    Args:
        labels: of the tokens that were read.
        name: of any token.
    """
    from safetensors.numpy import save

    from recurra.formats import documents

    sizes = spec.stack.sizes
    arrays = {"surprise": found.surprise.astype(np.float32)}
    for part, values in found.units.items():
        first = 0
        for k, size in enumerate(sizes):
            one = values[:, first : first + size]
            arrays[f"{k}.{part}"] = np.ascontiguousarray(one, np.float32)
            first += size
    document = {
        "tokens": labels,
        "sizes": list(sizes),
        "likeliest": _rows(name, np.exp(log_softmax(found.logits))),
    }
    return bytes(save(arrays, {"trace": documents.dump(document).decode("utf-8", "replace")}))


def _rows(name: Callable[[int], str], probabilities: Array) -> list[list[dict[str, Any]]]:
    count = min(LIKELIEST, probabilities.shape[1])
    near = np.argpartition(-probabilities, count - 1, axis=1)[:, :count]
    shares = np.take_along_axis(probabilities, near, axis=1)
    order = np.argsort(-shares, axis=1, kind="stable")
    ids, shares = np.take_along_axis(near, order, axis=1), np.take_along_axis(shares, order, axis=1)
    names = {int(n): name(int(n)) for n in np.unique(ids)}
    return [
        [{"token": names[n], "probability": p} for n, p in zip(row, ps, strict=True)]
        for row, ps in zip(ids.tolist(), shares.tolist(), strict=True)
    ]


def saliency(loaded: Loaded, text: str, position: int, target: str | None) -> SaliencyAnswer:
    """Return what moved the prediction after token `position` of a trace (0: the start token).

    The target is the token that follows there, or the likeliest one at the end of the text.

    Raises: `ConfigError` where there is no such position, or the target is not one token.
    """
    model = loaded.model
    tokens = model.vocabulary.encode(text, "replace").astype(np.int64)
    if position > len(tokens):
        raise ConfigError(
            f"position is {position}, but the text ends with token {len(tokens)}.", "position"
        )
    chosen = int(tokens[position]) if position < len(tokens) else None
    if target is not None:
        wanted = model.vocabulary.encode(target, "refuse")
        if len(wanted) != 1:
            raise ConfigError(f"the target {target!r} is {len(wanted)} tokens, not one.", "target")
        chosen = int(wanted[0])
    read = np.concatenate([[model.start], tokens[:position]])
    # Gradients through thousands of steps are zero to all digits; only the last ones are asked for.
    first = max(0, len(read) - SALIENCY_TOKENS)
    probe = SaliencyProbe(model.spec, model.weights)
    found = probe.ask(read[first:], chosen)
    empty = [0.0] * first
    return SaliencyAnswer(
        position=position,
        target=model.vocabulary.token_text(found.target),
        log_prob=found.score,
        norm=empty + found.norm.tolist(),
        dot=empty + found.dot.tolist(),
    )


def inside(
    loaded: Loaded, text: str, pattern: str | None, told: Callable[[float], None]
) -> InsideAnswer:
    """Return what each unit responds to and how long it remembers, over a text."""
    model = loaded.model
    options = InsideOptions(pattern=pattern or None, ablations=0, distance=1)
    steps = iter((0.05, 0.4, 0.9))
    found = look_inside(
        model, text, options, unknown="replace", step=lambda what: told(next(steps, 0.95))
    )
    gone, labels = found.forgetting, found.trace.unit_labels
    best = {one.unit: one for one in found.explanations.ranking()}
    units = []
    for n, unit in enumerate(labels):
        one = best.get(unit)
        implied, gate = float(gone.implied[n]), float(gone.mean_gate[n])
        units.append(
            UnitFacts(
                layer=unit.layer,
                unit=unit.unit,
                mean_forget=gate if np.isfinite(gate) else None,
                half_life=implied if np.isfinite(implied) else None,
                feature=one.feature if one else None,
                bits=one.bits if one else None,
                share=one.score if one else None,
                p_value=one.p if one else None,
                mean_on=_finite(one.inside) if one else None,
                mean_off=_finite(one.outside) if one else None,
            )
        )
    return InsideAnswer(units=units, features=list(found.explanations.features))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
