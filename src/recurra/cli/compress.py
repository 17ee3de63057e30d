"""`recurra compress` and `decompress`: a model's probabilities as file sizes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from recurra.cli import console
from recurra.cli.flags import build, options_from
from recurra.cli.watch import Watch
from recurra.core.errors import ConfigError, FormatError
from recurra.engines import EngineOptions

SUFFIX = ".rcr"

_output = click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE",
    help='Write to this file; "-" is standard output.',
)  # fmt: skip


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_output
@click.option(
    "--streams", type=click.IntRange(min=1, max=1 << 16), default=None, metavar="N",
    help="Parts that are coded side by side: more are faster and cost some bytes each. By default "
    "one for 4,096 characters, at most 64.",
)  # fmt: skip
@options_from(EngineOptions)
def compress(
    model: str, file: Path, output: Path | None, streams: int | None, **flags: Any
) -> None:
    """Compress FILE with the probabilities that MODEL gives, into FILE.rcr.

    Any file can be compressed; one like the model's own text gets small. It opens only on this
    machine, with this model and these versions, because probabilities are rounded differently
    elsewhere: it shows what a model knows, and is no archive.

    \b
    Example:
      recurra compress runs/first novel.txt
    """
    from recurra.tasks.text.model import Model

    data = _read(file)
    output = output or file.with_name(file.name + SUFFIX)
    engine = build(EngineOptions, flags)
    loaded = Model.load(model, **engine.model_dump())
    began = time.perf_counter()
    with Watch("compressing") as watch:
        made = loaded.compress(data, streams=streams, progress=watch)
    _write(output, made)
    share = f" ({len(made) / len(data):.1%})" if data else ""
    bits = f", {8 * len(made) / _characters(data):.3f} bits a character" if data else ""
    console.err().print(
        f"compressed  {console.count(len(data))} bytes to {console.count(len(made))}{share}{bits}, "
        f"{console.duration(time.perf_counter() - began)}; the model itself has "
        f"{console.size(4 * loaded.parameters)}"
    )
    if str(output) != "-":
        console.err().print(f"written     {output}   (recurra decompress {model} {output})")


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_output
@click.option(
    "--anyway", is_flag=True,
    help="Try even where engine, versions or machine are not those that compressed it.",
)  # fmt: skip
@options_from(EngineOptions)
def decompress(model: str, file: Path, output: Path | None, anyway: bool, **flags: Any) -> None:
    """Bring back a FILE that `recurra compress` wrote with the same MODEL.

    What comes out is compared with a digest of what went in.

    \b
    Example:
      recurra decompress runs/first novel.txt.rcr --output again.txt
    """
    from recurra.tasks.text.model import Model

    data = _read(file)
    if output is None:
        if file.suffix != SUFFIX:
            raise ConfigError(f"{file} does not end with {SUFFIX}; say --output.", "output")
        output = file.with_suffix("")
        if output.exists():
            raise ConfigError(f"{output} is there already; say --output.", "output")
    engine = build(EngineOptions, flags)
    loaded = Model.load(model, **engine.model_dump())
    with Watch("decompressing") as watch:
        made = loaded.decompress(data, anyway=anyway, progress=watch)
    _write(output, made)
    if str(output) != "-":
        console.err().print(f"written     {output}, {console.count(len(made))} bytes")


def _characters(data: bytes) -> int:
    """Return how many characters there are, where bytes that are not UTF-8 count as one each."""
    return len(data.decode("utf-8", "surrogateescape"))


def _read(path: Path) -> bytes:
    from recurra.formats.sources import reason

    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {reason(error)}.") from None


def _write(path: Path, data: bytes) -> None:
    from recurra.formats.atomic import atomic_write

    if str(path) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with atomic_write(path, "wb") as file:
        file.write(data)
