"""A network described as data: input, stack of cells, head. It computes nothing.

`Cell` names one point in the space of "LSTM: A Search Space Odyssey" (Greff et al. 2015,
arXiv:1503.04069) by flags on one formula, not by a class a variant. With every flag off, for one
layer at time t (section II of that paper; gate order i, f, g, o as in PyTorch):

    i = sigmoid(W_i x + R_i h' + p_i * c' + b_i)      input gate     (no_input_gate: i = 1)
    f = sigmoid(W_f x + R_f h' + p_f * c' + b_f)      forget gate    (no_forget_gate: f = 1;
                                                                      coupled: f = 1 - i)
    g = tanh   (W_g x + R_g h'            + b_g)      block input    (no_input_activation: no tanh)
    c = f * c' + i * g                                cell state
    o = sigmoid(W_o x + R_o h' + p_o * c  + b_o)      output gate    (no_output_gate: o = 1)
    h = o * tanh(c)                                   hidden state   (no_output_activation: no tanh)

h' and c' are the states of t - 1; the peephole terms p appear with `peephole` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from recurra.core.options import Options, knob


class Cell(Options):
    """Which recurrent cell: flags on the one formula above, or the GRU for comparison."""

    coupled: bool = knob(False, "couple the gates, forget = 1 - input (CIFG; Greff et al. 2015)")
    peephole: bool = knob(
        False, "gates also see the cell state (Gers and Schmidhuber 2000)", advanced=True
    )
    no_input_gate: bool = knob(False, "leave the input gate open, i = 1 (NIG)", advanced=True)
    no_forget_gate: bool = knob(False, "never forget, f = 1 (NFG, the LSTM of 1997)", advanced=True)
    no_output_gate: bool = knob(False, "leave the output gate open, o = 1 (NOG)", advanced=True)
    no_input_activation: bool = knob(False, "no tanh on the block input (NIAF)", advanced=True)
    no_output_activation: bool = knob(False, "no tanh on the cell's output (NOAF)", advanced=True)
    full_gate_recurrence: bool = knob(
        False, "gates also see all gates of the step before (FGR)", advanced=True
    )
    layer_norm: bool = knob(
        False, "normalise the gate sums and the cell state (Ba et al. 2016)", advanced=True
    )
    gru: bool = knob(False, "the gated recurrent unit instead (Cho et al. 2014)", advanced=True)
    forget_bias: float = knob(
        1.0,
        "initial bias of the forget gate (Jozefowicz et al. 2015)",
        low=-10,
        high=10,
        advanced=True,
    )

    @model_validator(mode="after")
    def _combinations(self) -> Cell:
        flags = [name for name in type(self).model_fields if getattr(self, name) is True]
        if self.gru and flags != ["gru"]:
            others = ", ".join(name for name in flags if name != "gru")
            raise ValueError(f"gru goes with none of the LSTM's flags, but {others} is set.")
        if self.coupled and (self.no_input_gate or self.no_forget_gate):
            raise ValueError("coupled ties the input gate to the forget gate, so neither can go.")
        return self

    @property
    def gates(self) -> tuple[str, ...]:
        """Row blocks of this cell's weights, in order: of i f g o those it has; r z n for a GRU."""
        if self.gru:
            return ("r", "z", "n")
        absent = {
            "i": self.no_input_gate,
            "f": self.no_forget_gate or self.coupled,
            "g": False,
            "o": self.no_output_gate,
        }
        return tuple(name for name in "ifgo" if not absent[name])

    @property
    def sigmoid_gates(self) -> tuple[str, ...]:
        """The gates proper, for peepholes and full gate recurrence: of i f o those here."""
        return () if self.gru else tuple(name for name in self.gates if name != "g")

    @property
    def is_vanilla(self) -> bool:
        """Whether every library's fused LSTM computes this cell."""
        return self.replace(forget_bias=1.0) == Cell()

    @property
    def states(self) -> tuple[str, ...]:
        """What a layer carries from step to step: h [B, H]; c [B, H]; gates [B, P*H] with FGR."""
        if self.gru:
            return ("h",)
        return ("h", "c", "gates") if self.full_gate_recurrence else ("h", "c")


class Stack(Options):
    """Layers of cells, one upon the other."""

    sizes: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = Field(
        (128, 128), min_length=1, max_length=64, description="units of each layer, bottom first"
    )
    cell: Cell = Cell()
    dropout: float = knob(0.0, "share of each layer's output that is dropped", low=0, below=1)
    recurrent_dropout: float = knob(
        0.0, "share of the hidden state dropped, same units all window (Gal 2016)", low=0, below=1
    )
    residual: bool = knob(False, "add a layer's input to its output where the sizes agree")


class OneHot(Options):
    """Tokens as unit vectors: the first layer's input weights are one row a token."""

    kind: Literal["one_hot"] = "one_hot"
    vocabulary_size: int = Field(ge=1, le=2**24)

    @property
    def features(self) -> int:
        return self.vocabulary_size


class Embedding(Options):
    """Tokens through a learned table [vocabulary_size, size]."""

    kind: Literal["embedding"] = "embedding"
    vocabulary_size: int = Field(ge=1, le=2**24)
    size: int = Field(ge=1, le=65536)

    @property
    def features(self) -> int:
        return self.size


class Vector(Options):
    """Real vectors [time, batch, size], as they are."""

    kind: Literal["vector"] = "vector"
    size: int = Field(ge=1, le=2**24)

    @property
    def features(self) -> int:
        return self.size


class Softmax(Options):
    """One distribution over the vocabulary per position; `tied` shares the embedding's table."""

    kind: Literal["softmax"] = "softmax"
    vocabulary_size: int = Field(ge=1, le=2**24)
    tied: bool = False

    @property
    def outputs(self) -> int:
        return self.vocabulary_size


class ValueHead(Options):
    """Base of the heads that predict numbers: one distribution for each of the next values.

    A position predicts `horizon` steps of `targets` values, step after step: `values` numbers in
    all. The raw outputs are laid out `[values, numbers]`, where `numbers` parameters describe one
    value; `engines.heads` says what they mean and how far a prediction is off. Targets are
    [T, B, values * given] floats, and a batch's weights, where there are any, [T, B, values]: a
    value that is missing has the weight 0.
    """

    targets: int = Field(1, ge=1, le=65536)
    horizon: int = Field(1, ge=1, le=65536)

    @property
    def values(self) -> int:
        return self.targets * self.horizon

    @property
    def numbers(self) -> int:
        """Raw outputs for one value."""
        raise NotImplementedError

    @property
    def given(self) -> int:
        """Numbers in the targets for one value."""
        return 1

    @property
    def outputs(self) -> int:
        return self.values * self.numbers

    @property
    def tied(self) -> bool:
        return False


class Gaussian(ValueHead):
    """A normal distribution: mean and standard deviation."""

    kind: Literal["gaussian"] = "gaussian"

    @property
    def numbers(self) -> int:
        return 2


class StudentT(ValueHead):
    """Student's t: location, scale and degrees of freedom above 2, for tails as data have them."""

    kind: Literal["student_t"] = "student_t"

    @property
    def numbers(self) -> int:
        return 3


class NegativeBinomial(ValueHead):
    """Counts: mean and dispersion. The targets give each count with the scale of its series."""

    kind: Literal["negative_binomial"] = "negative_binomial"

    @property
    def numbers(self) -> int:
        return 2

    @property
    def given(self) -> int:
        return 2


class Mixture(ValueHead):
    """A mixture of normal distributions (Bishop 1994): weight, mean and deviation of each."""

    kind: Literal["mixture"] = "mixture"
    components: int = Field(3, ge=1, le=1024)

    @property
    def numbers(self) -> int:
        return 3 * self.components


class Quantiles(ValueHead):
    """Quantiles that cannot cross: one of them, and positive steps up and down from it."""

    kind: Literal["quantiles"] = "quantiles"
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95), min_length=1, max_length=1000
    )

    @model_validator(mode="after")
    def _rising(self) -> Quantiles:
        if any(low >= high for low, high in zip(self.levels, self.levels[1:], strict=False)):
            raise ValueError("the levels of the quantiles have to rise.")
        return self

    @property
    def numbers(self) -> int:
        return len(self.levels)


Input = Annotated[OneHot | Embedding | Vector, Field(discriminator="kind")]
Head = Annotated[
    Softmax | Gaussian | StudentT | NegativeBinomial | Mixture | Quantiles,
    Field(discriminator="kind"),
]


class Spec(Options):
    """A whole network: what it reads, what it remembers with, what it predicts."""

    input: Input
    stack: Stack
    head: Head

    @field_validator("head", mode="before")
    @classmethod
    def _softmax_unless_said(cls, head: Any) -> Any:
        """A head without a kind is a softmax, as it was when there was no other."""
        return {"kind": "softmax", **head} if isinstance(head, Mapping) else head

    @model_validator(mode="after")
    def _tied(self) -> Spec:
        if isinstance(self.head, Softmax) and self.head.tied:
            if not isinstance(self.input, Embedding):
                raise ValueError("a tied softmax shares the embedding, so it needs an embedding.")
            if self.input.size != self.stack.sizes[-1]:
                raise ValueError(
                    f"a tied softmax needs an embedding as wide as the last layer: the embedding "
                    f"has {self.input.size} numbers, the layer {self.stack.sizes[-1]} units."
                )
            if self.input.vocabulary_size != self.head.vocabulary_size:
                raise ValueError("a tied softmax reads and predicts the same vocabulary.")
        return self

    def layer_inputs(self) -> tuple[int, ...]:
        """Width of what each layer reads, bottom first."""
        return (self.input.features, *self.stack.sizes[:-1])
