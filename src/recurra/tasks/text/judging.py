"""Samples of a model, written and judged: what needs the model and its text at once."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from recurra.core.errors import ConfigError
from recurra.core.sampling import SamplingOptions
from recurra.tasks.text.copies import Copies, TrainingText, find_text_copies
from recurra.tasks.text.generate import GenerateOptions
from recurra.tasks.text.judge import (
    SHORTEST,
    Judgement,
    held_out_texts,
    kinds_in,
    measure,
    training_words,
)
from recurra.tasks.text.passages import training_corpus
from recurra.tasks.text.reading import Progress

if TYPE_CHECKING:
    from recurra.tasks.text.model import Model

STRETCH = 1_000_000
"""Tokens of the training text that are looked through for brackets, quotes and markup."""


def judge(
    model: Model,
    count: int,
    length: int,
    seed: int,
    sampling: SamplingOptions,
    minimum: int,
    progress: Progress | None,
) -> Judgement:
    """Do what `Model.judge` says."""
    if count < 1 or length < SHORTEST:
        raise ConfigError(
            f"{count} samples of {length} characters cannot be judged; ask for at least 1 of "
            f"{SHORTEST}.",
            "length",
        )
    corpus = training_corpus(model.document, model.path)
    held_out = corpus.text("validation") + corpus.text("test")
    human = held_out_texts(held_out, count, length)
    notes: list[str] = []
    if len(human.human) < count:
        notes.append(
            f"The held-out text has room for {len(human.human)} human passages of {length:,} "
            f"characters, so as many samples are judged, not {count}."
        )
        count = len(human.human)
    greedy = None if sampling.greedy else seed
    texts = _write(model, count, length, seed, sampling)
    with_bleu = importlib.util.find_spec("sacrebleu") is not None
    if not with_bleu:
        notes.append("BLEU needs sacrebleu: pip install 'recurra[quality]'.")
    # One search for all, so that the training text is indexed once.
    both = find_text_copies(
        TrainingText(corpus), [*texts, *human.human], minimum=minimum, progress=progress
    )
    mine, theirs = (
        Copies(both.texts[part], both.found[part], both.lines[part])
        for part in (slice(None, count), slice(count, None))
    )
    known = training_words(corpus)
    train = corpus.split("train").tokens
    kinds = kinds_in(corpus.vocabulary.decode(train[:STRETCH]))
    measured = [
        measure(one.texts, human.references, known, kinds, one, with_bleu=with_bleu)
        for one in (mine, theirs)
    ]
    return Judgement(count, length, greedy, measured[0], measured[1], mine, theirs, tuple(notes))


def _write(
    model: Model, count: int, length: int, seed: int, sampling: SamplingOptions
) -> list[str]:
    """Return samples of `length` characters each."""
    how = GenerateOptions(length=length, samples=count, seed=seed)
    texts = model.samples("", how, sampling).texts()
    # A character may be several bytes; a word or a subword is mostly several characters.
    while min(map(len, texts)) < length:
        how = how.replace(length=2 * how.length)
        texts = model.samples("", how, sampling).texts()
    return [text[:length] for text in texts]
