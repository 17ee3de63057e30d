"""What a person should know about a text before a model learns from it, in one sentence each."""

from __future__ import annotations

from recurra.tasks.text.corpus import SPLITS, Corpus

FEW_CHARACTERS = 100_000
MANY_CHARACTERS = 2_000
"""A vocabulary of more characters than this is worth a word."""


def advice(corpus: Corpus, window: int | None = None) -> list[str]:
    """Return sentences about a corpus, none when nothing is unusual. Training goes on anyway.

    Args:
        window: positions that one step learns from, to compare the splits with.
    """
    facts = corpus.encoding.facts
    kind = corpus.vocabulary.kind
    notes = list(corpus.notes)
    if facts.repeated_line:
        notes.append(
            "The text is one line over and over, so the model will learn that line by heart and "
            "nothing else."
        )
    elif corpus.characters < FEW_CHARACTERS:
        notes.append(
            f"The text has {corpus.characters:,} characters; below about {FEW_CHARACTERS:,} a "
            "model rather learns it by heart than learns to write like it."
        )
    if facts.controls * 1000 > corpus.characters and kind != "bytes":
        notes.append(
            f"{facts.controls:,} control characters are in it, so it may be binary data: "
            "--vocabulary bytes takes any file as it is."
        )
    if facts.returns * 200 > corpus.characters and corpus.options.line_ends == "keep":
        notes.append(
            "Its lines end in CR LF, as on Windows: --line-ends lf spares the model the CR."
        )
    if kind == "characters" and corpus.vocabulary.size > MANY_CHARACTERS:
        notes.append(
            f"It has {corpus.vocabulary.size:,} different characters, which makes a large and slow "
            "model: --minimum-count 10 leaves out the rare ones, --vocabulary subwords or bytes "
            "spells them."
        )
    if kind != "bytes" and corpus.vocabulary.size > len(corpus.split("train")) // 2:
        notes.append(
            f"The {kind} to learn ({corpus.vocabulary.size:,}) are nearly as many as the text has "
            f"to learn from ({len(corpus.split('train')):,}), so most are seen once or never."
        )
    resets = len(corpus.resets)
    if resets * 8 > len(corpus.tokens):
        notes.append(
            f"The state is reset every {len(corpus.tokens) / resets:.1f} {kind}, so nothing "
            "further back can be learned; is --reset-at what you mean?"
        )
    if window is not None:
        for name in SPLITS[:2]:
            count = len(corpus.split(name))
            if 0 < count <= window:
                notes.append(
                    f"The {name} split has {count:,} {kind}, less than one window of {window:,}; a "
                    "longer text or a smaller --window would use them better."
                )
    return notes
