"""Recurra as a contestant: one engine, training and generating at a given size."""

from __future__ import annotations

import time

import numpy as np

from recurra.core.parameters import initialise
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Embedding, OneHot, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make
from recurra.engines.base import OptimiserOptions
from recurra.learning.windows import Streams


class Ours:
    """A Recurra engine training and generating at a given size."""

    def __init__(
        self, text: str, engine: str, *, hidden: int, layers: int = 2, batch: int = 64,
        window: int = 64, embedding: int = 64, precision: str = "auto",
    ) -> None:  # fmt: skip
        characters = sorted(set(text))
        index = {character: k for k, character in enumerate(characters)}
        tokens = np.array([index[character] for character in text[: int(0.9 * len(text))]])
        size = len(characters)
        self.spec = Spec(
            input=Embedding(vocabulary_size=size, size=embedding)
            if embedding
            else OneHot(vocabulary_size=size),
            stack=Stack(sizes=(hidden,) * layers),
            head=Softmax(vocabulary_size=size),
        )
        options = EngineOptions(engine=engine, precision=precision)
        optimiser = OptimiserOptions(optimiser="adam", beta2=0.999)
        self.network = make(engine, options).build(self.spec, initialise(self.spec, 0), optimiser)
        self.windows = Streams(tokens.astype(np.uint8), batch=batch, window=window)
        self.step = 0
        self.state = self.network.zero_state(self.windows.batch)

    def train(self, seconds: float) -> float:
        """Train for so long and return characters a second."""
        start, seen = time.perf_counter(), 0
        pending = None
        while time.perf_counter() - start < seconds:
            window = self.windows[self.step]
            if not window.carries:
                self.state = self.network.zero_state(self.windows.batch)
            pending, self.state = self.network.train_step(
                window.batch, self.state, learning_rate=2e-3, step=self.step, seed=0
            )
            self.step += 1
            seen += window.tokens
        if pending is not None and not np.isfinite(pending.read().loss_nats):
            raise FloatingPointError("the loss is not finite")
        return seen / (time.perf_counter() - start)

    def generate(self, seconds: float, streams: int = 1) -> float:
        """Generate for so long at temperature 0.8 and return characters a second."""
        tokens, state = np.zeros(streams, np.int64), self.network.zero_state(streams)
        sampling = SamplingOptions(temperature=0.8)
        start, made = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            drawn = self.network.generate(tokens, state, 100, sampling, seed=0, start=made)
            tokens, state = drawn.tokens[-1], drawn.state
            made += 100
        return streams * made / (time.perf_counter() - start)
