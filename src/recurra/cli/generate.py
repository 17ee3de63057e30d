"""`recurra generate` and `recurra complete`: text from a model, to the terminal or to files."""

from __future__ import annotations

import json
import math
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.cli import console
from recurra.cli.errors import EXIT_INTERRUPTED
from recurra.cli.flags import build, options_from
from recurra.cli.progress import printable
from recurra.core.errors import ConfigError
from recurra.core.sampling import SamplingOptions
from recurra.engines import EngineOptions
from recurra.learning.priming import draw_seed
from recurra.tasks.text.generate import Generated, GenerateOptions, Piece

if TYPE_CHECKING:
    from recurra.tasks.text.model import Model

ALTERNATIVES = 5
"""How many of the likeliest tokens `--json` tells at each place."""

_stop = click.option(
    "--stop",
    multiple=True,
    metavar="TEXT",
    help="Text that ends a sample; it is left out of the text. May be given several times.",
)


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--prime", "-p", default="", metavar="TEXT", help="Text to go on from.")
@click.option(
    "--prime-file", type=click.Path(path_type=Path), metavar="FILE",
    help="Take the text to go on from from a file.",
)  # fmt: skip
@options_from(GenerateOptions, SamplingOptions, exclude=("stop",))
@_stop
@options_from(EngineOptions)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE",
    help="Write to this file; several samples go to FILE-1, FILE-2, ... before the suffix.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True,
    help="Print JSON: each token with its probability and the likeliest alternatives.",
)  # fmt: skip
def generate(
    model: str,
    prime: str,
    prime_file: Path | None,
    output: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Write text with MODEL, a model file or a run folder.

    The text comes on standard output as it is drawn, after its prime; an empty prime starts at the
    beginning of a line. --length 0 goes on until Ctrl-C.

    \b
    Example:
      recurra generate runs/first --prime "Once upon" --length 500 --temperature 0.7
    """
    how = build(GenerateOptions, flags)
    sampling = build(SamplingOptions, flags)
    engine = build(EngineOptions, flags)
    if prime_file is not None:
        if prime:
            raise ConfigError("both --prime and --prime-file are given; drop one.", "prime_file")
        prime = _read_prime(prime_file)
    loaded = _load(model, engine)
    if as_json:
        made = loaded.samples(prime, how, sampling, alternatives=0 if how.beam else ALTERNATIVES)
        text = json.dumps(facts(loaded, made), ensure_ascii=False, indent=1) + "\n"
        _deliver(text, output)
    elif output is not None:
        made = loaded.samples(prime, how, sampling)
        paths = sample_paths(output, len(made.samples))
        for path, piece in zip(paths, made.samples, strict=True):
            _write(path, prime + piece.text)
        listed = str(paths[0]) if len(paths) == 1 else f"{paths[0]} to {paths[-1]}"
        console.err().print(f"written     {listed}{_seed_note(made.seed)}")
    elif how.samples > 1 or how.beam:
        made = loaded.samples(prime, how, sampling)
        for n, piece in enumerate(made.samples, 1):
            if len(made.samples) > 1:
                click.echo(f"--- {n} of {len(made.samples)} ---")
            click.echo(_shown(prime + piece.text))
        if made.seed is not None:
            console.err().print(_seed_note(made.seed).strip())
    else:
        _stream(loaded, prime, how, sampling)


def _stream(
    model: Model,
    prime: str,
    how: GenerateOptions,
    sampling: SamplingOptions,
) -> None:
    """Print one text as it is drawn; Ctrl-C ends it with the text whole and exit code 130."""
    how = how.replace(seed=draw_seed(how.seed))
    count, began = 0, time.perf_counter()
    interrupted = False
    pieces = model.pieces(prime, how, sampling)
    try:
        _emit(prime)
        for piece in pieces:
            count += len(piece.tokens)
            _emit(piece.text)
    except KeyboardInterrupt:
        interrupted = True
    seconds = max(1e-9, time.perf_counter() - began)
    click.echo()
    seed = None if sampling.greedy else how.seed
    said = f"{console.quantity(count, model.unit)}, {count / seconds:,.0f}/s{_seed_note(seed)}"
    console.err().print(said)
    if interrupted:
        raise click.exceptions.Exit(EXIT_INTERRUPTED)


@click.command()
@click.argument("model", metavar="MODEL")
@options_from(
    GenerateOptions, SamplingOptions, exclude=("stop", "samples", "beam"), defaults={"length": 200}
)
@_stop
@options_from(EngineOptions)
def complete(model: str, **flags: Any) -> None:
    """Write together with MODEL: type a beginning and it goes on.

    An empty line asks for more of the same text; Ctrl-D ends, and Ctrl-C while it writes stops it.
    Beginnings may also be piped in, one a line.

    \b
    Example:
      recurra complete runs/first --temperature 0.6
    """
    base = GenerateOptions(length=200)
    how = build(GenerateOptions, flags, base)
    if not how.length:
        raise ConfigError("length is 0, but a turn has to end; say how long.", "length")
    sampling = build(SamplingOptions, flags)
    loaded = _load(model, build(EngineOptions, flags))
    seed = draw_seed(how.seed)
    asked = sys.stdin.isatty()
    if asked:
        with suppress(ImportError):
            import readline  # noqa: F401  # lines can be edited and called back
        console.err().print(f"{model}: {loaded.parameters:,} parameters, seed {seed}")
        console.err().print("Type a beginning; an empty line for more, Ctrl-D to end.")
    text = ""
    turn = 0
    while True:
        try:
            line = input("> ") if asked else sys.stdin.readline()
        except EOFError:
            break
        except KeyboardInterrupt:
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        if not asked and not line:
            break
        line = line.rstrip("\r\n")
        text = line or text
        try:
            pieces = loaded.pieces(text, how.replace(seed=seed + turn), sampling)
            # What is shown again is the beginning; more of a text goes on where it stopped.
            _emit(line)
            for piece in pieces:
                text += piece.text
                _emit(piece.text)
        except KeyboardInterrupt:
            if not asked:
                raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        except ConfigError as error:
            # A beginning with letters that the model does not know: the next one may do.
            if not asked:
                raise
            text = ""
            console.err().print(f"recurra: {error}")
        click.echo()
        turn += 1
    if asked:
        click.echo()


def facts(model: Model, made: Generated) -> dict[str, Any]:
    """Return samples as JSON data: each token with its probability and the likeliest others."""

    def token(number: int) -> str:
        return model.vocabulary.token_text(number)

    def place(piece: Piece, n: int) -> dict[str, Any]:
        found: dict[str, Any] = {
            "text": token(piece.tokens[n]),
            "probability": math.exp(piece.log_probs[n]),
        }
        if piece.alternatives:
            found["alternatives"] = [
                {"text": token(number), "probability": share}
                for number, share in piece.alternatives[n]
            ]
        return found

    return {
        "model": str(model.path),
        "seed": made.seed,
        "unit": model.unit,
        "samples": [
            {
                "prime": prime,
                "text": piece.text,
                "tokens": [place(piece, n) for n in range(len(piece.tokens))],
            }
            for prime, piece in zip(made.primes, made.samples, strict=True)
        ],
    }


def sample_paths(path: Path, count: int) -> list[Path]:
    """Return the files of `count` samples: the path itself, or with a number before the suffix."""
    if count == 1:
        return [path]
    digits = len(str(count))
    return [path.with_name(f"{path.stem}-{n:0{digits}}{path.suffix}") for n in range(1, count + 1)]


def _load(path: str, engine: EngineOptions) -> Model:
    from recurra.tasks.text.model import Model

    return Model.load(path, **engine.model_dump())


def _read_prime(path: Path) -> str:
    from recurra.formats.sources import Document
    from recurra.formats.text import read_text

    return "".join(text for text, _ in read_text(Document.of_file(path)))


def _deliver(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
        console.err().print(f"written     {output}")


def _write(path: Path, text: str) -> None:
    from recurra.formats.atomic import atomic_write

    with atomic_write(path, "wb") as file:
        file.write(text.encode("utf-8", "surrogatepass"))


def _seed_note(seed: int | None) -> str:
    return "" if seed is None else f"   (--seed {seed} writes it again)"


def _shown(text: str) -> str:
    """Return text for standard output; for a terminal, without what could move its cursor.

    A model may write anything that it has read, escape sequences among it.
    """
    return printable(text) if sys.stdout.isatty() else text


def _emit(text: str) -> None:
    if text:
        click.echo(_shown(text), nl=False)
        sys.stdout.flush()
