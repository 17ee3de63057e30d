"""Small random networks and windows, shared by the engines' tests."""

from __future__ import annotations

import numpy as np

from recurra.core.parameters import parameter_shapes
from recurra.core.spec import Cell, Embedding, OneHot, Softmax, Spec, Stack, Vector
from recurra.engines.base import Batch, state_shapes

VARIANTS = {
    "vanilla": Cell(),
    "cifg": Cell(coupled=True),
    "peephole": Cell(peephole=True),
    "nig": Cell(no_input_gate=True),
    "nfg": Cell(no_forget_gate=True),
    "nog": Cell(no_output_gate=True),
    "niaf": Cell(no_input_activation=True),
    "noaf": Cell(no_output_activation=True),
    "fgr": Cell(full_gate_recurrence=True),
    "layer_norm": Cell(layer_norm=True),
    "gru": Cell(gru=True),
    "cifg_peephole_norm": Cell(coupled=True, peephole=True, layer_norm=True),
    "nog_peephole_fgr": Cell(no_output_gate=True, peephole=True, full_gate_recurrence=True),
    "everything": Cell(
        peephole=True, full_gate_recurrence=True, layer_norm=True, no_input_activation=True
    ),
}

VOCABULARY = 7


def make_spec(
    cell: Cell | None = None,
    *,
    sizes: tuple[int, ...] = (5,),
    reads: str = "embedding",
    tied: bool = False,
    **stack: object,
) -> Spec:
    """Return a small network over a vocabulary of 7."""
    inputs = {
        "one_hot": OneHot(vocabulary_size=VOCABULARY),
        "embedding": Embedding(vocabulary_size=VOCABULARY, size=sizes[-1] if tied else 3),
        "vector": Vector(size=4),
    }
    return Spec(
        input=inputs[reads],
        stack=Stack(sizes=sizes, cell=cell or Cell(), **stack),
        head=Softmax(vocabulary_size=VOCABULARY, tied=tied),
    )


def random_params(spec: Spec, rng: np.random.Generator, scale: float = 0.6) -> dict:
    """Draw every weight, gains and biases too, so that no gradient hides behind a 0 or a 1."""
    return {n: rng.normal(0, scale, shape) for n, shape in parameter_shapes(spec).items()}


def random_batch(
    spec: Spec,
    rng: np.random.Generator,
    time: int,
    width: int,
    *,
    resets: bool = False,
    weights: bool = False,
) -> Batch:
    """Draw a window; with `weights` some positions count for nothing."""
    if isinstance(spec.input, Vector):
        inputs = rng.normal(size=(time, width, spec.input.size))
    else:
        inputs = rng.integers(0, VOCABULARY, (time, width))
    return Batch(
        inputs,
        rng.integers(0, VOCABULARY, (time, width)),
        rng.choice([0.0, 1.0, 2.0], (time, width)).astype(np.float32) if weights else None,
        rng.random((time, width)) < 0.3 if resets else None,
    )


def random_state(spec: Spec, rng: np.random.Generator, width: int) -> dict:
    """Draw a state that some earlier window might have left."""
    return {n: rng.normal(0, 0.5, shape) for n, shape in state_shapes(spec, width).items()}
