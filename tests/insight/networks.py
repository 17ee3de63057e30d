"""Small networks whose units do what they were built to do."""

from __future__ import annotations

import numpy as np

from recurra.core.parameters import parameter_shapes
from recurra.core.spec import OneHot, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make
from tests.cases import make_spec, random_params

LETTERS = "()ab \n"
BRACKET = 2
"""The unit that stands at +0.76 after "(" and at -0.76 after ")", and keeps that in between."""


def build(spec, params, engine="reference", precision="float64"):
    return make(engine, EngineOptions(engine=engine, precision=precision)).build(spec, params)


def random_network(cell=None, *, seed=1, engine="reference", precision="float64", **shape):
    spec = make_spec(cell, **shape)
    return build(spec, random_params(spec, np.random.default_rng(seed)), engine, precision)


def bracket_detector(units: int = 4):
    """Return a network over `LETTERS` whose unit `BRACKET` knows whether a bracket is open.

    The other units only know the last letter.
    """
    size = len(LETTERS)
    spec = Spec(
        input=OneHot(vocabulary_size=size),
        stack=Stack(sizes=(units,)),
        head=Softmax(vocabulary_size=size),
    )
    params = {name: np.zeros(shape) for name, shape in parameter_shapes(spec).items()}
    w, bias = params["weight_ih_l0"], params["bias_ih_l0"]
    i, f, g, o = (slice(k * units, (k + 1) * units) for k in range(4))
    # The last letter: nothing is kept, everything comes in.
    w[g] = np.random.default_rng(0).normal(0, 1, (units, size))
    bias[i], bias[f], bias[o] = 30.0, -30.0, 30.0
    # The bracket: closed to all letters but the two that matter.
    bias[i][BRACKET], bias[f][BRACKET] = -30.0, 30.0
    w[i][BRACKET, :2] = 60.0
    w[f][BRACKET, :2] = -60.0
    w[g][BRACKET] = [1.0, -1.0, 0, 0, 0, 0]
    return spec, params


def bracket_text(count: int, seed: int = 0) -> str:
    """Return random letters in which brackets open and close."""
    rng = np.random.default_rng(seed)
    made, is_open = [], False
    for _ in range(count):
        draw = rng.random()
        if draw < 0.1:
            made.append(")" if is_open else "(")
            is_open = not is_open
        else:
            made.append(LETTERS[2 + int(rng.integers(4))])
    return "".join(made)


def ids(text: str):
    return np.array([LETTERS.index(letter) for letter in text], np.int64)


def is_inside(text: str):
    found, depth = [], False
    for letter in text:
        depth = letter == "(" or (depth and letter != ")")
        found.append(depth)
    return np.array(found)
