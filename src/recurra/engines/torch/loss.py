"""Softmax loss and the report of a window."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from recurra.engines.base import Report


class Scores(NamedTuple):
    """Weighted means over a window, as tensors: reading them would make a device wait."""

    loss: Tensor
    accuracy: Tensor
    posterior: Tensor

    def packed(self) -> Tensor:
        return torch.stack([part.detach() for part in self])


def softmax_scores(logits: Tensor, targets: Tensor, share: Tensor | None) -> Scores:
    """Return the mean cross-entropy in nats, the accuracy, and the mean posterior of the targets.

    Args:
        logits: [N, V]; taken to float32 first if they are narrower.
        targets: [N] int64.
        share: [N], how much each position counts, summing to 1; None: all the same.
    A target that ties with other tokens for the largest logit counts as right: finding the largest
    value is twelve times cheaper on a CPU than finding where it stands.
    """
    wide = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    log_probs = functional.log_softmax(wide, dim=-1)
    with torch.no_grad():
        picked = log_probs.gather(1, targets[:, None])[:, 0]
        right = (picked >= log_probs.amax(dim=-1)).to(picked.dtype)
        posterior = picked.exp()
    if share is None:
        return Scores(functional.nll_loss(log_probs, targets), right.mean(), posterior.mean())
    nats = functional.nll_loss(log_probs, targets, reduction="none")
    return Scores((nats * share).sum(), (right * share).sum(), (posterior * share).sum())


class LateReport:
    """A report whose numbers may still be on their way from a device."""

    def __init__(self, scores: Tensor, positions: float, norm: Tensor | None = None) -> None:
        """Keep tensors of our own: `scores` is [3], in the order of `Scores`."""
        self._scores = scores
        self._positions = positions
        self._norm = norm
        self._report: Report | None = None

    def read(self) -> Report:
        """Wait for the device and return the report."""
        if self._report is None:
            loss, accuracy, posterior = self._scores.tolist()
            norm = float("nan") if self._norm is None else float(self._norm)
            self._report = Report(loss, accuracy, posterior, self._positions, norm)
        return self._report
