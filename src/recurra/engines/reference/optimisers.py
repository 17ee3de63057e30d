"""SGD, Adagrad, RMSProp, Adam and AdamW, each a few lines, with PyTorch's semantics.

All update the weights in place. Weight decay acts on matrices only, never on biases,
peepholes or gains: in Adam and the others it is added to the gradient (L2), in AdamW it shrinks the
weight itself (Loshchilov and Hutter 2019, arXiv:1711.05101).
"""

from __future__ import annotations

import math

import numpy as np

from recurra.core.errors import FormatError
from recurra.core.parameters import Params
from recurra.engines.base import OptimiserOptions

MOMENTS = {
    "sgd": ("momentum",),
    "adagrad": ("square",),
    "rmsprop": ("square",),
    "adam": ("mean", "square"),
    "adamw": ("mean", "square"),
}
"""What each rule remembers per weight. SGD does so only with momentum."""


def is_decayed(name: str) -> bool:
    """Whether weight decay acts on the weight of that name: matrices alone are called so."""
    return "weight" in name


def moment_names(options: OptimiserOptions) -> tuple[str, ...]:
    """Return the moments that this rule keeps with these options."""
    if options.optimiser == "sgd" and options.momentum == 0:
        return ()
    return MOMENTS[options.optimiser]


class Optimiser:
    """One update rule and its memory, for one set of weights."""

    def __init__(self, options: OptimiserOptions, params: Params) -> None:
        self.options = options
        self.step = 0
        self.moments = {
            f"{moment}/{name}": np.zeros_like(array)
            for moment in moment_names(options)
            for name, array in params.items()
        }

    def update(self, params: Params, grads: Params, learning_rate: float) -> None:
        """Move the weights once. `params` change in place, `grads` do not."""
        self.step += 1
        rule = getattr(self, f"_{self.options.optimiser}")
        for name, weight in params.items():
            grad = grads[name]
            if self.options.weight_decay and is_decayed(name):
                if self.options.optimiser == "adamw":
                    weight *= 1.0 - learning_rate * self.options.weight_decay
                else:
                    grad = grad + self.options.weight_decay * weight
            rule(name, weight, grad, learning_rate)

    def _sgd(self, name, weight, grad, learning_rate):  # type: ignore[no-untyped-def]
        # v = momentum v + grad; w -= rate v
        if self.options.momentum:
            velocity = self.moments[f"momentum/{name}"]
            velocity *= self.options.momentum
            velocity += grad
            grad = velocity
        weight -= learning_rate * grad

    def _adagrad(self, name, weight, grad, learning_rate):  # type: ignore[no-untyped-def]
        # s += grad^2; w -= rate grad / (sqrt(s) + eps)          Duchi et al. 2011
        square = self.moments[f"square/{name}"]
        square += grad * grad
        weight -= learning_rate * grad / (np.sqrt(square) + self.options.epsilon)

    def _rmsprop(self, name, weight, grad, learning_rate):  # type: ignore[no-untyped-def]
        # s = rho s + (1 - rho) grad^2; w -= rate grad / (sqrt(s) + eps)    Tieleman, Hinton 2012
        square = self.moments[f"square/{name}"]
        square *= self.options.rho
        square += (1.0 - self.options.rho) * grad * grad
        weight -= learning_rate * grad / (np.sqrt(square) + self.options.epsilon)

    def _adam(self, name, weight, grad, learning_rate):  # type: ignore[no-untyped-def]
        # m = b1 m + (1-b1) grad; s = b2 s + (1-b2) grad^2       Kingma and Ba 2015, algorithm 1
        # w -= rate (m / (1-b1^t)) / (sqrt(s / (1-b2^t)) + eps)
        o = self.options
        mean, square = self.moments[f"mean/{name}"], self.moments[f"square/{name}"]
        mean *= o.beta1
        mean += (1.0 - o.beta1) * grad
        square *= o.beta2
        square += (1.0 - o.beta2) * grad * grad
        rate = learning_rate / (1.0 - o.beta1**self.step)
        root = math.sqrt(1.0 - o.beta2**self.step)
        weight -= rate * mean / (np.sqrt(square) / root + o.epsilon)

    _adamw = _adam

    def state(self) -> Params:
        """Return a copy of the memory: the moments, and "step" [1]."""
        copies = {name: array.copy() for name, array in self.moments.items()}
        return {"step": np.array([self.step], np.float64), **copies}

    def load(self, state: Params) -> None:
        """Take a memory back. Raises `FormatError` where it belongs to another rule or network."""
        check_moments(state, {name: array.shape for name, array in self.moments.items()})
        self.step = int(state["step"][0])
        for name, array in self.moments.items():
            array[...] = state[name]


def check_moments(state: Params, wanted: dict[str, tuple[int, ...]]) -> None:
    """Raise `FormatError` unless `state` holds "step" and exactly the moments `wanted`."""
    for name, shape in {"step": (1,), **wanted}.items():
        if name not in state or state[name].shape != shape:
            raise FormatError(
                f"the optimiser's memory lacks '{name}' {list(shape)}; was it saved with another "
                "optimiser?"
            )
    for name in state:
        if name != "step" and name not in wanted:
            raise FormatError(
                f"the optimiser's memory holds '{name}', which this optimiser does not keep."
            )


def clip(grads: Params, options: OptimiserOptions) -> float:
    """Clip gradients in place, entries by value first and then the whole by norm.

    Returns the norm of the whole gradient before either.
    """
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))
    if options.clip_value:
        for grad in grads.values():
            np.clip(grad, -options.clip_value, options.clip_value, out=grad)
        after = math.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))
    else:
        after = norm
    if options.clip_norm and after > options.clip_norm:
        for grad in grads.values():
            grad *= options.clip_norm / (after + 1e-6)
    return norm
