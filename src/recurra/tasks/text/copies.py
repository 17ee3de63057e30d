"""What a text has copied from the text that a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.insight.copying import MINIMUM, Copy, Copying, Progress, find_copies
from recurra.insight.suffixes import suffix_array
from recurra.tasks.text.corpus import Corpus
from recurra.tasks.text.vocabulary import CharacterVocabulary, code_points


class TrainingText:
    """The training split as numbers, one a character, to look for copies in.

    Args:
        keep: whether to keep what is built for the search, for the next one: `held_bytes` in all.
            Safe to use from several threads; two that come at once may both build it.
    """

    def __init__(self, corpus: Corpus, *, keep: bool = False) -> None:
        self._kept: dict[int, NDArray[np.uint32]] | None = {} if keep else None
        vocabulary = corpus.vocabulary
        tokens = corpus.split("train").tokens
        if isinstance(vocabulary, CharacterVocabulary):
            # Tokens are characters already, and may stay on the disk.
            self.codes: NDArray[Any] = tokens
            self._points = code_points(vocabulary.characters)
        else:
            points = code_points(vocabulary.decode(tokens))
            present = np.zeros(int(points.max(initial=0)) + 1, bool)
            present[points] = True
            self._points = np.flatnonzero(present).astype(np.uint32)
            table = (np.cumsum(present) - 1).astype(np.min_scalar_type(len(self._points) + 1))
            self.codes = table[points]

    def encode(self, text: str) -> NDArray[np.integer]:
        """Return a text in the same numbers; what the training text lacks is its own number."""
        points = code_points(text)
        place = np.minimum(np.searchsorted(self._points, points), len(self._points) - 1)
        outside = len(self._points) + 1  # One higher than the unknown token.
        return np.where(self._points[place] == points, place, outside)

    @property
    def held_bytes(self) -> int:
        """Memory that this takes with all that may be kept."""
        kept = 0 if self._kept is None else np.dtype(np.uint32).itemsize * len(self.codes)
        return int(self.codes.nbytes) + kept

    def index(self, first: int, part: NDArray[np.integer]) -> NDArray[np.uint32]:
        """Return the suffix array of a segment, as `find_copies` asks for it."""
        if self._kept is None:
            return suffix_array(part)
        found = self._kept.get(first)
        if found is None:
            found = self._kept[first] = suffix_array(part)
        return found

    @property
    def separator(self) -> int:
        """A number that neither texts nor the training text have."""
        return len(self._points) + 2

    def line(self, position: int) -> int:
        """Return the line of the training text that a character stands in, from 1."""
        (newline,) = self.encode("\n").tolist()
        return int(np.count_nonzero(self.codes[:position] == newline)) + 1


@dataclass(frozen=True, slots=True)
class Copies:
    """Texts and what they share with the training text, word for word.

    Positions are in characters: of the text, and of the training split from its beginning.
    """

    texts: tuple[str, ...]
    found: tuple[Copying, ...]
    """One a text."""
    lines: tuple[dict[int, int], ...]
    """For each text, the lines of the training text in which its longest copies begin."""

    @property
    def share(self) -> float:
        """Share of all characters that lie within copies."""
        characters = sum(one.length for one in self.found)
        return sum(int(one.covered.sum()) for one in self.found) / max(1, characters)

    @property
    def longest(self) -> int:
        """Characters in the longest copy."""
        return max((one.longest for one in self.found), default=0)

    @property
    def minimum(self) -> int:
        """Characters from which on a match counts."""
        return self.found[0].minimum if self.found else MINIMUM

    def ranked(self, count: int | None = None) -> list[tuple[int, Copy]]:
        """Return the longest copies first, each with the number of its text."""
        every = [(n, copy) for n, one in enumerate(self.found) for copy in one.copies]
        return sorted(every, key=lambda one: (-one[1].length, one[0], one[1].start))[:count]

    def text(self, number: int, copy: Copy) -> str:
        """Return what was copied."""
        return self.texts[number][copy.start : copy.start + copy.length]

    def facts(self, count: int | None = None) -> dict[str, Any]:
        """Return it as JSON data, with the `count` longest copies, or all."""
        return {
            "minimum": self.minimum,
            "share": self.share,
            "longest": self.longest,
            "texts": [{"characters": one.length, "share": one.share} for one in self.found],
            "copies": [
                {
                    "text": n,
                    "start": copy.start,
                    "length": copy.length,
                    "source": copy.source,
                    "source_line": self.lines[n].get(copy.source),
                    "copied": self.text(n, copy),
                }
                for n, copy in self.ranked(count)
            ],
        }


def find_text_copies(
    source: TrainingText,
    texts: Sequence[str],
    *,
    minimum: int = MINIMUM,
    lines: int = 20,
    progress: Progress | None = None,
) -> Copies:
    """Find what `texts` have in common with the training text; see `insight.copying`.

    Args:
        lines: for how many of each text's longest copies the line in the training text is told.
    """
    mark = np.array([source.separator])
    encoded = [np.concatenate([source.encode(text), mark]) for text in texts]
    joined = np.concatenate(encoded) if encoded else np.zeros(0, np.int64)
    whole = find_copies(
        source.codes, joined, minimum=minimum, progress=progress, index=source.index
    )
    starts = [0, *np.cumsum([len(one) for one in encoded]).tolist()]
    found: list[Copying] = []
    for start, end in pairwise(starts):
        inside = tuple(
            Copy(copy.start - start, copy.length, copy.source)
            for copy in whole.copies
            if start <= copy.start < end
        )
        found.append(Copying(end - start - 1, minimum, inside, whole.covered[start : end - 1]))
    told = tuple({c.source: source.line(c.source) for c in one.ranked(lines)} for one in found)
    return Copies(tuple(texts), tuple(found), told)
