"""A score's details put together: what needs the model, its text and its network at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from recurra.core.errors import ConfigError, FormatError
from recurra.engines import select
from recurra.engines.base import Batch
from recurra.insight.dynamic import (
    Adapted,
    DynamicOptions,
    evaluate_dynamically,
    squared_gradients,
)
from recurra.tasks.text.corpus import Corpus
from recurra.tasks.text.passages import Passage, training_corpus
from recurra.tasks.text.quality import Detail, by_kind, by_position, kneser_ney_bits
from recurra.tasks.text.reading import Progress
from recurra.tasks.text.score import Score
from recurra.tasks.text.vocabulary import ByteVocabulary

if TYPE_CHECKING:
    from recurra.tasks.text.model import Model

GRADIENTS = 200
"""Windows of the training text that gradients are measured on before weights adapt."""


def detail_of(
    model: Model,
    passage: Passage,
    score: Score,
    detail: bool,
    dynamic: DynamicOptions | None,
    progress: Progress | None,
) -> Detail:
    """Return what `Model.score` was asked for besides the score."""
    notes: list[str] = []
    corpus = _corpus(model, notes)
    found = Detail(notes=tuple(notes))
    if detail:
        network = model.network("train" if len(passage.tokens) > 20_000 else "generate")
        starts, told = None, "places spread evenly over the text"
        if passage.resets is not None and len(passage.resets):
            starts, told = passage.resets, "the places where the text begins anew"
        bits, order = None, 0
        if corpus is not None:
            bits, order = _kneser_ney(corpus, passage)
        nats = np.zeros(0) if score.reading is None else score.reading.token_nats
        found = Detail(
            kinds=by_kind(model.vocabulary, passage.tokens, nats),
            positions=by_position(network, passage.tokens, starts),
            positions_from=told,
            kneser_ney_bits=None if bits is None else bits / max(1, passage.characters),
            kneser_ney_order=order,
            notes=tuple(notes),
        )
    if dynamic is None:
        return found
    adapted = score_dynamically(model, passage, corpus, dynamic, progress)
    return Detail(
        found.kinds, found.positions, found.positions_from, found.kneser_ney_bits,
        found.kneser_ney_order,
        dynamic_bits=float(adapted.nats.sum()) / math.log(2) / max(1, passage.characters),
        dynamic_moved=adapted.moved,
        notes=found.notes,
    )  # fmt: skip


def score_dynamically(
    model: Model,
    passage: Passage,
    corpus: Corpus | None,
    options: DynamicOptions,
    progress: Progress | None = None,
) -> Adapted:
    """Score a passage while a copy of the model's weights adapts to it, without dropout."""
    stack = model.spec.stack.replace(dropout=0.0, recurrent_dropout=0.0)
    spec = model.spec.replace(stack=stack)
    network = select(spec, model.engine, "train").build(spec, model.weights)
    squares = None
    if corpus is not None:
        tokens = corpus.split("train").tokens
        width = min(options.dynamic_window, len(tokens) - 1)
        starts = np.linspace(0, len(tokens) - 1 - width, GRADIENTS).astype(np.int64)
        windows = (np.asarray(tokens[s : s + width + 1], np.int64)[:, None] for s in starts)
        squares = squared_gradients(network, (Batch(w[:-1], w[1:]) for w in windows))
    return evaluate_dynamically(
        network, passage.tokens, model.start, options, squares=squares, progress=progress
    )


def _corpus(model: Model, notes: list[str]) -> Corpus | None:
    try:
        return training_corpus(model.document, model.path)
    except (FormatError, ConfigError):
        notes.append(
            "The model's own text was not found, so there is no Kneser-Ney model of it, and "
            "dynamic evaluation, where asked for, takes plain steps."
        )
        return None


def _kneser_ney(corpus: Corpus, passage: Passage) -> tuple[float, int]:
    tokens = corpus.split("train").tokens
    if isinstance(corpus.vocabulary, ByteVocabulary):
        return kneser_ney_bits(np.asarray(tokens, np.uint8).tobytes(), passage.data)
    text = passage.data.decode("utf-8", "surrogatepass")
    return kneser_ney_bits(corpus.vocabulary.decode(tokens), text)
