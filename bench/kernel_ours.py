"""The native engine as a contestant of `bench/kernel.py`: its speed, and what precision costs."""

from __future__ import annotations

import numpy as np

from bench.clock import LAYERS, VOCABULARY, WINDOW, rate, together
from recurra.core.parameters import initialise
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import OneHot, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make
from recurra.engines.base import Batch, Network, OptimiserOptions
from recurra.learning.windows import Streams

HELD_OUT = 60_000
"""Characters that a loss is measured on."""


def network_spec(hidden: int, vocabulary: int = VOCABULARY) -> Spec:
    """Return the network that all contestants compute."""
    return Spec(
        input=OneHot(vocabulary_size=vocabulary),
        stack=Stack(sizes=(hidden,) * LAYERS),
        head=Softmax(vocabulary_size=vocabulary),
    )


class Kernel:
    """Trains on random characters and writes, as long as it is asked to."""

    def __init__(self, *, hidden: int, threads: int, precision: str) -> None:
        spec = network_spec(hidden)
        options = EngineOptions(engine="native", precision=precision, threads=threads)
        rule = OptimiserOptions(optimiser="adam", clip_norm=5.0)
        self.network = make("native", options).build(spec, initialise(spec, 1), rule)
        self.threads = threads

    def train(self, seconds: float, batch: int) -> float:
        tokens = np.random.default_rng(0).integers(0, VOCABULARY, (WINDOW, batch))
        window, state = Batch(tokens, tokens), self.network.zero_state(batch)

        def work() -> None:
            self.network.train_step(window, state, learning_rate=1e-3, step=0, seed=1)

        return rate(work, WINDOW * batch, seconds, self.threads)

    def generate(self, seconds: float, streams: int) -> float:
        count, how = together(streams), SamplingOptions(temperature=0.8)
        tokens, state = np.ones(streams, np.int64), self.network.zero_state(streams)

        def work() -> None:
            self.network.generate(tokens, state, count, how, seed=1)

        return rate(work, count * streams, seconds, self.threads)


class Learner:
    """Trains on a text at one precision and measures held-out losses at any.

    Batches of 64, windows of 64, Adam at 0.002, gradients clipped at norm 5: the plain settings.
    """

    def __init__(self, text: str, *, hidden: int, precision: str, threads: int = 0) -> None:
        characters = sorted(set(text))
        index = {character: k for k, character in enumerate(characters)}
        tokens = np.array([index[character] for character in text], np.uint8)
        end = int(0.9 * len(tokens))
        self.windows = Streams(tokens[:end], batch=64, window=WINDOW)
        self.held_out = tokens[end : end + HELD_OUT].astype(np.int64)
        self.spec, self.threads = network_spec(hidden, len(characters)), threads
        rule = OptimiserOptions(optimiser="adam", beta2=0.999, clip_norm=5.0)
        self.network = self._build(precision, initialise(self.spec, 0), rule)

    def _build(
        self, precision: str, weights: dict[str, np.ndarray], rule: OptimiserOptions | None = None
    ) -> Network:
        options = EngineOptions(engine="native", precision=precision, threads=self.threads)
        return make("native", options).build(self.spec, weights, rule)

    def learn(self, steps: int) -> float:
        """Train, and return the held-out nats a character, measured in float32."""
        state = self.network.zero_state(64)
        for step in range(steps):
            window = self.windows[step]
            if not window.carries:
                state = self.network.zero_state(64)
            pending, state = self.network.train_step(
                window.batch, state, learning_rate=2e-3, step=step, seed=0
            )
        if not np.isfinite(pending.read().loss_nats):
            raise FloatingPointError("the loss is not finite")
        return self.loss("float32")

    def loss(self, precision: str) -> float:
        """Return the held-out nats a character with the weights as generation reads them."""
        network = self._build(precision, self.network.weights())
        text = self.held_out[:, None]
        report, _, _ = network.evaluate(Batch(text[:-1], text[1:]), network.zero_state(1))
        return report.loss_nats
