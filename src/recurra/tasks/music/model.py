"""A trained model of music: its weights and what they mean, ready to compose, to judge, to keep."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from recurra.core.errors import ConfigError, FormatError
from recurra.core.notes import Piece
from recurra.core.parameters import Params, parameter_count
from recurra.core.spec import Spec
from recurra.engines import EngineOptions, Purpose, select
from recurra.engines.base import Network
from recurra.formats.model_file import load_model, save_model
from recurra.learning.locate import find_model
from recurra.tasks.music import score as scoring
from recurra.tasks.music.vocabulary import Tokens, Vocabulary, vocabulary_from_document


class MusicModel:
    """A model of music.

    Args:
        weights: as `core.parameters.parameter_shapes` names them.
        document: what a model file keeps: "spec", "task", "provenance".
        engine: who computes; by default the fastest one here.
        path: the file it came from, for messages.
    Raises:
        FormatError: the document is not one of a model of music.
    """

    def __init__(
        self,
        weights: Params,
        document: Mapping[str, Any],
        *,
        engine: EngineOptions | None = None,
        path: Path | None = None,
    ) -> None:
        self.weights = weights
        self.document = dict(document)
        self.engine = engine or EngineOptions()
        self.path = path
        self._networks: dict[str, Network] = {}
        where = f"{path}: " if path else ""
        try:
            task = document["task"]
            kind = task["kind"]
            if kind != "music":
                raise FormatError(f"{where}this is a model of {kind}, not of music.")
            self.spec = Spec.parse(document["spec"])
            self.vocabulary: Vocabulary = vocabulary_from_document(task["vocabulary"])
        except (KeyError, TypeError) as error:
            raise FormatError(f"{where}the model's task lacks {error}.") from None
        if self.vocabulary.size != self.spec.head.outputs:
            raise FormatError(
                f"{where}the vocabulary has {self.vocabulary.size} tokens, but the network "
                f"predicts {self.spec.head.outputs}."
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str], **engine: Any) -> Self:
        """Read a model file, or the best model of a run folder.

        Args:
            path: the file, the folder, or the folder's name alone where it lies in `runs`.
            engine: settings of `EngineOptions`, such as engine="torch".
        Raises:
            FormatError: there is none, it is damaged, or it is not one of music.
        """
        file = find_model(path)
        weights, document = load_model(file)
        return cls(weights, document, engine=EngineOptions(**engine), path=file)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as one file, whole or not at all."""
        save_model(Path(path), self.weights, self.document)

    @property
    def provenance(self) -> dict[str, Any]:
        """Where it came from: data, options, steps, scores, version."""
        return dict(self.document.get("provenance", {}))

    @property
    def parameters(self) -> int:
        """How many numbers it has learned."""
        return parameter_count(self.spec)

    def __repr__(self) -> str:
        sizes = ",".join(map(str, self.spec.stack.sizes))
        return (
            f"<MusicModel of {self.vocabulary.kind}: {sizes} units, {self.parameters:,} "
            f"parameters, {self.vocabulary.size:,} tokens>"
        )

    def network(self, purpose: Purpose = "generate") -> Network:
        """Return the network, built when first asked for on the engine that suits the purpose."""
        engine = select(self.spec, self.engine, purpose)
        if engine.name not in self._networks:
            self._networks[engine.name] = engine.build(self.spec, self.weights)
        return self._networks[engine.name]

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
