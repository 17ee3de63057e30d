"""A trained model of music: its weights and what they mean, ready to compose, to judge, to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recurra.core.errors import ConfigError
from recurra.core.notes import Piece
from recurra.learning.trained import TrainedModel
from recurra.tasks.music import score as scoring
from recurra.tasks.music.vocabulary import Tokens, Vocabulary, vocabulary_from_document


class MusicModel(TrainedModel):
    """A model of music, built and loaded as every `TrainedModel` is."""

    KIND = "music"
    CALLED = "of music"

    def _open(self, task: Mapping[str, Any]) -> None:
        self.vocabulary: Vocabulary = vocabulary_from_document(task["vocabulary"])
        if self.vocabulary.size != self.spec.head.outputs:
            raise self._refusal(
                f"the vocabulary has {self.vocabulary.size} tokens, but the network predicts "
                f"{self.spec.head.outputs}."
            )

    def __repr__(self) -> str:
        sizes = ",".join(map(str, self.spec.stack.sizes))
        return (
            f"<MusicModel of {self.vocabulary.kind}: {sizes} units, {self.parameters:,} "
            f"parameters, {self.vocabulary.size:,} tokens>"
        )

    def encode(self, piece: Piece) -> Tokens:
        """Return the tokens of a piece; raises `ConfigError` where the model has none for it."""
        return self.vocabulary.encode(piece)

    def score(
        self, pieces: Sequence[Piece | Tokens], *, progress: scoring.Progress | None = None
    ) -> scoring.Score:
        """Return how well the model predicts pieces; see `Score` for the protocol.

        Raises:
            ConfigError: there is none, or one has no tokens here.
        """
        if not pieces:
            raise ConfigError("there are no pieces to score.")
        tokens = [self.encode(one) if isinstance(one, Piece) else one for one in pieces]
        return scoring.score_pieces(
            self.network("train"), self.vocabulary, tokens, progress=progress
        )
