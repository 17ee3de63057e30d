"""How judged samples and copies are printed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from recurra.cli import console
from recurra.cli.progress import printable

if TYPE_CHECKING:
    from recurra.tasks.text.copies import Copies
    from recurra.tasks.text.judge import Figures, Judgement

SHOWN = 5
"""Longest copies that are listed."""
SNIPPET = 70
"""Most characters of one that are shown there."""


def print_judgement(judged: Judgement) -> None:
    """Print the figures of generated text beside those of human text, and what was copied."""
    out = console.out()
    texts = console.quantity(judged.samples, "text")
    seed = "" if judged.seed is None else f"   (--seed {judged.seed} writes them again)"
    out.print(f"judged        {texts} of {judged.length:,} characters each{seed}")
    columns: list[str | tuple[str, Literal["right"]]] = [
        "", ("generated", "right"), ("human", "right"), "",
    ]  # fmt: skip
    out.print(console.table(columns, _rows(judged.generated, judged.human)))
    out.print()
    out.print("copied from the text that it was trained on, underlined, in the first sample:")
    first = judged.copies
    _print_marked(first.texts[0], first, 0)
    _print_longest(judged.copies)
    for note in judged.notes:
        console.err().print(note)


def print_copies(copies: Copies, *, whole: bool) -> None:
    """Print how much was copied, the longest copies, and, if asked, the text with them marked."""
    out = console.out()
    if whole:
        for n, text in enumerate(copies.texts):
            _print_marked(text, copies, n)
    out.print(
        f"copied        {copies.share:.1%} of the characters lie within copies of "
        f"{copies.minimum} or more; the longest has {copies.longest:,}"
    )
    _print_longest(copies)


def _rows(mine: Figures, theirs: Figures) -> list[list[object]]:
    def both(name: str, what: str, form: str, *values: float | None) -> list[object]:
        cells = ["" if v is None or math.isnan(v) else format(v, form) for v in values]
        return [name, *cells, what]

    rows = [
        both("BLEU", "n-grams shared with other human text", ".2f", mine.bleu, theirs.bleu),
        both("self-BLEU", "n-grams shared among themselves", ".2f", mine.self_bleu,
             theirs.self_bleu),
    ]  # fmt: skip
    rows += [
        both(f"distinct-{n + 1}", f"different {n + 1}-grams of words among all", ".1%",
             mine.distinct[n], theirs.distinct[n])
        for n in range(3)
    ]  # fmt: skip
    rows += [
        both("known words", "that the training text has", ".1%", mine.known_words,
             theirs.known_words),
        both("letters off by", "divergence of characters, bits", ".4f",
             mine.character_divergence, theirs.character_divergence),
        both("word lengths off by", "divergence of word lengths, bits", ".4f",
             mine.length_divergence, theirs.length_divergence),
    ]  # fmt: skip
    rows += [
        both(f"matched {kind}", f"of {mine.balance[kind].marks:,} and "
             f"{theirs.balance[kind].marks:,} marks", ".1%", mine.balance[kind].share,
             theirs.balance[kind].share)
        for kind in mine.balance
    ]  # fmt: skip
    rows += [
        both("copied", "characters within copies", ".1%", mine.copied, theirs.copied),
        both("longest copy", "characters", ",", mine.longest_copy, theirs.longest_copy),
    ]
    return rows


def _print_marked(text: str, copies: Copies, number: int) -> None:
    """Print a text with what was copied underlined, or in ⟦brackets⟧ where nothing can be."""
    from rich.text import Text

    out = console.out()
    styled = out.is_terminal and not out.no_color
    made = Text()
    for start, end, copied in copies.found[number].spans():
        part = printable(text[start:end])
        if copied and not styled:
            part = f"⟦{part}⟧"
        made.append(part, style="underline bold" if copied else "")
    out.print(made)


def _print_longest(copies: Copies) -> None:
    longest = copies.ranked(SHOWN)
    if not longest:
        return
    rows: list[list[object]] = []
    for number, copy in longest:
        text = printable(copies.text(number, copy)).replace("\n", "⏎")
        shown = text if len(text) <= SNIPPET else text[: SNIPPET - 3] + "..."
        line = copies.lines[number].get(copy.source)
        where = f"line {line:,}" if line else f"character {copy.source:,}"
        rows.append([console.count(copy.length), f"{number + 1}:{copy.start:,}", where, shown])
    out = console.out()
    out.print()
    out.print(
        console.table(
            [("characters", "right"), ("text:place", "right"), "in the training text", "copied"],
            rows,
        )
    )
