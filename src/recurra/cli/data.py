"""`recurra data`: public texts by name."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from recurra.cli import console

if TYPE_CHECKING:
    from recurra.datasets.catalogue import Dataset

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def data() -> None:
    """List, describe and get public texts to learn from.

    \b
    Example:
      recurra data list
      recurra train tinyshakespeare

    A text is used by its name, or by data:NAME where there is a file of that name too. The folder
    that RECURRA_DATA names is searched first, then the cache (RECURRA_CACHE).
    """


@data.command("list")
@_json
def list_datasets(as_json: bool) -> None:
    """List all texts and say which are on this computer."""
    from recurra.datasets.catalogue import CATALOGUE
    from recurra.datasets.registry import whereabouts

    if as_json:
        click.echo(json.dumps([_facts(dataset) for dataset in CATALOGUE], indent=2))
        return
    rows = [
        (
            dataset.name,
            console.size(dataset.size_bytes),
            "here" if whereabouts(dataset) else "to get" if _can_get(dataset) else "by hand",
            dataset.licence,
            dataset.title,
        )
        for dataset in CATALOGUE
    ]
    columns: list[Any] = ["name", ("size", "right"), "", "licence", "what"]
    console.out().print(console.table(columns, rows))


@data.command()
@click.argument("name")
@_json
def info(name: str, as_json: bool) -> None:
    """Say what a text is, its licence, and where it comes from."""
    from recurra.datasets.registry import find

    dataset = find(name)
    facts = _facts(dataset)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    more = len(dataset.addresses) - 1
    shown = {
        "name": f"{dataset.name}: {dataset.title}",
        "what": dataset.what,
        "size": f"{console.size(dataset.size_bytes)}{'' if dataset.sha256 else ', about'}",
        "licence": dataset.licence,
        "origin": dataset.origin,
        "home": dataset.home,
        "package": dataset.package,
        "address": dataset.addresses[0] + (f" and {more} more" if more else "")
        if dataset.addresses
        else None,
        "sha256": dataset.sha256 or "none: it differs from version to version",
        "reader": dataset.reader,
        "RECURRA_DATA": " or ".join(dataset.files),
        "where": facts["where"] or "not on this computer",
    }
    rows = [(label, value) for label, value in shown.items() if value]
    console.out().print(console.table(["", ""], rows, headings=False))
    if facts["where"]:
        console.err().print(f"next: recurra train {dataset.name}")
    elif _can_get(dataset):
        console.err().print(f"next: recurra data get {dataset.name}")
    else:
        console.err().print("It is not downloaded: put it into the folder that RECURRA_DATA names.")


@data.command()
@click.argument("name")
@_json
def get(name: str, as_json: bool) -> None:
    """Bring a text to this computer, and check it."""
    from recurra.datasets.registry import find, get_dataset

    dataset = find(name)
    with ExitStack() as shown:
        tasks: list[tuple[Any, Any]] = []

        def show(done: int, total: int, what: str) -> None:
            if not tasks:  # Nothing is drawn where nothing is downloaded.
                bar = shown.enter_context(console.progress_bar("bytes", transient=True))
                tasks.append((bar, bar.add_task(what, total=None)))
            bar, task = tasks[0]
            bar.update(task, completed=done, total=total or None, description=what)

        where = get_dataset(dataset.name, show)
    if as_json:
        click.echo(json.dumps(_facts(dataset), indent=2))
        return
    console.out().print(f"{dataset.name} is here ({where}), and as it should be.")
    console.err().print(f"next: recurra train {dataset.name}")


def _can_get(dataset: Dataset) -> bool:
    return bool(dataset.addresses or dataset.package)


def _facts(dataset: Dataset) -> dict[str, Any]:
    from dataclasses import asdict

    from recurra.datasets.registry import whereabouts

    return {**asdict(dataset), "where": whereabouts(dataset)}
