"""What the studio asks of a model of music: to compose, to harmonise, to be looked into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.core.notes import Piece
from recurra.core.sampling import SamplingOptions
from recurra.engines import Purpose, select
from recurra.formats.abc_score import write_abc
from recurra.insight.trace import trace
from recurra.studio import lens
from recurra.studio.models import Loaded
from recurra.studio.music_schema import (
    LONGEST,
    MOST_NOTES,
    MOST_TICKS,
    ComposeRequest,
    PieceDocument,
    document_of,
)
from recurra.tasks.music.compose import Composition, compose
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.reading import read_apart
from recurra.tasks.music.render import file_bytes
from recurra.tasks.music.timing import token_seconds
from recurra.tasks.music.vocabulary import END

SOUND_S = 600.0
"""Longest piece that is rendered as sound here: 100 MB."""
SHOWN = 50
"""Pieces of a collection that are told of."""
READ_S = 20.0
LARGEST_BYTES = 16 << 20
"""Of a file that is gone on from."""

TYPES = {
    "mid": "audio/midi", "abc": "text/vnd.abc",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "wav": "audio/wav", "svg": "image/svg+xml", "png": "image/png",
}  # fmt: skip


def composed(
    loaded: Loaded, request: ComposeRequest, told: Callable[[float], None]
) -> dict[str, Any]:
    """Return a new piece as `TuneFacts`, with its seed.

    Raises: `ConfigError` for a setting that this model does not have, or a beginning it cannot
    read.
    """
    how = request.options()
    if how.seed is not None and how.seed >= 2**64:
        raise ConfigError("seed is too large: seeds have 64 bits.", "seed")
    sampling = SamplingOptions(
        temperature=request.temperature, top_k=request.top_k,
        top_p=request.top_p, min_p=request.min_p,
    )  # fmt: skip
    prime = None if request.prime is None else request.prime.piece()
    with loaded.lock:
        made = compose(
            loaded.model, how, sampling, prime=prime, title=request.title,
            progress=lambda done, whole: told(done / max(whole, 1)),
        )  # fmt: skip
    return {"seed": str(made.seed), "tune": _facts(loaded.model, made.pieces[0])}


def _facts(model: MusicModel, one: Composition) -> dict[str, Any]:
    words = model.vocabulary
    return one.facts() | {
        "names": [words.token_text(int(token)) for token in one.tokens],
        "times": token_seconds(words, one.tokens, one.piece),
        "piece": document_of(one.piece),
    }


def facts_of(piece: Piece) -> dict[str, Any]:
    """Return a piece that no model has made as `TuneFacts`, without tokens."""
    only = Composition(piece, np.zeros(0, np.int32), 0)
    return only.facts() | {"names": [], "times": [], "piece": document_of(piece)}


def encoded(loaded: Loaded, document: PieceDocument) -> dict[str, Any]:
    """Return a piece as the model reads it: its tokens, and what they stand for.

    Raises: `ConfigError` where the piece has something in it that the model does not know.
    """
    piece = document.piece()
    tokens = loaded.model.encode(piece)
    if len(tokens) > LONGEST:
        raise ConfigError(
            f"the piece has {len(tokens):,} tokens, but at most {LONGEST:,} are looked at; take a "
            "shorter one."
        )
    again = replace(loaded.model.vocabulary.decode(tokens), name=piece.name, tempos=piece.tempos)
    return _facts(loaded.model, Composition(again, tokens, len(tokens)))


def read_pieces(path: Path, name: str) -> dict[str, Any]:
    """Return what a file of music holds, as `ReadAnswer`.

    Args:
        path: the file, whose name ends as its kind does.
        name: what a person calls it.
    Raises: `FormatError` where nothing can be read.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise FormatError(f"{name} is larger than {LARGEST_BYTES >> 20} MB; bring a single piece.")
    pieces, report = read_apart(str(path), seconds=READ_S)
    hidden = str(path)
    if not pieces:
        why = report.error or " ".join(report.notes[:2])
        raise FormatError(why.replace(hidden, name).replace(path.name, name))
    pieces = [
        replace(one, name=(name if one.name == path.name else one.name)[:200]) for one in pieces
    ]
    small = [one for one in pieces if len(one.notes) <= MOST_NOTES and one.length <= MOST_TICKS]
    if not small:
        raise FormatError(f"{name} is longer than an hour or has more than {MOST_NOTES:,} notes.")
    return {
        "pieces": [facts_of(one) for one in small[:SHOWN]],
        "count": len(pieces),
        "notes": [note.replace(hidden, name) for note in report.notes[:SHOWN]],
    }


def rendered(document: PieceDocument, suffix: str) -> bytes:
    """Return a piece as the bytes of a file. Raises what `render.file_bytes` raises."""
    piece = document.piece()
    if suffix == "wav" and piece.duration_s > SOUND_S:
        raise ResourceError(
            f"the piece lasts {piece.duration_s / 60:.0f} minutes, but at most "
            f"{SOUND_S / 60:.0f} are rendered as sound here; write MIDI, or use "
            "`recurra music compose`."
        )
    if suffix == "abc" and not piece.abc:
        return write_abc(piece).encode()
    return file_bytes(piece, f".{suffix}")


def trace_file(loaded: Loaded, tokens: list[int]) -> bytes:
    """Return what every unit did while a piece was read; see `lens.packed_trace`.

    The first of the tokens is the one that opens a piece.

    Raises: `ConfigError` where a token is outside the vocabulary or the piece is too long for
    this network.
    """
    model = loaded.model
    words = model.vocabulary
    if max(tokens) >= words.size:
        raise ConfigError(f"the model has {words.size:,} tokens, numbered from 0.", "tokens")
    lens.check_traceable(model.spec, len(tokens), words.size, "tokens")
    read = np.array([END, *tokens], np.int64)
    options = model.engine
    if options.precision not in ("float32", "float64"):
        options = options.replace(precision="float32")
    purpose: Purpose = "train" if len(read) > 2000 else "generate"
    network = select(model.spec, options, purpose).build(model.spec, model.weights)
    labels = [words.token_text(int(token)) for token in read]
    return lens.packed_trace(
        trace(network, read, labels=labels), labels, model.spec, words.token_text
    )
