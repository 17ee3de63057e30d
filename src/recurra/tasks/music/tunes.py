"""The ABC tokens of any piece: its own where it was read from ABC, else its melody written out."""

from __future__ import annotations

from recurra.core.notes import Piece
from recurra.formats.abc_score import tokens_of


def tune_tokens(piece: Piece) -> tuple[str, ...]:
    """Return the tokens of a tune; of several voices the highest notes are taken."""
    return tuple(piece.abc.split(" ")) if piece.abc else tokens_of(piece)
