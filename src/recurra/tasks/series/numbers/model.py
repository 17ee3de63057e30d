"""A model of number sequences: ask it what comes next, how sure it is, and what it looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError
from recurra.core.parameters import Params
from recurra.core.sampling import log_softmax
from recurra.core.spec import Spec
from recurra.engines import EngineOptions, select
from recurra.engines.base import Batch, Network
from recurra.formats.model_file import load_model, save_model
from recurra.learning.locate import find_model
from recurra.tasks.series.numbers.digits import (
    LAGS,
    encode,
    features,
    from_digits,
    limit,
    to_digits,
)
from recurra.tasks.series.numbers.families import draw_members, needed
from recurra.tasks.series.numbers.task import SequenceSettings

Array = NDArray[Any]
BEAM = 12
"""Continuations of digits that are followed side by side."""
UNLIKELY = 0.01
"""Below this probability a given number does not fit what was learned."""
ROUNDS = 4000
"""Members that `measure` asks about."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One number that may come next."""

    number: int
    probability: float


@dataclass(frozen=True, slots=True)
class Answers:
    """What may come next, likeliest first."""

    question: tuple[int, ...]
    answers: tuple[Answer, ...]
    weights: tuple[float, ...]
    """How much each number of the question moved the first answer: shares of 1."""
    notes: tuple[str, ...]
    """Why the answer should not be trusted, in sentences; empty where nothing speaks against it."""


class NumberModel:
    """A model of number sequences.

    Args:
        weights: as `core.parameters.parameter_shapes` names them.
        document: what a model file keeps. engine: who computes. path: where it came from.
    Raises: `FormatError` where the document is not one of such a model.
    """

    def __init__(
        self,
        weights: Params,
        document: Mapping[str, Any],
        *,
        engine: EngineOptions | None = None,
        path: Path | None = None,
    ) -> None:
        self.weights, self.document = weights, dict(document)
        self.engine, self.path = engine or EngineOptions(), path
        self._network: Network | None = None
        where = f"{path}: " if path else ""
        try:
            kind = document["task"]["kind"]
            if kind != "numbers":
                raise FormatError(f"{where}this is a model of {kind}, not of number sequences.")
            self.spec = Spec.parse(document["spec"])
            self.settings = SequenceSettings.from_json(document["task"]["options"])
        except (KeyError, TypeError) as error:
            raise FormatError(f"{where}the model's task lacks {error}.") from None
        self.options = self.settings.sequences
        wide = features(self.options.width)
        if self.spec.input.features != wide or self.spec.head.outputs != 10:
            raise FormatError(f"{where}the network does not read and predict digits.")

    @classmethod
    def load(cls, path: str | os.PathLike[str], **engine: Any) -> Self:
        """Read a model file, or the best model of a run folder."""
        file = find_model(path)
        weights, document = load_model(file)
        return cls(weights, document, engine=EngineOptions(**engine), path=file)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as one file, whole or not at all."""
        save_model(Path(path), self.weights, self.document)

    def network(self) -> Network:
        """Return the network, built when first asked for."""
        if self._network is None:
            self._network = select(self.spec, self.engine, "generate").build(
                self.spec, self.weights
            )
        return self._network

    def ask(self, numbers: Sequence[int], *, count: int = 5) -> Answers:
        """Return what may come after some numbers, the likeliest `count` of it.

        Raises: `ConfigError` where there are fewer than two, or one is too large to be written.
        """
        wide, most = self.options.width, limit(self.options.width)
        if len(numbers) < 2:
            raise ConfigError("a sequence needs at least two numbers to go on from.")
        large = next((n for n in numbers if abs(n) >= most), None)
        if large is not None:
            raise ConfigError(
                f"{large:,} is too large: this model writes numbers with {wide} digits, which stay "
                f"below {most:,}, and learned numbers below {self.options.most:,}."
            )
        given = np.array([*numbers, 0], np.int64)[:, None]
        present = np.ones(given.shape, bool)
        present[-1] = False
        x = encode(given, present, wide)
        read = len(numbers) * wide
        network = self.network()
        logits, state = network.forward(x[:read], network.zero_state(1))
        found = self._search(x[read:], state)
        answers = tuple(
            Answer(int(from_digits(digits)), float(np.exp(log_prob)))
            for digits, log_prob in found[:count]
        )
        notes = self._notes(numbers, answers, logits)
        return Answers(tuple(numbers), answers, self._weights(given, answers[0].number), notes)

    def continue_(self, numbers: Sequence[int], terms: int) -> list[Answer]:
        """Return the likeliest next terms, one after the other."""
        known, found = list(numbers), []
        for _ in range(terms):
            best = self.ask(known, count=1).answers[0]
            found.append(best)
            if abs(best.number) >= limit(self.options.width):
                break
            known.append(best.number)
        return found

    def _search(self, steps: Array, state: Any) -> list[tuple[Array, float]]:
        """Follow the likeliest digits: (digits [width], log-probability), likeliest first."""
        network = self.network()
        beams: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
        place = 10 * LAGS
        for step in steps:
            x = np.repeat(step[None], len(beams), axis=1)
            for b, (digits, _) in enumerate(beams):
                if digits:
                    x[0, b, place + digits[-1]] = 1.0
            outputs, state = network.forward(x, state)
            every = log_softmax(outputs[0])
            grown = [
                ((*digits, d), score + float(every[b, d]), b)
                for b, (digits, score) in enumerate(beams)
                for d in range(10)
            ]
            grown.sort(key=lambda one: -one[1])
            kept = grown[:BEAM]
            arrays = network.export_state(state)
            rows = np.array([b for _, _, b in kept])
            state = network.import_state({name: array[rows] for name, array in arrays.items()})
            beams = [(digits, score) for digits, score, _ in kept]
        return [(np.array(digits), score) for digits, score in beams]

    def _weights(self, given: Array, answer: int) -> tuple[float, ...]:
        """Return how much each number moved the answer: gradient times input, summed over digits.

        The gradient is that of the answer's log-probability, by all that was read of a number.
        """
        wide, count = self.options.width, len(given)
        given = given.copy()
        given[-1] = answer
        present = np.ones(given.shape, bool)
        x = encode(given, present, wide)
        targets = to_digits(given, wide).transpose(0, 2, 1).reshape(-1, 1)
        weights = np.zeros((count * wide, 1), np.float32)
        weights[-wide:] = 1.0
        network = self.network()
        _, gradients = network.gradients(Batch(x, targets, weights), network.zero_state(1))
        if gradients.inputs is None:
            raise ConfigError("this engine gives no gradients of inputs; take another.")
        moved = np.abs(gradients.inputs * x)[:, 0].reshape(count, wide, -1).sum(axis=1)
        sums = np.zeros(count)
        for n in range(count):
            for lag in range(1, min(LAGS, n) + 1):
                sums[n - lag] += moved[n, 10 * (lag - 1) : 10 * lag].sum()
        total = sums[:-1].sum()
        return tuple(float(s / total) if total else 0.0 for s in sums[:-1])

    def _notes(
        self, numbers: Sequence[int], answers: Sequence[Answer], logits: Array
    ) -> tuple[str, ...]:
        o, notes = self.options, []
        largest = max(abs(n) for n in numbers)
        if largest >= o.most:
            notes.append(
                f"{largest:,} is outside the range that the model was trained on (below "
                f"{o.most:,}): the answer is a guess."
            )
        elif abs(answers[0].number) >= o.most:
            notes.append(
                f"the answer lies outside the range that the model was trained on (below "
                f"{o.most:,}): it is a guess."
            )
        if len(numbers) >= o.terms:
            notes.append(
                f"the model was trained on sequences of {o.terms} numbers, and {len(numbers)} are "
                "given."
            )
        if len(numbers) > 3:
            digits = to_digits(np.array(numbers), o.width).reshape(-1)
            log_probs = log_softmax(logits[:, 0])[np.arange(len(digits)), digits]
            last = float(np.exp(log_probs[-o.width :].sum()))
            if last < UNLIKELY and len(numbers) > int(needed(o.families).max()):
                notes.append(
                    f"the last number, {numbers[-1]:,}, does not follow from those before it by "
                    f"any rule that the model has learned ({last:.1%})."
                )
        return tuple(notes)

    def measure(self, *, outside: bool = False, seed: int = 1) -> dict[str, tuple[float, int]]:
        """Return the share of exact next terms of each family, and of how many.

        Members were held out of the training; the term asked for is the first one that is
        determined by those before it.

        Args:
            outside: ask about numbers beyond the trained range instead of within it.
        """
        o = self.options
        most = limit(o.width) if outside else o.most
        rng = np.random.default_rng(seed)
        numbers, inside, which = draw_members(rng, o.families, ROUNDS, o.terms, most, held_out=True)
        last = needed(o.families)[which]
        columns = np.arange(ROUNDS)
        answers = numbers[last, columns]
        asked = inside[last, columns]
        if outside:
            asked &= np.abs(answers) >= o.most
        network = self.network()
        right = np.zeros(ROUNDS, bool)
        for first in range(0, ROUNDS, 1000):
            part = slice(first, first + 1000)
            x = encode(numbers[:, part], inside[:, part], o.width)
            logits, _ = network.forward(x, network.zero_state(x.shape[1]))
            read = logits.argmax(axis=-1).reshape(o.terms, o.width, -1)
            wanted = to_digits(answers[part], o.width)
            chosen = read[last[part], :, np.arange(x.shape[1])]
            right[part] = (chosen == wanted).all(axis=1)
        found: dict[str, tuple[float, int]] = {}
        for n, name in enumerate(o.families):
            mine = asked & (which == n)
            found[name] = (
                float(right[mine].mean()) if mine.any() else float("nan"),
                int(mine.sum()),
            )
        found["all"] = (
            float(right[asked].mean()) if asked.any() else float("nan"),
            int(asked.sum()),
        )
        return found
