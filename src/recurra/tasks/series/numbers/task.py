"""Sequences of numbers as a training task: members of families drawn anew for every step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from recurra.core.errors import ConfigError, FormatError
from recurra.core.options import Options, knob
from recurra.core.spec import Softmax, Spec, Stack, Vector
from recurra.engines import EngineOptions
from recurra.engines.base import Batch, Network, OptimiserOptions, Report
from recurra.formats.sources import Document
from recurra.learning.options import TrainOptions
from recurra.learning.task import Sample, Window
from recurra.tasks.series.numbers.digits import before, encode, features, limit, to_digits
from recurra.tasks.series.numbers.families import FAMILIES, draw_members, needed

Array = NDArray[Any]
STREAM = 8
"""Of the generator that members are drawn from."""
FIRST = 0.5
"""Share of the questions that ask for the first term that is determined."""
HINT = 0.2
"""Weight of a digit of the answer that is asked for while the columns are still being read."""
VALIDATED = 2000
"""Held-out members that a validation asks about."""
if TYPE_CHECKING:
    FamilyName = str
else:
    FamilyName = Literal[tuple(FAMILIES)]
"""The families by name, as they are declared."""


class SequenceOptions(Options):
    """Which sequences are learned."""

    families: tuple[FamilyName, ...] = knob(
        tuple(FAMILIES), "families of sequences to learn",
        choices={name: family.about for name, family in FAMILIES.items()},
    )  # fmt: skip
    digits: int = knob(
        6, "digits of the numbers that are learned; answers may have one more", low=1, high=12
    )
    terms: int = knob(8, "terms of a sequence", low=4, high=64, unit="terms")
    batch_size: int = knob(
        128, "sequences read side by side in one step", low=1, high=65536, unit="sequences"
    )
    share_of_file: float = knob(
        0.5, "with a file of sequences: share of what is learned that comes from it", low=0, high=1,
        advanced=True,
    )  # fmt: skip

    @model_validator(mode="after")
    def _some(self) -> SequenceOptions:
        if not self.families:
            raise ValueError("families is empty; name at least one.")
        least = int(needed(self.families).max()) + 1
        if self.terms < least:
            raise ValueError(
                f"terms is {self.terms}, but of these families a term is determined by up to "
                f"{least - 1} before it; give {least} or more."
            )
        return self

    @property
    def most(self) -> int:
        """The size that numbers in the training stay below."""
        return int(10**self.digits)

    @property
    def seen(self) -> int:
        """Numbers that are looked at: the terms before the last one of a sequence."""
        return self.terms - 1

    @property
    def width(self) -> int:
        """Digits that a number is written with: room for what lies beyond the trained range."""
        return self.digits + 1


@dataclass(frozen=True, slots=True)
class SequenceSettings:
    """The option classes of one training."""

    sequences: SequenceOptions
    stack: Stack
    train: TrainOptions
    optimiser: OptimiserOptions
    engine: EngineOptions

    def to_json(self) -> dict[str, Any]:
        """Return every setting, class by class, as JSON data."""
        return {name: getattr(self, name).model_dump(mode="json") for name in CLASSES}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SequenceSettings:
        """Build from what `to_json` gave; raises `ConfigError` naming the field."""
        return cls(**{name: kind.parse(data.get(name, {})) for name, kind in CLASSES.items()})


CLASSES: dict[str, Any] = {
    "sequences": SequenceOptions,
    "stack": Stack,
    "train": TrainOptions,
    "optimiser": OptimiserOptions,
    "engine": EngineOptions,
}
DEFAULTS: dict[str, Any] = {
    "sizes": (192, 192),
    "learning_rate": 5e-3,
    "seconds": 1200.0,
    "sample_every": 0,
}


class SequenceTask:
    """See `learning.task.Task` for the contract.

    Args:
        own: sequences of a person's own, to be learned beside the families.
    Raises: `ConfigError` where one of them does not fit the digits.
    """

    kind = "numbers"
    unit = "digit"
    steps_per_epoch = 1000

    def __init__(
        self, settings: SequenceSettings, own: list[list[int]] | None = None, source: str = "",
        sha256: str = "",
    ) -> None:  # fmt: skip
        self.settings = settings
        self.options = settings.sequences
        self.own = own or []
        self.source, self.sha256 = source, sha256
        wide = self.options.width
        self.spec = Spec(
            input=Vector(size=features(self.options.seen)),
            stack=settings.stack,
            head=Softmax(vocabulary_size=10),
        )
        self.parts = settings.train.accumulate
        for row in self.own:
            large = next((n for n in row if abs(n) >= limit(wide)), None)
            if large is not None:
                raise ConfigError(
                    f"{source} holds {large:,}, but with {self.options.digits} digits numbers stay "
                    f"below {limit(wide):,}; give more digits.",
                    "digits",
                )

    def window(self, step: int, part: int = 0) -> Window:
        """Return the window of a step: members that are not held out."""
        o = self.options
        rng = _generator(self.settings.train.seed, step * self.parts + part, 0)
        numbers, inside, which = draw_members(
            rng, o.families, o.batch_size, o.terms, o.most, held_out=False,
            shares=[FAMILIES[name].share for name in o.families],
        )  # fmt: skip
        first = needed(o.families)[which]
        if self.own:
            mine = rng.random(o.batch_size) < o.share_of_file
            for b in np.flatnonzero(mine):
                row = self.own[rng.integers(len(self.own))]
                at = rng.integers(0, max(1, len(row) - o.terms + 1))
                piece = row[at : at + o.terms]
                numbers[:, b], inside[:, b] = 0, False
                numbers[: len(piece), b], inside[: len(piece), b] = piece, True
                first[b] = min(3, len(piece) - 1)
        # The first term that is determined is the hardest to tell, for least is known before it.
        asked = rng.integers(first, inside.sum(axis=0))
        asked = np.where(rng.random(o.batch_size) < FIRST, first, asked)
        return self._window(numbers, inside, asked, HINT)

    def validation(self) -> Iterator[Window]:
        """Yield held-out members, each asked for the first term that is determined."""
        o = self.options
        rng = _generator(0, 0, 1)
        for _ in range(0, VALIDATED, 500):
            numbers, inside, which = draw_members(
                rng, o.families, 500, o.terms, o.most, held_out=True
            )
            yield self._window(numbers, inside, needed(o.families)[which])

    def _window(self, numbers: Array, inside: Array, asked: Array, hint: float = 0.0) -> Window:
        """Return the window that asks for the term at `asked` [B] of each sequence."""
        wide = self.options.width
        last, present = before(numbers, inside, asked, self.options.seen)
        answers = numbers[asked, np.arange(len(asked))]
        x = encode(last, present, wide, answers)
        digits = np.tile(to_digits(answers, wide).T, (2, 1))
        weights = np.full(digits.shape, hint, np.float32)
        weights[wide:] = 1.0
        return Window(Batch(x, digits, weights), carries=False, tokens=digits.size)

    def measures(self, report: Report) -> dict[str, float]:
        """Return nothing beyond the loss and the share of digits that are right."""
        return {}

    def sample(self, network: Network, step: int) -> list[Sample]:
        """Return nothing: what it makes of a question is shown by those who ask."""
        return []

    def document(self) -> dict[str, Any]:
        """Return what the model file and `run.json` keep of the task."""
        return {"kind": self.kind, "options": self.settings.to_json()}

    def provenance(self) -> dict[str, Any]:
        """Return where the sequences came from."""
        names = [f"{name}: {FAMILIES[name].about}" for name in self.options.families]
        return {"inputs": [self.source] if self.own else [], "families": names,
                "sequences": len(self.own), "sha256": self.sha256}  # fmt: skip


def read_sequences(source: str | Document) -> tuple[list[list[int]], str]:
    """Read a file of whole numbers, a sequence a line. Returns them and the file's sha256.

    Raises: `FormatError` with the line of what is no whole number.
    """
    import hashlib

    document = source if isinstance(source, Document) else Document.of_file(source)
    data = b"".join(block for block, _ in document.blocks())
    found = []
    for line, text in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        # OEIS writes "A000045 ,0,1,1,2,3,5,8,".
        cells = re.split(r"[,;\s]+", re.sub(r"^A\d{6}\b", "", text.partition("#")[0]).strip(" ,;"))
        if cells == [""]:
            continue
        try:
            found.append([int(cell) for cell in cells])
        except ValueError:
            bad = next(cell for cell in cells if not re.fullmatch(r"[+-]?\d+", cell))
            raise FormatError(
                f"{document.name}, line {line}: {bad[:40]!r} is no whole number; write one "
                "sequence a line, numbers set apart by commas."
            ) from None
    found = [row for row in found if len(row) >= 3]
    if not found:
        raise FormatError(f"{document.name} has no sequence of three numbers or more.")
    return found, hashlib.sha256(data).hexdigest()


def restore(run: Mapping[str, Any]) -> SequenceTask:
    """Return the task of a run as it was. Raises `FormatError` where its file has changed."""
    settings = SequenceSettings.from_json(run["task"].get("options") or {})
    inputs = run.get("inputs") or []
    if not inputs:
        return SequenceTask(settings)
    own, digest = read_sequences(Document.of_file(inputs[0]))
    if digest != (run.get("provenance") or {}).get("sha256"):
        raise FormatError(f"the sequences of this run have changed since it began ({inputs[0]}).")
    return SequenceTask(settings, own, Path(inputs[0]).name, digest)


def _generator(seed: int, index: int, lane: int) -> np.random.Generator:
    return np.random.Generator(
        np.random.Philox(
            key=np.array([seed & (2**64 - 1), STREAM], np.uint64),
            counter=np.array([0, 0, index, lane], np.uint64),
        )
    )
