"""Update rules from torch.optim, their memory under the names that all engines share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from recurra.core.parameters import Params
from recurra.engines.base import OptimiserOptions
from recurra.engines.reference.optimisers import check_moments, is_decayed, moment_names

LIBRARY_NAMES = {
    ("sgd", "momentum"): "momentum_buffer",
    ("adagrad", "square"): "sum",
    ("rmsprop", "square"): "square_avg",
    ("adam", "mean"): "exp_avg",
    ("adam", "square"): "exp_avg_sq",
    ("adamw", "mean"): "exp_avg",
    ("adamw", "square"): "exp_avg_sq",
}
"""What torch.optim calls each moment."""

CAPTURABLE = ("rmsprop", "adam", "adamw")
"""Rules whose step count and learning rate may live on the device, as a CUDA graph needs."""


class TorchOptimiser:
    """One update rule and its memory, for one set of weights."""

    def __init__(self, options: OptimiserOptions, weights: dict[str, Tensor]) -> None:
        self.options = options
        self.weights = weights
        self.steps = 0
        device = next(iter(weights.values())).device
        self.capturable = device.type == "cuda" and options.optimiser in CAPTURABLE
        self._rate = torch.zeros((), device=device) if self.capturable else None
        self._clips_late = device.type != "cpu"
        decay = options.weight_decay
        matrices = [w for n, w in weights.items() if is_decayed(n)]
        others = [w for n, w in weights.items() if not is_decayed(n)]
        # One group where one will do: each group is a call of its own.
        groups = (
            [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
            if decay
            else [{"params": list(weights.values())}]
        )
        self._rule = self._make(groups, device)
        moments = {
            f"{moment}/{name}": np.zeros(tuple(weight.shape))
            for moment in moment_names(options)
            for name, weight in weights.items()
        }
        self._shapes = {name: array.shape for name, array in moments.items()}
        self.load({"step": np.zeros(1), **moments})

    def _make(self, groups: list[dict[str, Any]], device: torch.device) -> torch.optim.Optimizer:
        o = self.options
        rate: Any = 0.0 if self._rate is None else self._rate
        if o.optimiser == "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=o.momentum, fused=True)
        if o.optimiser == "adagrad":
            kind = {"fused": True} if device.type == "cpu" else {"foreach": True}
            return torch.optim.Adagrad(groups, lr=rate, eps=o.epsilon, **kind)
        if o.optimiser == "rmsprop":
            return torch.optim.RMSprop(
                groups,
                lr=rate,
                alpha=o.rho,
                eps=o.epsilon,
                foreach=True,
                capturable=self.capturable,
            )
        rule = torch.optim.AdamW if o.optimiser == "adamw" else torch.optim.Adam
        betas = (o.beta1, o.beta2)
        # Decay is each group's own, and AdamW's default is not zero.
        return rule(
            groups,
            lr=rate,
            betas=betas,
            eps=o.epsilon,
            weight_decay=0.0,
            fused=True,
            capturable=self.capturable,
        )

    def set_rate(self, learning_rate: float) -> None:
        """Set the learning rate of the next update."""
        if self._rate is not None:
            self._rate.fill_(learning_rate)
        else:
            for group in self._rule.param_groups:
                group["lr"] = learning_rate

    def update(self, grads: list[Tensor]) -> Tensor:
        """Clip the gradients and move the weights once, all on the device.

        Entries are clipped by value first, then the whole by its norm. `grads` are in the order of
        the weights and change in place. Returns the norm of the whole before either.
        """
        norm = after = torch.nn.utils.get_total_norm(grads, foreach=True)
        o = self.options
        if o.clip_value:
            torch._foreach_clamp_min_(grads, -o.clip_value)
            torch._foreach_clamp_max_(grads, o.clip_value)
            after = torch.nn.utils.get_total_norm(grads, foreach=True)
        # A CPU may look at the norm and spare the product; a GPU would have to wait for it.
        if o.clip_norm and (self._clips_late or float(after) > o.clip_norm):
            factor = torch.where(after > o.clip_norm, o.clip_norm / (after + 1e-6), 1.0)
            torch._foreach_mul_(grads, factor)
        for weight, grad in zip(self.weights.values(), grads, strict=True):
            weight.grad = grad
        self._rule.step()
        for weight in self.weights.values():
            weight.grad = None
        return norm

    def state(self) -> Params:
        """Return a copy of the memory as NumPy arrays: the moments, and "step" [1]."""
        found: Params = {"step": np.array([self.steps], np.float64)}
        for moment in moment_names(self.options):
            library = LIBRARY_NAMES[self.options.optimiser, moment]
            for name, weight in self.weights.items():
                found[f"{moment}/{name}"] = self._rule.state[weight][library].cpu().numpy().copy()
        return found

    def load(self, moments: Params) -> None:
        """Take a memory back, in place once it exists. Raises `FormatError` where it does not fit.

        Sources of the layout: the `state` of each class in torch.optim.
        """
        check_moments(moments, self._shapes)
        self.steps = int(moments["step"][0])
        for name, weight in self.weights.items():
            state = self._rule.state[weight]
            rule = self.options.optimiser
            entries = {
                LIBRARY_NAMES[rule, moment]: np.asarray(moments[f"{moment}/{name}"])
                for moment in moment_names(self.options)
            }
            if rule != "sgd":
                entries["step"] = np.asarray(float(self.steps), np.float32)
            for library, array in entries.items():
                # Fused Adam counts on the device, as do captured rules; the others on the host.
                fused = rule in ("adam", "adamw")
                on_device = library != "step" or fused or self.capturable
                new = torch.tensor(
                    array,
                    dtype=torch.float32 if library == "step" else weight.dtype,
                    device=weight.device if on_device else "cpu",
                )
                if library in state:
                    state[library].copy_(new)
                else:
                    state[library] = new
