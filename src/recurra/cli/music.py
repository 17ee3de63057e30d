"""`recurra music`: learn tunes, chorales and performances, compose, and measure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.cli import console
from recurra.cli.flags import build, collect, options_from, with_flag_names
from recurra.cli.watch import Watch
from recurra.core.errors import ConfigError
from recurra.core.sampling import SamplingOptions
from recurra.engines import EngineOptions
from recurra.formats import documents
from recurra.formats.abc_notes import count_bars
from recurra.tasks.music.compose import ComposeOptions
from recurra.tasks.music.settings import CLASSES, DEFAULT, PRESETS
from recurra.tasks.music.wishes import USUAL

if TYPE_CHECKING:
    from recurra.core.notes import Piece
    from recurra.tasks.music.compose import Composed
    from recurra.tasks.music.model import MusicModel
    from recurra.tasks.music.training import MusicTraining

KINDS = ("mid", "abc", "musicxml", "wav", "ogg", "flac", "svg", "png")
SHOWN = 5
"""Files whose refusal is told; the rest is counted."""


@click.group()
def music() -> None:
    """Learn music, compose, and measure.

    \b
    Example:
      recurra music train nottingham --run runs/tunes --seconds 600
      recurra music compose runs/tunes --key G --meter 6/8 --output tune.mid,tune.wav
      recurra music score runs/tunes
    """


def _presets() -> str:
    lines = [f"  {name:<7} {about}" for name, (about, _) in PRESETS.items()]
    return "\n".join(["\b", "Presets:", *lines])


@music.command(epilog=_presets())
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--run", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder of the run; left out, a new one under runs/, named after the first file.",
)  # fmt: skip
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), default=DEFAULT, show_default=True,
    help="Size of the network and length of the training, underneath the settings given here.",
)  # fmt: skip
@options_from(*CLASSES.values(), defaults=PRESETS[DEFAULT][1])
@click.option("--overwrite", is_flag=True, help="Delete the run that is in the folder first.")
def train(
    files: tuple[str, ...], run: Path | None, preset: str, overwrite: bool, **flags: Any
) -> None:
    """Learn the music in FILE, several files, folders, patterns or public sets.

    MIDI (.mid), ABC collections (.abc), MusicXML (.musicxml, .mxl) and piano rolls (.json, .npz)
    are read; what cannot be read is told and passed over. `recurra data list` names the public
    sets. The defaults below are those of the preset small. Ctrl-C saves; `recurra resume` goes on.

    \b
    Examples:
      recurra music train tunes.abc
      recurra music train nottingham irish-abc --transpose 3
      recurra music train midi/ --vocabulary performance --seconds 3600
      recurra music train chorales.npz --run runs/chorales --transpose 6
    """
    from recurra.cli.progress import ProgressListener, conclude
    from recurra.learning.run_folder import RunFolder
    from recurra.tasks.music.training import prepare

    values: dict[str, Any] = {}
    for kind in CLASSES.values():
        values |= collect(kind, flags)
    values |= values.pop("cell", {})
    with Watch("reading") as watch:
        training = prepare(list(files), values, preset=preset, progress=watch)
    _print_facts(files, training)
    document = training.describe()
    if run is None:
        stem = Path(files[0].rstrip("/")).name.split(".")[0] or "music"
        folder = RunFolder.create_new("runs", stem, document)
    else:
        folder = RunFolder.create(run, document, replace=overwrite)
    with folder:
        console.err().print(f"run         {folder.path}")
        with ProgressListener() as shown:
            outcome = training.run(folder, [shown])
    conclude(outcome, folder.path, f"recurra music compose {folder.path} --output tune.mid")


def _print_facts(files: Sequence[str], training: MusicTraining) -> None:
    """Say what was read and left out, and what is about to be learned by what."""
    from recurra.cli.inspect import describe

    err = console.err().print
    corpus, words = training.task.corpus, training.task.vocabulary
    name = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    read = [report for report in corpus.files if report.pieces]
    tokens = sum(len(one.tokens) for one in corpus.pieces)
    err(
        f"{name:<11} {console.quantity(len(read), 'file')}, "
        f"{console.quantity(len(corpus.pieces), 'piece')}, {console.quantity(tokens, 'token')} "
        f"of {words.kind}, {words.size:,} distinct"
    )
    sizes = ", ".join(f"{len(corpus.of(split)):,} {split}" for split in corpus.splits)
    err(f"pieces      {sizes}; {console.quantity(_keys(training), 'key')} a piece")
    refused = [report.error for report in corpus.files if report.error]
    refused += [note for report in corpus.files for note in report.notes]
    for sentence in [*refused[:SHOWN], *corpus.notes]:
        err(f"left out    {sentence}")
    if len(refused) > SHOWN:
        err(f"left out    {len(refused) - SHOWN:,} more")
    err(f"model       {describe(training.task.spec)}")
    err(f"engine      {training.engine.describe()}")


def _keys(training: MusicTraining) -> int:
    return max(len(one) for one in training.task.corpus.variants)


@music.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--prime", type=click.Path(path_type=Path), metavar="FILE",
    help="Go on from this piece (.mid, .abc, .musicxml); with --given keep some of its voices.",
)  # fmt: skip
@options_from(ComposeOptions, names={"metre": "meter"})
@options_from(SamplingOptions, defaults={"temperature": USUAL.temperature})
@options_from(EngineOptions)
@click.option("--title", default="", metavar="TEXT", help="Title of the piece.")
@click.option(
    "--output", "-o", metavar="FILE[,FILE]...",
    help="Write these files: .mid, .abc, .musicxml, .wav, .ogg, .flac, .svg (piano roll), .png. "
    "Several pieces are numbered before the suffix. Left out, ABC is printed.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print notes and ABC as JSON.")
def compose(
    model: str, prime: Path | None, title: str, output: str | None, as_json: bool, **flags: Any
) -> None:
    """Compose with MODEL, a model file or a run folder.

    \b
    Examples:
      recurra music compose runs/tunes --key D --meter 6/8 --bars 16 -o jig.abc,jig.mid,jig.ogg
      recurra music compose runs/tunes --prime tune.abc --prime-bars 4 -o goes-on.mid
      recurra music compose runs/chorales --prime melody.mid --given 1 --voices 4 -o chorale.wav
    """
    from recurra.tasks.music.compose import compose as make
    from recurra.tasks.music.model import MusicModel
    from recurra.tasks.music.render import check_packages

    how = build(ComposeOptions, flags)
    sampling = build(SamplingOptions, flags, USUAL)
    engine = build(EngineOptions, flags)
    paths = [Path(part.strip()) for part in output.split(",")] if output else []
    for path in paths:
        if path.suffix.lower().lstrip(".") not in KINDS:
            raise ConfigError(
                f"{path} ends in none of {', '.join(KINDS)}, so it is not clear how to write it.",
                "output",
            )
        check_packages(path.suffix.lower())
    loaded = MusicModel.load(model, **engine.model_dump())
    given = None if prime is None else _one_piece(prime)
    try:
        with Watch("composing") as watch:
            made = make(loaded, how, sampling, prime=given, title=title, progress=watch)
    except ConfigError as error:
        params = click.get_current_context().command.params
        raise ConfigError(with_flag_names(str(error), error.field, params), error.field) from None
    if as_json:
        facts = {"model": str(loaded.path), "seed": made.seed,
                 "pieces": [one.facts() for one in made.pieces]}  # fmt: skip
        click.echo(json.dumps(documents.plain(facts), ensure_ascii=False, indent=1))
    elif not paths:
        click.echo("\n".join(one.abc for one in made.pieces), nl=False)
    for path in paths:
        _write(made, path)
    console.err().print(_told(made))


def _write(made: Composed, path: Path) -> None:
    from recurra.tasks.music.render import save

    many = len(made.pieces) > 1
    for n, one in enumerate(made.pieces, 1):
        place = path.with_name(f"{path.stem}-{n}{path.suffix}") if many else path
        with Watch("making sound") as watch:
            save(one.piece, place, progress=watch)
    names = f"{path.stem}-1{path.suffix} to -{len(made.pieces)}" if many else str(path)
    console.err().print(f"written     {names}")


def _told(made: Composed) -> str:
    piece = made.pieces[0].piece
    played = -(-piece.length // piece.bar)
    count = console.quantity(played, "bar")
    if piece.abc:
        written = count_bars(piece.abc.split(" "))
        count = console.quantity(written, "bar")
        count += f" ({played:,} as played)" if played > written + 1 else ""
    said = [console.quantity(len(piece.notes), "note"), count, console.duration(piece.duration_s)]
    more = f" (the first of {len(made.pieces):,})" if len(made.pieces) > 1 else ""
    return f"{', '.join(said)}{more}; seed {made.seed}"


def _one_piece(path: Path) -> Piece:
    from recurra.formats.music_files import read_file

    pieces, notes = read_file(str(path))
    if not pieces:
        raise ConfigError(f"{path} holds no piece: {' '.join(notes[:2])}", "prime")
    return pieces[0]


@music.command()
@click.argument("model", metavar="MODEL")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--split", type=click.Choice(["train", "validation", "test", "all"]), default="test",
    show_default=True, help="Which pieces of the model's own files, or of a FILE with splits.",
)  # fmt: skip
@options_from(EngineOptions)
@click.option("--json", "as_json", is_flag=True, help="Print the same facts as JSON.")
def score(model: str, files: tuple[str, ...], split: str, as_json: bool, **flags: Any) -> None:
    """Measure how well MODEL predicts music that it has not seen.

    Without FILE the model's own files are read again and its test split is scored. For polyphony
    the figure of the field is told: nats a time step, all notes of a step together.

    \b
    Example:
      recurra music score runs/chorales
    """
    from recurra.tasks.music.model import MusicModel

    engine = build(EngineOptions, flags)
    loaded = MusicModel.load(model, **engine.model_dump())
    with Watch("reading") as watch:
        pieces = _pieces(loaded, files, split, watch)
    with Watch("scoring") as watch:
        found = loaded.score(pieces, progress=watch)
    facts = {"model": str(loaded.path), "split": split, **found.facts()}
    if as_json:
        click.echo(json.dumps(documents.plain(facts), indent=1))
        return
    rows = [
        ("pieces", f"{found.pieces:,}"),
        ("tokens", f"{found.tokens:,}, ends counted"),
        ("nats a token", f"{found.nats_per_token:.4f}"),
        ("perplexity", f"{found.perplexity:.3f}"),
    ]
    if found.unit == "step":
        rows.insert(2, ("time steps", f"{found.steps:,}"))
        rows.append(("nats a step", f"{found.nats_per_step:.4f}"))
    console.out().print(console.table(["", ""], rows, headings=False))


def _pieces(model: MusicModel, files: Sequence[str], split: str, progress: Any) -> list[Any]:
    """Return the tokens of what is to be scored, encoded as the model reads."""
    from recurra.tasks.music.corpus import encode_for, load_corpus
    from recurra.tasks.music.reading import read_music
    from recurra.tasks.music.settings import Settings

    settings = Settings.from_json(model.document["task"].get("options", {}))
    if not files:
        inputs = _own_files(model)
        if not inputs:
            raise ConfigError("the model does not say where its music is; name files.", "files")
        corpus = load_corpus(inputs, settings.music, progress=progress)
        if corpus.sha256 != model.provenance.get("data", {}).get("sha256"):
            raise ConfigError(
                "the model's own music has changed since it was trained; name files to score.",
                "files",
            )
        splits = corpus.splits if split == "all" else (split,)
        pieces = [one.piece for name in splits for one in corpus.of(name)]
    else:
        music = read_music(files, resolution=settings.music.resolution, progress=progress)
        with_split = any(piece.split for piece in music.pieces) and split != "all"
        pieces = [p for p in music.pieces if not with_split or p.split == split]
    # By the model's own vocabulary, whatever would be learned from the files today.
    found, notes = encode_for(model.vocabulary, pieces)
    if notes and not found:
        raise ConfigError(f"the model has no tokens for any of these pieces: {notes[0]}", "files")
    for note in notes[:SHOWN]:
        console.err().print(f"left out    {note}")
    if len(notes) > SHOWN:
        console.err().print(f"left out    {len(notes) - SHOWN:,} more")
    if not found:
        raise ConfigError(f"there are no pieces of the split '{split}' to score.", "split")
    return found


def _own_files(model: MusicModel) -> list[str]:
    """Return where the model's own music is: as its run folder says, or as it was named."""
    from recurra.learning.run_folder import RUN, read_document

    if model.path is not None and (model.path.parent / RUN).is_file():
        return list(read_document(model.path.parent).get("inputs") or [])
    return list(model.provenance.get("data", {}).get("inputs") or [])
