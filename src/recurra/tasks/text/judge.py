"""Generated text judged as text, beside human text of the same length.

The held-out part of the corpus is cut into passages. Every other one is human text to be judged
beside the samples; the rest are the references that both are compared with. Generated and human
text so stand at the same distance from the references, as far as the human is concerned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from recurra.core.errors import ConfigError
from recurra.insight import text_statistics as statistics
from recurra.tasks.text.copies import Copies
from recurra.tasks.text.corpus import Corpus

REFERENCES = 20
"""Most references that BLEU compares a text with, and most samples of self-BLEU."""
SHORTEST = 100
"""Characters below which passages say nothing."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Human passages of one length: those to be judged, and those to compare with."""

    human: list[str]
    references: list[str]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured on some texts. NaN where there was nothing to measure."""

    bleu: float | None
    """Against the references, 0 to 100; None where sacrebleu is not installed."""
    self_bleu: float | None
    distinct: tuple[float, float, float]
    """Different 1-, 2- and 3-grams of words among all."""
    known_words: float
    """Share of the words that the training text has."""
    character_divergence: float
    """Jensen-Shannon divergence from the references' characters, in bits."""
    length_divergence: float
    """The same of the lengths of words."""
    balance: dict[str, statistics.Balance]
    copied: float
    """Share of the characters within copies from the training text."""
    longest_copy: int

    def facts(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "bleu": self.bleu,
            "self_bleu": self.self_bleu,
            "distinct": list(self.distinct),
            "known_words": self.known_words,
            "character_divergence_bits": self.character_divergence,
            "word_length_divergence_bits": self.length_divergence,
            "balance": {
                kind: {"marks": one.marks, "matched": one.matched, "share": one.share}
                for kind, one in self.balance.items()
            },
            "copied_share": self.copied,
            "longest_copy": self.longest_copy,
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """Samples of a model beside human text."""

    samples: int
    length: int
    """Characters of each text."""
    seed: int | None
    generated: Figures
    human: Figures
    copies: Copies
    """Of the samples."""
    human_copies: Copies
    notes: tuple[str, ...]

    def facts(self, copies: int | None = 20) -> dict[str, Any]:
        """Return it as JSON data, with the samples and their `copies` longest copies."""
        return {
            "samples": self.samples,
            "length": self.length,
            "seed": self.seed,
            "generated": self.generated.facts(),
            "human": self.human.facts(),
            "copying": self.copies.facts(copies),
            "human_copying": self.human_copies.facts(copies),
            "texts": list(self.copies.texts),
            "notes": list(self.notes),
        }


def held_out_texts(text: str, count: int, length: int) -> Texts:
    """Cut a text into `count` passages to judge and as many references, `length` characters each.

    Passages begin after a white space where one is near. There are fewer where the text is short.
    Raises: `ConfigError` where it has no room for one of each.
    """
    room = len(text) // (2 * length)
    if not room:
        raise ConfigError(
            f"the held-out text has {len(text):,} characters, too few for a human passage and a "
            f"reference of {length:,}; ask for shorter samples, or hold out more.",
            "length",
        )
    count = min(count, room)
    passages = []
    for n in range(2 * count):
        first = n * len(text) // (2 * count)
        slack = len(text) // (2 * count) - length
        near = text[first : first + min(slack, 80)]
        places = [near.find(mark) for mark in ("\n", " ") if mark in near]
        first += places[0] + 1 if places else 0
        passages.append(text[first : first + length])
    return Texts(passages[::2], passages[1::2])


def training_words(corpus: Corpus) -> set[str]:
    """Return every word of the training split."""
    tokens = corpus.split("train").tokens
    known: set[str] = set()
    for first in range(0, len(tokens), 1 << 20):
        # Words cut by the borders of pieces are a few in a million.
        known.update(statistics.words(corpus.vocabulary.decode(tokens[first : first + (1 << 20)])))
    return known


def measure(
    texts: Sequence[str],
    references: Sequence[str],
    known: set[str],
    kinds: Sequence[str],
    copies: Copies,
    *,
    with_bleu: bool,
) -> Figures:
    """Return the figures of some texts.

    Args:
        kinds: the brackets, quotes and markup to look at.
    """
    found = [statistics.words(text) for text in texts]
    every = list(chain.from_iterable(found))
    reference = "".join(references)
    lengths = statistics.word_lengths(chain.from_iterable(map(statistics.words, references)))
    balances = statistics.join(map(statistics.balance, texts))
    nothing = statistics.Balance(0, 0)
    some = list(texts[:REFERENCES])
    return Figures(
        bleu=statistics.bleu(texts, references[:REFERENCES]) if with_bleu else None,
        self_bleu=statistics.self_bleu(some) if with_bleu and len(some) > 1 else None,
        distinct=(
            statistics.distinct(every, 1),
            statistics.distinct(every, 2),
            statistics.distinct(every, 3),
        ),
        known_words=statistics.known_share(every, known),
        character_divergence=statistics.divergence(
            statistics.character_counts("".join(texts)), statistics.character_counts(reference)
        ),
        length_divergence=statistics.divergence(statistics.word_lengths(every), lengths),
        balance={kind: balances.get(kind, nothing) for kind in kinds},
        copied=copies.share,
        longest_copy=copies.longest,
    )


def kinds_in(text: str) -> list[str]:
    """Return the brackets, quotes and markup that a corpus uses, by a stretch of it."""
    return [kind for kind, one in statistics.balance(text).items() if one.marks >= statistics.LEAST]
