"""A small vocabulary and small networks for the tests of generation and scores."""

from __future__ import annotations

import numpy as np

from recurra.core.parameters import initialise
from recurra.core.spec import Embedding, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make

LETTERS = "\n abcdefghij"


class ToyVocabulary:
    """One token a letter."""

    size = len(LETTERS)

    def decoder(self):
        return ToyDecoder()

    def token_text(self, token):
        return LETTERS[token]


class ToyDecoder:
    def feed(self, token):
        return LETTERS[token]

    def flush(self):
        return ""


class LaggingDecoder:
    """Gives each letter one token late, as a decoder does inside a letter of several bytes."""

    def __init__(self):
        self.last = ""

    def feed(self, token):
        text, self.last = self.last, LETTERS[token]
        return text

    def flush(self):
        text, self.last = self.last, ""
        return text


SPEC = Spec(
    input=Embedding(vocabulary_size=len(LETTERS), size=5),
    stack=Stack(sizes=(7, 6)),
    head=Softmax(vocabulary_size=len(LETTERS)),
)


def network(engine: str = "reference", seed: int = 1):
    """Return a float64 network whose distributions are far from uniform."""
    params = initialise(SPEC, seed, np.float64)
    params["head.weight"] = params["head.weight"] * 6
    return make(engine, EngineOptions(engine=engine, precision="float64")).build(SPEC, params)


def ids(text: str):
    return np.array([LETTERS.index(letter) for letter in text], np.int64)
