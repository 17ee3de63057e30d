"""Heads that predict numbers: loss, derivative and samples from the raw outputs of a network.

Written once in NumPy; the reference and the native engine use it as it is, the torch engine has
the same losses in tensors (`engines.torch.heads`). Tests hold one against the other, and the
derivatives against differences.
"""

from recurra.engines.heads.density import Scored, score
from recurra.engines.heads.readout import draw, mean_of, quantiles_of
from recurra.engines.heads.window import WindowLoss, check_values, window_loss

__all__ = [
    "Scored",
    "WindowLoss",
    "check_values",
    "draw",
    "mean_of",
    "quantiles_of",
    "score",
    "window_loss",
]
