"""`recurra score`: how well a model predicts a text, beside what needs no model."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Literal

import click

from recurra.cli import console
from recurra.cli.flags import build, options_from
from recurra.engines import EngineOptions

if TYPE_CHECKING:
    from recurra.tasks.text.score import Progress, Score

LARGE = 20_000_000
"""Characters beyond which xz, at a second a megabyte, is not run unless it is asked for."""


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--unknown", type=click.Choice(["refuse", "replace"]), default=None,
    help="What happens to characters outside the vocabulary; as the model was trained where "
    "nothing is said.",
)  # fmt: skip
@click.option(
    "--xz/--no-xz", default=None,
    help="Whether to compress the text with xz -9e too (by default up to 20 million characters).",
)  # fmt: skip
@options_from(EngineOptions)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def score(
    model: str,
    files: tuple[str, ...],
    unknown: Literal["refuse", "replace"] | None,
    xz: bool | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Measure how well MODEL predicts the text of FILE, or of its own held-out test split.

    The text is read as one stream and the state is carried from its first character to its last.
    Without FILE the corpus that the model was trained on has to be where it was.

    \b
    Example:
      recurra score runs/first novel.txt
    """
    from recurra.tasks.text.model import Model

    engine = build(EngineOptions, flags)
    loaded = Model.load(model, **engine.model_dump())
    passage = loaded.passage(files, unknown=unknown)
    wants_xz = passage.characters <= LARGE if xz is None else xz
    began = time.perf_counter()
    with Watch("reading") as watch:
        found = loaded.score(passage, xz=wants_xz, progress=watch)
    seconds = time.perf_counter() - began
    if as_json:
        click.echo(
            json.dumps({"model": str(loaded.path), "text": passage.name} | found.facts(), indent=1)
        )
        return
    show(found, passage.name, seconds)


def show(found: Score, name: str, seconds: float) -> None:
    """Print a score as a table on standard output."""
    text = f"{name}   {console.quantity(found.characters, 'character')}"
    if found.unit != "character":
        text += f", {console.quantity(found.tokens, found.unit)}"
    text += ", one stream, state carried from the first character"
    if found.unknown:
        text += f", {console.quantity(found.unknown, 'token')} unknown"
    out = console.out()
    out.print(f"text        {text}")
    characters = found.unit == "character"
    unit = found.unit[:4] if characters else found.unit
    columns: list[str | tuple[str, Literal["right"]]] = ["", ("bits/char", "right")]
    columns += [(f"nats/{unit}", "right"), ("perplexity", "right")]
    columns += [("accuracy", "right"), ("mean posterior", "right")]
    rows: list[list[object]] = [
        [
            "model",
            f"{found.bits_per_char:.4f}",
            f"{found.nats_per_token:.4f}",
            f"{found.perplexity:,.3f}",
            f"{found.accuracy:.2%}",
            f"{found.mean_posterior:.4f}",
        ]
    ]
    if found.xz_bits_per_char is not None:
        rows.append(["xz -9e", f"{found.xz_bits_per_char:.4f}"])
    rows.append(["uniform", f"{found.uniform_bits_per_char:.4f}"])
    out.print(console.table(columns, [row + [None] * (len(columns) - len(row)) for row in rows]))
    if found.unit == "word":
        out.print(
            f"a word      {found.nats_per_word:.4f} nats, perplexity {found.word_perplexity:,.1f} "
            f"({console.quantity(found.words, 'word')} between white space)"
        )
    console.err().print(
        f"read        {console.duration(seconds)}, {found.tokens / max(1e-9, seconds):,.0f} "
        f"{found.unit}s a second"
    )


class Watch:
    """A progress bar that shows only where the work takes longer than a second."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._began = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        self._began = time.perf_counter()
        return self._advance

    def _advance(self, done: int, total: int) -> None:
        if self._bar is None:
            if time.perf_counter() - self._began < 1.0:
                return
            self._bar = console.progress_bar(transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=total)
        self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
