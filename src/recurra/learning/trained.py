"""What every trained model is, whatever it learned: weights, what they mean, and a network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from recurra.core.errors import FormatError
from recurra.core.parameters import Params, parameter_count
from recurra.core.spec import Spec
from recurra.engines import EngineOptions, Purpose, select
from recurra.engines.base import Network
from recurra.formats.model_file import load_model, save_model
from recurra.learning.locate import find_model


class TrainedModel:
    """A model: the contents of a model file, opened.

    A kind of model says what it is, and takes up its own part of the document in `_open`.

    Args:
        weights: as `core.parameters.parameter_shapes` names them.
        document: what a model file keeps: "spec", "task", "provenance".
        engine: who computes; by default the fastest one here.
        path: the file it came from, for messages.
    Raises:
        FormatError: the document is of another kind of model, or of none.
    """

    KIND: ClassVar[str]
    """Name in the registry of tasks."""
    CALLED: ClassVar[str]
    """What it is, after "not", in messages: "of text"."""
    PURPOSE: ClassVar[Purpose] = "generate"
    """What its network is mostly used for; an engine is chosen by it."""

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
        try:
            task = document["task"]
            kind = task["kind"]
            if kind != self.KIND:
                raise self._refusal(f"this is a model of {kind}, not {self.CALLED}.")
            self.spec = Spec.parse(document["spec"])
            self._open(task)
        except (KeyError, TypeError, ValueError) as error:
            raise self._refusal(f"the model's task lacks {error}.") from None

    def _open(self, task: Mapping[str, Any]) -> None:
        """Take up the document's "task"; `self.spec` is there.

        Raises: `FormatError` where the network is not one for it; what is missing may show as
        `KeyError`, `TypeError` or `ValueError`.
        """

    def _refusal(self, sentence: str) -> FormatError:
        return FormatError(f"{self.path}: {sentence}" if self.path else sentence)

    @classmethod
    def load(cls, path: str | os.PathLike[str], **engine: Any) -> Self:
        """Read a model file, or the best model of a run folder.

        Args:
            path: the file, the folder, or the folder's name alone where it lies in `runs`.
            engine: settings of `EngineOptions`, such as engine="torch".
        Raises:
            FormatError: there is none, it is damaged, or it is of another kind.
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

    def network(self, purpose: Purpose | None = None) -> Network:
        """Return the network, built when first asked for on the engine that suits the purpose."""
        engine = select(self.spec, self.engine, purpose or self.PURPOSE)
        if engine.name not in self._networks:
            self._networks[engine.name] = engine.build(self.spec, self.weights)
        return self._networks[engine.name]
