"""`recurra data`: public texts, sets of music and series by name."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from recurra.cli import console

if TYPE_CHECKING:
    from recurra.datasets.catalogue import Dataset

_KINDS = {"music": "music", "series": "series", "labels": "classes"}
"""What sets that stay in their files are called in the list; all others are texts."""

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def data() -> None:
    """List, describe and get public texts, music and series to learn from.

    \b
    Example:
      recurra data list
      recurra train tinyshakespeare
      recurra music train nottingham
      recurra forecast train air-passengers --horizon 12

    A set is used by its name, or by data:NAME where there is a file of that name too. The folder
    that RECURRA_DATA names is searched first, then the cache (RECURRA_CACHE).
    """


@data.command("list")
@_json
def list_datasets(as_json: bool) -> None:
    """List all texts, all music and all series, and say which are on this computer."""
    from recurra.datasets.shelves import every

    sets = every()
    if as_json:
        click.echo(json.dumps([_facts(dataset) for dataset in sets], indent=2))
        return
    rows = [
        (
            dataset.name,
            _KINDS.get(dataset.reader, "text"),
            console.size(dataset.size_bytes),
            "here" if _where(dataset) else "to get" if _can_get(dataset) else "by hand",
            dataset.licence,
            dataset.title,
        )
        for dataset in sets
    ]
    columns: list[Any] = ["name", "", ("size", "right"), "", "licence", "what"]
    console.out().print(console.table(columns, rows))


@data.command()
@click.argument("name")
@_json
def info(name: str, as_json: bool) -> None:
    """Say what a set is, its licence, and where it comes from."""
    from recurra.datasets.shelves import command, find

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
        "RECURRA_DATA": (" and " if dataset.reader == "music" else " or ").join(dataset.files),
        "where": facts["where"] or "not on this computer",
    }
    rows = [(label, value) for label, value in shown.items() if value]
    console.out().print(console.table(["", ""], rows, headings=False))
    if facts["where"]:
        console.err().print(f"next: {command(dataset)}")
    elif _can_get(dataset):
        console.err().print(f"next: recurra data get {dataset.name}")
    else:
        console.err().print("It is not downloaded: put it into the folder that RECURRA_DATA names.")


@data.command()
@click.argument("name")
@_json
def get(name: str, as_json: bool) -> None:
    """Bring a set to this computer, and check it."""
    from recurra.datasets.files import get_files
    from recurra.datasets.registry import get_dataset
    from recurra.datasets.shelves import command, find

    dataset = find(name)
    with ExitStack() as shown:
        tasks: list[tuple[Any, Any]] = []

        def show(done: int, total: int, what: str) -> None:
            if not tasks:  # Nothing is drawn where nothing is downloaded.
                bar = shown.enter_context(console.progress_bar("bytes", transient=True))
                tasks.append((bar, bar.add_task(what, total=None)))
            bar, task = tasks[0]
            bar.update(task, completed=done, total=total or None, description=what)

        if dataset.reader in _KINDS:
            get_files(dataset, show)
            where = _where(dataset)
        else:
            where = get_dataset(dataset.name, show)
    if as_json:
        click.echo(json.dumps(_facts(dataset), indent=2))
        return
    console.out().print(f"{dataset.name} is here ({where}), and as it should be.")
    console.err().print(f"next: {command(dataset)}")


def _where(dataset: Dataset) -> str | None:
    """Return where a set is on this computer, None where it is not."""
    from recurra.datasets.files import files_of
    from recurra.datasets.registry import whereabouts

    if dataset.reader not in _KINDS:
        return whereabouts(dataset)
    files = files_of(dataset)
    return str(files[0].parent if len(files) > 1 else files[0]) if files else None


def _can_get(dataset: Dataset) -> bool:
    return bool(dataset.addresses or dataset.package)


def _facts(dataset: Dataset) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(dataset), "where": _where(dataset)}
