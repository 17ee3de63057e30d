"""`recurra inside`: what the units of a model do while they read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from recurra.cli import console
from recurra.cli.flags import build, options_from
from recurra.engines import EngineOptions
from recurra.tasks.text.inside import InsideOptions

if TYPE_CHECKING:
    from recurra.insight.ablation import Ablation
    from recurra.insight.units import Explanation
    from recurra.tasks.text.inside import Inside

ROWS = 20
"""Units in the table; the page and the JSON have all of them."""

Columns = list[str | tuple[str, Literal["right"]]]


@click.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--text", "files", multiple=True, metavar="FILE",
    help="What the model reads; several are read one after the other. Left out, its own held-out "
    "text.",
)  # fmt: skip
@click.option(
    "--unit", "names", multiple=True, metavar="L:N",
    help="A unit to look at closely and to take out: layer and number, both from 0.",
)  # fmt: skip
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), metavar="PAGE",
    help="Write a page that shows all of it, to be opened in any browser.",
)  # fmt: skip
@click.option(
    "--unknown", type=click.Choice(["refuse", "replace"]), default=None,
    help="What happens to characters outside the vocabulary; as the model was trained where "
    "nothing is said.",
)  # fmt: skip
@options_from(InsideOptions, EngineOptions)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inside(
    model: str,
    files: tuple[str, ...],
    names: tuple[str, ...],
    page: Path | None,
    unknown: Literal["refuse", "replace"] | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Look inside MODEL while it reads: what its units respond to, and how long they remember.

    Each unit is compared with quotes, brackets, markup, the place in the line, word starts,
    capitals, digits and vowels, and with a regular expression of yours.

    \b
    Examples:
      recurra inside runs/first --html inside.html
      recurra inside runs/first --text program.py --pattern '#.*' --unit 1:115
    """
    from recurra.insight.trace import Unit
    from recurra.tasks.text.inside import look_inside
    from recurra.tasks.text.model import Model

    options = build(InsideOptions, flags)
    loaded = Model.load(model, **build(EngineOptions, flags).model_dump())
    units = [Unit.parse(name, loaded.spec.stack.sizes) for name in names]
    passage = loaded.passage(files, unknown=unknown)
    text = passage.data.decode("utf-8", "replace")
    with console.err().status("reading") as status:
        found = look_inside(
            loaded, text, options, name=passage.name, units=units, unknown=unknown,
            step=lambda what: status.update(what),
        )  # fmt: skip
        if page is not None:
            from recurra.insight.page import write_page
            from recurra.tasks.text.inside_page import page_of

            status.update("drawing the page")
            title = f"Inside {Path(model).name}"
            write_page(
                page,
                page_of(loaded, found, options, title=title, first=units[0] if units else None),
            )
    if as_json:
        facts = {"model": str(loaded.path), **found.facts()}
        click.echo(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        show(found, units)
    if page is not None:
        console.err().print(f"page        {page}   {console.size(page.stat().st_size)}")


def show(found: Inside, units: Iterable[Any] = ()) -> None:
    """Print what was found on standard output."""
    out = console.out()
    count = console.quantity(len(found.tokens), "token")
    out.print(f"text        {found.name}   {count}, {found.nats:.4f} nats each")
    explained = found.explanations
    wanted = set(units)
    ranking = explained.ranking()
    mine = [one for one in ranking if one.unit in wanted]
    if mine:
        out.print("\nthe units asked for")
        _units(found, mine)
    if explained.features:
        out.print("\nthe best detector of each feature")
        _units(found, explained.detectors())
        out.print(f"\nwhat the units respond to: the {ROWS} best explained of {len(ranking)}")
        _units(found, ranking[:ROWS])
        out.print(
            "explained: share of the feature's entropy, beyond chance; p corrected for every pair, "
            f"{explained.permutations} shifted texts"
        )
    for name, reason in explained.skipped.items():
        out.print(f"not tested  {name} {reason}")
    if found.ablations:
        out.print("\ntaken out: nats a token inside and outside of what the unit responds to")
        _ablations(found)
    out.print("\nhow long they remember: half-lives in steps, of a layer's units")
    _half_lives(found)
    _reach(found)


def _units(found: Inside, rows: Iterable[Explanation]) -> None:
    gone, labels = found.forgetting, found.trace.unit_labels
    columns: Columns = ["unit", "responds to", ("explained", "right"), ("p", "right")]
    columns += [("there", "right"), ("elsewhere", "right"), ("forget gate", "right")]
    columns += [("half-life", "right"), ("measured", "right")]
    lines = []
    for one in rows:
        n = labels.index(one.unit)
        lines.append(
            [
                one.unit, one.feature, f"{one.score:.1%}", f"{one.p:.3g}", f"{one.inside:+.2f}",
                f"{one.outside:+.2f}", f"{gone.mean_gate[n]:.3f}", steps(gone.implied[n]),
                steps(gone.measured[n]),
            ]
        )  # fmt: skip
    console.out().print(console.table(columns, lines))


def _ablations(found: Inside) -> None:
    columns: Columns = ["unit", "context", "held at", ("inside", "right"), ("without", "right")]
    columns += [("change", "right"), ("outside", "right"), ("without", "right")]
    columns += [("change", "right")]
    rows = [
        [one.unit, one.feature, word, *_changes(result)]
        for one, mean, zero in found.ablations
        for word, result in (("its mean", mean), ("zero", zero))
    ]
    console.out().print(console.table(columns, rows))


def _changes(one: Ablation) -> list[str]:
    pairs = ((one.intact.inside, one.ablated.inside), (one.intact.outside, one.ablated.outside))
    return [
        text
        for before, after in pairs
        for text in (f"{before:.4f}", f"{after:.4f}", f"{after - before:+.4f}")
    ]


def _half_lives(found: Inside) -> None:
    gone = found.forgetting
    columns: Columns = ["layer", ""]
    columns += [("a tenth below", "right"), ("half below", "right"), ("nine tenths below", "right")]
    pairs = zip(gone.shares(gone.implied), gone.shares(gone.measured), strict=True)
    rows = [
        [layer, what, *map(steps, shares)]
        for layer, both in enumerate(pairs)
        for what, shares in zip(("implied by the mean gate", "measured"), both, strict=True)
    ]
    console.out().print(console.table(columns, rows))


def _reach(found: Inside) -> None:
    if found.reach is None:
        return
    out, moved = console.out(), found.reach
    out.print("\none changed token still moves the prediction by (KL divergence, nats)")
    at = [d for d in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if d < len(moved.distances)]
    columns: Columns = ["steps later", *((f"{d}", "right") for d in at)]
    out.print(console.table(columns, [["nats", *(f"{moved.divergence[d]:.3g}" for d in at)]]))
    within = moved.within(0.01)
    if within is not None:
        out.print(f"less than 1 % of it is left after {console.quantity(within, 'step')}")


def steps(value: float) -> str:
    """Return a number of steps: "6.6", "120", "never"."""
    if not math.isfinite(value):
        return "never"
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"
