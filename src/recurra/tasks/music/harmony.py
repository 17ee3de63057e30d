"""Polyphony under rules: pitches that descend, voices that are given, steps that are counted.

`harmonise` fills in what is missing around given voices. A network that writes from left to right
cannot see the given note that comes later in a step, so many hypotheses are carried side by side,
weighed by how likely the given notes are after each, and drawn anew by that weight: a particle
filter (Gordon et al. 1993; Doucet et al. 2001), here with the rules' own distribution as the
proposal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recurra.core import random
from recurra.core.sampling import (
    SamplingOptions,
    choose,
    distribution,
    log_softmax,
    sampling_uniforms,
)
from recurra.engines.base import Network
from recurra.learning.priming import pick_states
from recurra.tasks.music.generate import masked
from recurra.tasks.music.vocabulary import END, PolyphonyVocabulary, Tokens

Progress = Callable[[int, int], None]
MOST_PITCHES = 16
"""Pitches in one step where nothing else is said."""


@dataclass(slots=True)
class StepRules:
    """The state of one piece in time steps; see `generate.Rules`.

    Args:
        vocabulary: of the model.
        length: steps that the piece must have; None for any number.
        given: for each of the first steps, pitches by their voice, 0 for the highest.
        voices: how many pitches a step with given ones has, as far as there is room for them.
        scale: pitch classes that may be used; None for all.
    """

    vocabulary: PolyphonyVocabulary
    length: int | None = None
    given: Sequence[Mapping[int, int]] = ()
    voices: int = 4
    scale: frozenset[int] | None = None
    step: int = 0
    ceiling: int = 127
    """Highest pitch that may still come in this step."""
    voice: int = 0
    """Pitches in this step so far, voices for which there was no room counted."""

    def allowed(self) -> NDArray[np.bool_]:
        """Return [V] which tokens may come next."""
        words = self.vocabulary
        found = np.zeros(words.size, bool)
        if not self.voice and self.length is not None and self.step >= self.length:
            found[END] = True
            return found
        fixed = self.given[self.step] if self.step < len(self.given) else {}
        if fixed:
            low, high = self._range(fixed)
            found[words.FIRST + low - words.low : words.FIRST + high + 1 - words.low] = True
            if low != high or self.voice not in fixed:
                found &= self._in_scale() if (found & self._in_scale()).any() else True
            if low > high:
                found[words.STEP] = True
            return found
        if self.voice < MOST_PITCHES:
            high = min(self.ceiling, words.high)
            found[words.FIRST : words.FIRST + max(0, high + 1 - words.low)] = True
            found &= self._in_scale()
        found[words.STEP] = True
        if not self.voice and self.length is None and self.step:
            found[END] = True
        return found

    def _in_scale(self) -> NDArray[np.bool_]:
        words = self.vocabulary
        found = np.ones(words.size, bool)
        if self.scale is not None:
            for token in range(words.FIRST, words.size):
                found[token] = (token - words.FIRST + words.low) % 12 in self.scale
        return found

    def _range(self, fixed: Mapping[int, int]) -> tuple[int, int]:
        """Return which pitches the next voice may have, so that those below still have room.

        Voices for which there is none are passed over. The range is empty at the end of the step.
        """
        words = self.vocabulary
        high = min(self.ceiling, words.high)
        while self.voice < self.voices:
            below = [
                voice for voice in sorted(fixed) if voice >= self.voice and fixed[voice] <= high
            ]
            if below and below[0] == self.voice:
                return fixed[self.voice], fixed[self.voice]
            if below:
                low = fixed[below[0]] + below[0] - self.voice
            else:
                low = words.low + self.voices - 1 - self.voice
            if low <= high and self.voice not in fixed:
                return low, high
            self.voice += 1
        return 1, 0

    def take(self, token: int) -> None:
        """Go on with a token."""
        words = self.vocabulary
        if token == words.STEP:
            self.step += 1
            self.ceiling, self.voice = 127, 0
        elif token >= words.FIRST:
            if self.step < len(self.given) and self.given[self.step]:
                self._range(self.given[self.step])  # passes over voices without room
            self.ceiling = token - words.FIRST + words.low - 1
            self.voice += 1


def harmonise(
    network: Network,
    rules: StepRules,
    sampling: SamplingOptions,
    *,
    particles: int,
    seed: int,
    progress: Progress | None = None,
) -> Tokens:
    """Return tokens of a piece that keeps `rules`, of which `length` is set.

    Args:
        particles: hypotheses side by side; 1 takes what comes.
        progress: called with steps done and steps in all.
    Cost: `particles` tokens of reading for each token of the piece.
    """
    group = _Particles(network, rules, sampling, particles, seed)
    length = rules.length or len(rules.given)
    for step in range(length):
        group.one_step()
        if progress is not None:
            progress(step + 1, length)
    return group.best()


class _Particles:
    def __init__(
        self, network: Network, rules: StepRules, sampling: SamplingOptions, count: int, seed: int
    ) -> None:
        self.network, self.sampling, self.seed = network, sampling, seed
        self.lanes = np.arange(count)
        self.rules = [replace(rules) for _ in range(count)]
        self.drawn: list[list[int]] = [[] for _ in range(count)]
        self.tokens = np.full(count, END, np.int64)
        self.state = network.zero_state(count)
        self.weights = np.zeros(count)
        """Logarithms of the hypotheses' weights."""
        self.ticks = 0

    def one_step(self) -> None:
        """Go on to the end of the time step in every hypothesis, then weigh them."""
        step = self.rules[0].step
        going = np.ones(len(self.lanes), bool)
        while going.any():
            logits, state = self.network.forward(self.tokens[None], self.state)
            self.state = self._merged(state, going)
            log_probs = log_softmax(logits[0])
            for b in np.flatnonzero(going).tolist():
                allowed = self.rules[b].allowed()
                self.weights[b] += _log_sum(log_probs[b][allowed])
                log_probs[b] = masked(log_probs[b], allowed)
            uniforms = sampling_uniforms(self.seed, self.lanes, self.ticks, 1)[0]
            self.ticks += 1
            tokens = choose(distribution(log_probs, self.sampling), uniforms)
            for b in np.flatnonzero(going).tolist():
                token = int(tokens[b])
                self.tokens[b] = token
                self.drawn[b].append(token)
                self.rules[b].take(token)
                going[b] = self.rules[b].step == step
        self._draw_anew(step)

    def _merged(self, state: object, going: NDArray[np.bool_]) -> object:
        """Return the new state of those that go on and the old one of those that wait."""
        if going.all():
            return state
        old, new = self.network.export_state(self.state), self.network.export_state(state)
        rows = going[:, None]
        return self.network.import_state({n: np.where(rows, new[n], old[n]) for n in new})

    def _draw_anew(self, step: int) -> None:
        """Replace unlikely hypotheses by copies of likely ones, where few carry all the weight."""
        shares = self._shares()
        count = len(shares)
        if count == 1 or 1.0 / float((shares**2).sum()) > count / 2:
            return
        # Systematic resampling: one draw decides for all (Kitagawa 1996).
        draw = random.uniforms(self.seed, random.EVALUATE, 1, index=step)[0]
        rows = np.searchsorted(np.cumsum(shares), (np.arange(count) + draw) / count)
        rows = np.minimum(rows, count - 1)
        self.state = pick_states(self.network, self.state, rows)
        self.tokens = self.tokens[rows]
        self.rules = [replace(self.rules[row]) for row in rows]
        self.drawn = [list(self.drawn[row]) for row in rows]
        self.weights = np.zeros(count)

    def _shares(self) -> NDArray[np.float64]:
        shares = np.exp(self.weights - self.weights.max())
        return np.asarray(shares / shares.sum())

    def best(self) -> Tokens:
        """Return the tokens of the hypothesis of most weight."""
        return np.array(self.drawn[int(self.weights.argmax())], np.int32)


def _log_sum(log_probs: NDArray[np.float64]) -> float:
    if not len(log_probs):
        return 0.0
    best = float(log_probs.max())
    return best + float(np.log(np.exp(log_probs - best).sum()))
