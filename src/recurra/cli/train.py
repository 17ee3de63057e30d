"""`recurra train`: from a text to a model, with everything on the way shown and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.cli import console
from recurra.cli.flags import collect, options_from
from recurra.tasks.text.presets import DEFAULT, PRESETS
from recurra.tasks.text.settings import CLASSES

if TYPE_CHECKING:
    from recurra.tasks.text.training import TextTraining


def _presets() -> str:
    """Return what the help says of the presets: parameters at 65 characters, and what for."""
    lines = [
        f"  {name:<7} {preset.parameters():>10,} parameters  {preset.about}"
        for name, preset in PRESETS.items()
    ]
    return "\n".join(["\b", "Presets (parameters at 65 characters):", *lines])


@click.command(epilog=_presets())
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--run", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder of the run; left out, a new one under runs/, named after the text.",
)  # fmt: skip
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), default=DEFAULT, show_default=True,
    help="Size of the network and length of the training, underneath the settings given here.",
)  # fmt: skip
@options_from(
    *CLASSES.values(), names={"stride": "step"},
    defaults={**PRESETS[DEFAULT].values, "dropout": None},
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Delete the run that is in the folder first.")
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard's files to the folder too.")
def train(
    files: tuple[str, ...],
    run: Path | None,
    preset: str,
    overwrite: bool,
    tensorboard: bool,
    **flags: Any,
) -> None:
    """Learn the text of FILE, several files, folders, patterns or public corpora.

    "-" is standard input; `recurra data list` names the corpora. With no other setting a network of
    fair size is trained for some minutes. Ctrl-C saves; `recurra resume` goes on. The defaults
    below are those of the preset small; dropout left out suits the length of the text.

    \b
    Examples:
      recurra train novel.txt
      recurra train shakespeare --run runs/first --seconds 60
      recurra train poems/*.txt --sizes 128,128 --epochs 10 --reset-at document
    """
    from recurra.cli.progress import ProgressListener, conclude
    from recurra.cli.watch import Watch
    from recurra.engines.memory import return_freed_memory
    from recurra.learning.events import Listener
    from recurra.learning.run_folder import RunFolder
    from recurra.tasks.text.training import prepare, run_name

    return_freed_memory()
    values: dict[str, Any] = {}
    for kind in CLASSES.values():
        values |= collect(kind, flags)
    values |= values.pop("cell", {})
    with Watch("reading") as watch:
        training = prepare(
            list(files), values, preset=preset, progress=lambda done, whole, _: watch(done, whole)
        )
    _print_facts(files, training)
    document = training.describe()
    if run is None:
        folder = RunFolder.create_new("runs", run_name(list(files)), document)
    else:
        folder = RunFolder.create(run, document, replace=overwrite)
    with folder:
        console.err().print(f"run         {folder.path}")
        listeners: list[Listener] = []
        if tensorboard:
            from recurra.learning.tensorboard import TensorBoardListener

            listeners.append(TensorBoardListener(folder.path))
        with ProgressListener() as shown:
            outcome = training.run(folder, [shown, *listeners])
    conclude(outcome, folder.path)


def _print_facts(files: tuple[str, ...], training: TextTraining) -> None:
    """Say what is about to be learned, by what, on what; advice in between."""
    from recurra.cli.inspect import describe
    from recurra.tasks.text.advice import advice

    corpus, settings = training.task.corpus, training.settings
    said = [console.quantity(corpus.characters, "character")]
    if corpus.vocabulary.kind != "characters":
        said.append(console.quantity(len(corpus.tokens), training.task.unit))
    said.append(f"{corpus.vocabulary.size:,} distinct")
    share = settings.text.validation + settings.text.test
    said.append(f"{share:.3g} held out" if not share else f"{100 * share:.3g} % held out")
    name = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    err = console.err()
    err.print(f"{name:<11} {', '.join(said)}")
    for sentence in advice(corpus):
        err.print(f"note        {sentence}")
    err.print(f"model       {describe(training.task.spec)}")
    err.print(f"engine      {training.engine.describe()}")
