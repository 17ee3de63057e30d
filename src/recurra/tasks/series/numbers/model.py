"""A model of number sequences: ask it what comes next, how sure it is, and what it looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.core.sampling import log_softmax
from recurra.engines.base import Batch
from recurra.learning.trained import TrainedModel
from recurra.tasks.series.numbers.digits import (
    before,
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
DRAWN_OUTSIDE = 20
"""How many times as many it draws to find those that lie beyond the trained range."""


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


class NumberModel(TrainedModel):
    """A model of number sequences, built and loaded as every `TrainedModel` is."""

    KIND = "numbers"
    CALLED = "of number sequences"

    def _open(self, task: Mapping[str, Any]) -> None:
        self.settings = SequenceSettings.from_json(task["options"])
        self.options = self.settings.sequences
        wide = features(self.options.seen)
        if self.spec.input.features != wide or self.spec.head.outputs != 10:
            raise self._refusal("the network does not read and predict digits.")

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
        x = self._read(numbers)
        network = self.network()
        state = network.advance(x[:wide], network.zero_state(1))
        found = self._search(x[wide:], state)
        answers = tuple(
            Answer(int(from_digits(digits)), float(np.exp(log_prob)))
            for digits, log_prob in found[:count]
        )
        weights = self._weights(numbers, answers[0].number)
        return Answers(tuple(numbers), answers, weights, self._notes(numbers, answers))

    def _read(self, numbers: Sequence[int], answer: int | None = None) -> Array:
        """Return what is read of one sequence, and of the number after it where it is known."""
        given = np.array(numbers, np.int64)[:, None]
        end = np.array([len(numbers)])
        last, present = before(given, np.ones(given.shape, bool), end, self.options.seen)
        answers = None if answer is None else np.array([answer])
        return encode(last, present, self.options.width, answers)

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
        place = 10 * self.options.seen
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

    def _weights(self, numbers: Sequence[int], answer: int) -> tuple[float, ...]:
        """Return how much each number moved the answer: gradient times input, summed over digits.

        The gradient is that of the answer's log-probability, by all that was read of a number.
        """
        batch = self._asked_for(numbers, answer)
        network = self.network()
        _, gradients = network.gradients(batch, network.zero_state(1))
        if gradients.inputs is None:
            raise ConfigError("this engine gives no gradients of inputs; take another.")
        seen = self.options.seen
        moved = np.abs(gradients.inputs * batch.inputs)[:, 0, : 10 * seen].sum(axis=0)
        sums = np.zeros(max(seen, len(numbers)))
        sums[len(sums) - seen :] = moved.reshape(seen, 10).sum(axis=1)[::-1]
        sums = sums[len(sums) - len(numbers) :]
        total = sums.sum()
        return tuple(float(s / total) if total else 0.0 for s in sums)

    def _asked_for(self, numbers: Sequence[int], answer: int) -> Batch:
        wide = self.options.width
        x = self._read(numbers, answer)
        targets, weights = np.zeros((len(x), 1), np.int64), np.zeros((len(x), 1), np.float32)
        targets[wide:, 0], weights[wide:] = to_digits(np.array(answer), wide), 1.0
        return Batch(x, targets, weights)

    def probability(self, numbers: Sequence[int], answer: int) -> float:
        """Return how likely the model holds one number to come after some."""
        batch, network = self._asked_for(numbers, answer), self.network()
        logits, _ = network.forward(batch.inputs, network.zero_state(1))
        wide = self.options.width
        log_probs = log_softmax(logits[wide:, 0])[np.arange(wide), batch.targets[wide:, 0]]
        return float(np.exp(log_probs.sum()))

    def _notes(self, numbers: Sequence[int], answers: Sequence[Answer]) -> tuple[str, ...]:
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
        if len(numbers) > o.seen:
            notes.append(
                f"the model looks at the last {o.seen} numbers, and {len(numbers)} are given."
            )
        if len(numbers) > int(needed(o.families).max()):
            last = self.probability(numbers[:-1], numbers[-1])
            if last < UNLIKELY:
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
        rng = np.random.default_rng(seed)
        parts = []
        # Few members reach beyond the trained range, so many are drawn to find them.
        for _ in range(DRAWN_OUTSIDE if outside else 1):
            numbers, inside, which = draw_members(
                rng, o.families, ROUNDS, o.terms, limit(o.width) if outside else o.most,
                held_out=True,
            )  # fmt: skip
            last = needed(o.families)[which]
            answers = numbers[last, np.arange(ROUNDS)]
            kept = np.abs(answers) >= o.most if outside else np.ones(ROUNDS, bool)
            parts.append((numbers[:, kept], inside[:, kept], which[kept], last[kept]))
        numbers, inside, which, last = (
            np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)
        )
        answers = numbers[last, np.arange(len(last))]
        network = self.network()
        right = np.zeros(len(last), bool)
        for first in range(0, len(last), 1000):
            part = slice(first, first + 1000)
            given, present = before(numbers[:, part], inside[:, part], last[part], o.seen)
            x = encode(given, present, o.width, answers[part])
            logits, _ = network.forward(x, network.zero_state(x.shape[1]))
            wanted = to_digits(answers[part], o.width).T
            right[part] = (logits[o.width :].argmax(axis=-1) == wanted).all(axis=0)
        found: dict[str, tuple[float, int]] = {}
        for n, name in enumerate((*o.families, "all")):
            mine = right if name == "all" else right[which == n]
            found[name] = (float(mine.mean()) if len(mine) else float("nan"), len(mine))
        return found
