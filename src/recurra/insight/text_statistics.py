"""Figures of a text that a reader notices when they are off: words, letters, brackets, BLEU.

A figure alone says little. Each is meant to stand beside the same figure of human text of the same
length: distinct-n falls and the share of known words rises with the length of any text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recurra.core.errors import ConfigError, ResourceError

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_TAG = re.compile(r"<(/?)([A-Za-z][\w:.-]*)(?:\s[^<>]*?)?(/?)>")
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([^{}\n]*)\}")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("“", "”"), ("«", "»"), ("„", "“"))
LEAST = 10
"""Marks of a kind that a corpus has to have for its balance to mean something."""


def words(text: str) -> list[str]:
    """Return the words of a text in lower case: letters, with apostrophes and hyphens within."""
    return _WORD.findall(text.lower())


def distinct(sequence: Sequence[str], n: int) -> float:
    """Return how many different n-grams there are among all n-grams; nan where there are none.

    Source: distinct-n of Li et al. 2016, arXiv:1510.03055.
    """
    grams = list(zip(*(sequence[k:] for k in range(n)), strict=False))
    return len(set(grams)) / len(grams) if grams else float("nan")


def known_share(found: Sequence[str], known: set[str]) -> float:
    """Return the share of the words that are among `known`; nan where there are no words."""
    return sum(word in known for word in found) / len(found) if found else float("nan")


def divergence(left: Mapping[object, int], right: Mapping[object, int]) -> float:
    """Return the Jensen-Shannon divergence of two counted distributions, in bits: 0 to 1.

    Source: Lin 1991. nan where one of them is empty.
    """
    keys = sorted({*left, *right}, key=repr)
    p = np.array([left.get(key, 0) for key in keys], np.float64)
    q = np.array([right.get(key, 0) for key in keys], np.float64)
    if not p.sum() or not q.sum():
        return float("nan")
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def to_middle(of: np.ndarray) -> float:
        some = of > 0
        return float((of[some] * np.log2(of[some] / middle[some])).sum())

    return max(0.0, (to_middle(p) + to_middle(q)) / 2)


def character_counts(text: str) -> Counter[object]:
    """Count the characters."""
    return Counter(text)


def word_lengths(found: Iterable[str]) -> Counter[object]:
    """Count the words by their length."""
    return Counter(len(word) for word in found)


@dataclass(frozen=True, slots=True)
class Balance:
    """How many marks of a kind have their partner."""

    marks: int
    matched: int

    @property
    def share(self) -> float:
        return self.matched / self.marks if self.marks else float("nan")


def balance(text: str) -> dict[str, Balance]:
    """Return for each kind of bracket, quote and markup in `text` how many marks are matched.

    A closing mark is matched by the last one of its kind that is still open. Straight double quotes
    are matched in pairs within a paragraph. `<a>` is matched by `</a>` only in the right nesting,
    and so is LaTeX's \\begin{a}; `<a/>` needs no partner.
    """
    found: dict[str, Balance] = {}
    for opening, closing in _BRACKETS:
        found[opening + closing] = _pairs(
            (mark == opening, "") for mark in re.findall(f"[{re.escape(opening + closing)}]", text)
        )
    if "„" in text:
        # German quotation marks close with what opens English ones.
        del found["“”"]
    else:
        del found["„“"]
    counts = [part.count('"') for part in _PARAGRAPH.split(text)]
    found['""'] = Balance(sum(counts), sum(count - count % 2 for count in counts))
    tags = _TAG.findall(text)
    found["<tag>"] = _pairs((not end, name) for end, name, alone in tags if not alone)
    environments = _ENVIRONMENT.findall(text)
    found["\\begin"] = _pairs((which == "begin", name) for which, name in environments)
    return {kind: one for kind, one in found.items() if one.marks}


def _pairs(marks: Iterable[tuple[bool, str]]) -> Balance:
    """Match marks (whether it opens, its name) by a stack."""
    waiting: list[str] = []
    count = matched = 0
    for opens, name in marks:
        count += 1
        if opens:
            waiting.append(name)
        elif waiting and waiting[-1] == name:
            waiting.pop()
            matched += 2
    return Balance(count, matched)


def join(balances: Iterable[Mapping[str, Balance]]) -> dict[str, Balance]:
    """Add up the balances of several texts."""
    sums: dict[str, Balance] = {}
    for one in balances:
        for kind, found in one.items():
            before = sums.get(kind, Balance(0, 0))
            sums[kind] = Balance(before.marks + found.marks, before.matched + found.matched)
    return sums


def bleu(texts: Sequence[str], references: Sequence[str]) -> float:
    """Return the BLEU of texts, each against all references: 0 to 100, n-grams of 1 to 4 words.

    It is sacrebleu's corpus BLEU with its own defaults (tokenizer 13a, exponential smoothing).

    Raises:
        ResourceError: sacrebleu is not installed.
        ConfigError: there are no texts or no references.
    """
    return _corpus_bleu(texts, [[one] * len(texts) for one in references])


def self_bleu(texts: Sequence[str]) -> float:
    """Return the BLEU of texts, each against all the others: how much they repeat each other.

    Source: Zhu et al. 2018, "Texygen", arXiv:1802.01886. Raises as `bleu`; two texts at least.
    """
    turns = range(1, len(texts))
    return _corpus_bleu(texts, [[*texts[k:], *texts[:k]] for k in turns])


def _corpus_bleu(texts: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    if not texts or not references:
        raise ConfigError("BLEU needs at least one text and one reference beside it.")
    try:
        from sacrebleu import corpus_bleu
    except ModuleNotFoundError:
        raise ResourceError(
            "BLEU is computed by sacrebleu, which is not installed; install it with: "
            "pip install 'recurra[quality]'."
        ) from None
    return float(corpus_bleu(list(texts), references, force=True).score)
