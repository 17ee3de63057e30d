"""The losses of `engines.heads` in tensors, for autograd; its equations stand there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recurra.core.spec import (
    Gaussian,
    Mixture,
    NegativeBinomial,
    Quantiles,
    StudentT,
    ValueHead,
)
from recurra.engines.base import Batch
from recurra.engines.heads.density import FLOOR, HALF_LOG_TWO_PI, LEAST_FREEDOM, LEAST_MEAN
from recurra.engines.torch.loss import Scores


def value_losses(head: ValueHead, raw: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each value [N, values] from raw outputs [N, outputs] and targets."""
    raw = raw.float() if raw.dtype in (torch.bfloat16, torch.float16) else raw
    raw = raw.reshape(len(raw), head.values, head.numbers)
    targets = targets.reshape(len(targets), head.values, head.given)
    return LOSSES[type(head)](head, raw, targets)


def value_scores(head: ValueHead, raw: Tensor, targets: Tensor, share: Tensor) -> Scores:
    """Return the mean loss over values, each with its share [N, values]; the rest is NaN."""
    loss = (value_losses(head, raw, targets) * share).sum()
    nothing = torch.full_like(loss.detach(), math.nan)
    return Scores(loss, nothing, nothing)


def counted_values(head: ValueHead, batch: Batch) -> tuple[np.ndarray[Any, Any], ...]:
    """Return targets without holes [T * B, N] and the share of each value [T * B, values]."""
    rows = batch.inputs.shape[0] * batch.inputs.shape[1]
    targets = np.asarray(batch.targets).reshape(rows, -1)
    weights = np.ones((rows, head.values))
    if batch.weights is not None:
        weights = np.asarray(batch.weights, np.float64).reshape(rows, -1)
    present = np.repeat(weights != 0, head.given, axis=1)
    whole = np.where(present, targets, 0 if head.given == 1 else 1)
    return whole, weights / max(float(weights.sum()), 1e-30)


def _gaussian(head: Gaussian, raw: Tensor, targets: Tensor) -> Tensor:
    sigma = functional.softplus(raw[..., 1]) + FLOOR
    z = (targets[..., 0] - raw[..., 0]) / sigma
    return sigma.log() + 0.5 * z * z + HALF_LOG_TWO_PI


def _student_t(head: StudentT, raw: Tensor, targets: Tensor) -> Tensor:
    sigma = functional.softplus(raw[..., 1]) + FLOOR
    # Differences of log Gamma lose digits for many degrees of freedom.
    nu = functional.softplus(raw[..., 2]).to(_wide(raw)) + LEAST_FREEDOM
    z = (targets[..., 0] - raw[..., 0]) / sigma
    loss = (
        torch.lgamma(0.5 * nu) - torch.lgamma(0.5 * (nu + 1)) + 0.5 * torch.log(nu * math.pi)
        + sigma.log() + 0.5 * (nu + 1) * torch.log1p(z * z / nu)
    )  # fmt: skip
    return loss.to(raw.dtype)


def _negative_binomial(head: NegativeBinomial, raw: Tensor, targets: Tensor) -> Tensor:
    wide = _wide(raw)
    y, scale = targets[..., 0].to(wide), targets[..., 1].to(wide)
    mean = scale * functional.softplus(raw[..., 0]) + LEAST_MEAN
    r = 1.0 / (functional.softplus(raw[..., 1]).to(wide) + LEAST_MEAN)
    loss = (
        torch.lgamma(r) + torch.lgamma(y + 1) - torch.lgamma(y + r)
        + r * torch.log1p(mean / r) + y * torch.log1p(r / mean)
    )  # fmt: skip
    return loss.to(raw.dtype)


def _mixture(head: Mixture, raw: Tensor, targets: Tensor) -> Tensor:
    logits, mu, spread = torch.split(raw, head.components, dim=-1)
    sigma = functional.softplus(spread) + FLOOR
    z = (targets - mu) / sigma
    parts = functional.log_softmax(logits, dim=-1) - sigma.log() - 0.5 * z * z - HALF_LOG_TWO_PI
    return -torch.logsumexp(parts, dim=-1)


def _quantiles(head: Quantiles, raw: Tensor, targets: Tensor) -> Tensor:
    middle = raw.shape[-1] // 2
    centre, steps = raw[..., middle : middle + 1], functional.softplus(raw)
    lower = steps[..., :middle].flip(-1).cumsum(-1).flip(-1)
    found = torch.cat(
        [centre - lower, centre, centre + steps[..., middle + 1 :].cumsum(-1)], dim=-1
    )
    levels = raw.new_tensor(head.levels)
    off = targets - found
    return torch.maximum(levels * off, (levels - 1) * off).sum(-1) * (2.0 / len(head.levels))


def _wide(raw: Tensor) -> torch.dtype:
    """Return float64 where the device has it."""
    return raw.dtype if raw.device.type == "mps" else torch.float64


LOSSES: dict[type[ValueHead], Callable[[Any, Tensor, Tensor], Tensor]] = {
    Gaussian: _gaussian,
    StudentT: _student_t,
    NegativeBinomial: _negative_binomial,
    Mixture: _mixture,
    Quantiles: _quantiles,
}
