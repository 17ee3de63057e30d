"""How far a predicted distribution is off, and the derivative by the raw outputs.

In all of these y is the value that came, and a, b, ... are the raw outputs that describe its
distribution, in the order of the last axis. softplus(x) = log(1 + e^x), whose derivative is
sigmoid(x). The loss is -log p(y) in nats; for quantiles it is the pinball loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recurra.core.spec import (
    Gaussian,
    Mixture,
    NegativeBinomial,
    Quantiles,
    StudentT,
    ValueHead,
)
from recurra.engines.heads.functions import digamma, log_gamma, sigmoid, softplus

Array = NDArray[Any]

FLOOR = 1e-3
"""Smallest scale of a distribution, so that a constant series has a finite density."""
LEAST_MEAN = 1e-6
"""Smallest mean and dispersion of a count."""
LEAST_FREEDOM = 2.0
"""Degrees of freedom lie above this: the variance is finite."""
HALF_LOG_TWO_PI = 0.5 * float(np.log(2 * np.pi))


class Scored(NamedTuple):
    """Losses [..., values], and their derivatives by the raw outputs [..., values, numbers]."""

    loss: Array
    draw: Array


def score(head: ValueHead, raw: Array, targets: Array) -> Scored:
    """Return the loss of each value and its derivative by the raw outputs.

    Args:
        raw: [..., outputs] of the network.
        targets: [..., values * given].
    """
    raw = raw.reshape(*raw.shape[:-1], head.values, head.numbers)
    targets = targets.reshape(*targets.shape[:-1], head.values, head.given)
    return LOSSES[type(head)](head, raw, targets)


def gaussian(head: Gaussian, raw: Array, targets: Array) -> Scored:
    """Score a normal distribution.

    mu = a, sigma = softplus(b) + FLOOR, z = (y - mu) / sigma
    -log p = log sigma + z^2 / 2 + log(2 pi) / 2
    d/da = -z / sigma        d/db = (1 - z^2) / sigma * sigmoid(b)
    """
    sigma = softplus(raw[..., 1]) + FLOOR
    z = (targets[..., 0] - raw[..., 0]) / sigma
    draw = np.empty_like(raw)
    draw[..., 0] = -z / sigma
    draw[..., 1] = (1.0 - z * z) / sigma * sigmoid(raw[..., 1])
    return Scored(np.log(sigma) + 0.5 * z * z + HALF_LOG_TWO_PI, draw)


def student_t(head: StudentT, raw: Array, targets: Array) -> Scored:
    """Score Student's t distribution.

    mu = a, sigma = softplus(b) + FLOOR, nu = 2 + softplus(c), z = (y - mu) / sigma
    -log p = log G(nu / 2) - log G((nu + 1) / 2) + log(nu pi) / 2 + log sigma
             + (nu + 1) / 2 log(1 + z^2 / nu)
    With w = (nu + 1) z / (nu + z^2):
    d/da = -w / sigma        d/db = (1 - w z) / sigma * sigmoid(b)
    d/dc = (psi(nu / 2) - psi((nu + 1) / 2) + 1 / nu + log(1 + z^2 / nu) - w z / nu) / 2
           * sigmoid(c)
    """
    sigma = softplus(raw[..., 1]) + FLOOR
    nu = softplus(raw[..., 2]).astype(np.float64) + LEAST_FREEDOM
    z = (targets[..., 0] - raw[..., 0]) / sigma
    log_ratio = np.log1p(z * z / nu)
    w = (nu + 1.0) * z / (nu + z * z)
    loss = (
        log_gamma(0.5 * nu) - log_gamma(0.5 * (nu + 1.0)) + 0.5 * np.log(nu * np.pi)
        + np.log(sigma) + 0.5 * (nu + 1.0) * log_ratio
    )  # fmt: skip
    draw = np.empty_like(raw)
    draw[..., 0] = -w / sigma
    draw[..., 1] = (1.0 - w * z) / sigma * sigmoid(raw[..., 1])
    dnu = digamma(0.5 * nu) - digamma(0.5 * (nu + 1.0)) + 1.0 / nu + log_ratio - w * z / nu
    draw[..., 2] = 0.5 * dnu * sigmoid(raw[..., 2])
    return Scored(loss.astype(raw.dtype, copy=False), draw)


def negative_binomial(head: NegativeBinomial, raw: Array, targets: Array) -> Scored:
    """Score counts (Salinas et al. 2017, DeepAR, arXiv:1704.04110, equation 2).

    s the scale of the series, m = s softplus(a) + LEAST, v = softplus(b) + LEAST, r = 1 / v
    -log p = log G(r) + log G(y + 1) - log G(y + r) + r log(1 + v m) + y log(1 + r / m)
    d/dm = (y + r) / (r + m) - y / m
    d/dr = psi(r) - psi(y + r) + log(1 + m / r) - 1 + (r + y) / (r + m)     dr/dv = -r^2
    """
    y, scale = targets[..., 0].astype(np.float64), targets[..., 1].astype(np.float64)
    mean = scale * softplus(raw[..., 0]) + LEAST_MEAN
    r = 1.0 / (softplus(raw[..., 1]).astype(np.float64) + LEAST_MEAN)
    loss = (
        log_gamma(r) + log_gamma(y + 1.0) - log_gamma(y + r)
        + r * np.log1p(mean / r) + y * np.log1p(r / mean)
    )  # fmt: skip
    dmean = (y + r) / (r + mean) - y / mean
    dr = digamma(r) - digamma(y + r) + np.log1p(mean / r) - 1.0 + (r + y) / (r + mean)
    draw = np.empty_like(raw)
    draw[..., 0] = dmean * scale * sigmoid(raw[..., 0])
    draw[..., 1] = -dr * r * r * sigmoid(raw[..., 1])
    return Scored(loss.astype(raw.dtype, copy=False), draw)


def mixture(head: Mixture, raw: Array, targets: Array) -> Scored:
    """Score a mixture of K normal distributions (Bishop 1994, "Mixture density networks").

    pi = softmax(a), mu = b, sigma = softplus(c) + FLOOR, each of K numbers
    l_k = log pi_k - log sigma_k - z_k^2 / 2 - log(2 pi) / 2        -log p = -log sum exp l_k
    With g = softmax(l), the responsibilities:
    d/da = pi - g    d/db = -g z / sigma    d/dc = g (1 - z^2) / sigma * sigmoid(c)
    """
    k = head.components
    logits, mu, spread = raw[..., :k], raw[..., k : 2 * k], raw[..., 2 * k :]
    log_pi = logits - _log_sum(logits)
    sigma = softplus(spread) + FLOOR
    z = (targets - mu) / sigma
    parts = log_pi - np.log(sigma) - 0.5 * z * z - HALF_LOG_TWO_PI
    whole = _log_sum(parts)
    g = np.exp(parts - whole)
    draw = np.concatenate(
        [np.exp(log_pi) - g, -g * z / sigma, g * (1.0 - z * z) / sigma * sigmoid(spread)], axis=-1
    )
    return Scored(-whole[..., 0], draw)


def quantiles(head: Quantiles, raw: Array, targets: Array) -> Scored:
    """Score Q quantiles by the pinball loss, 2 / Q sum_k max(t_k (y - q_k), (t_k - 1)(y - q_k)).

    q_m = a_m for the middle one, q_k = q_(k-1) + softplus(a_k) above it and
    q_k = q_(k+1) - softplus(a_k) below. Twice the mean over many levels is the continuous ranked
    probability score; for the median alone it is the absolute error.
    """
    found = quantile_values(raw)
    levels = np.asarray(head.levels, raw.dtype)
    off = targets - found
    scale = 2.0 / len(levels)
    below = off < 0
    loss = (np.where(below, levels - 1.0, levels) * off).sum(axis=-1) * scale
    # d/dq_k = [y < q_k] - t_k; a step moves every quantile on its side from there on.
    dq = (below - levels) * raw.dtype.type(scale)
    middle = len(levels) // 2
    draw = np.empty_like(raw)
    draw[..., middle] = dq.sum(axis=-1)
    up = np.cumsum(dq[..., :middle:-1], axis=-1)[..., ::-1]
    draw[..., middle + 1 :] = up * sigmoid(raw[..., middle + 1 :])
    down = np.cumsum(dq[..., :middle], axis=-1)
    draw[..., :middle] = -down * sigmoid(raw[..., :middle])
    return Scored(loss, draw)


def quantile_values(raw: Array) -> Array:
    """Return the quantiles [..., Q] that raw outputs [..., Q] stand for, rising."""
    middle = raw.shape[-1] // 2
    steps = softplus(raw)
    found = np.empty_like(raw)
    centre = raw[..., middle : middle + 1]
    found[..., middle : middle + 1] = centre
    found[..., middle + 1 :] = centre + np.cumsum(steps[..., middle + 1 :], axis=-1)
    lower = np.cumsum(steps[..., :middle][..., ::-1], axis=-1)[..., ::-1]
    found[..., :middle] = centre - lower
    return found


def _log_sum(x: Array) -> Array:
    """Return log sum exp over the last axis, which is kept."""
    top = x.max(axis=-1, keepdims=True)
    return np.asarray(top + np.log(np.exp(x - top).sum(axis=-1, keepdims=True)))


LOSSES: dict[type[ValueHead], Callable[[Any, Array, Array], Scored]] = {
    Gaussian: gaussian,
    StudentT: student_t,
    NegativeBinomial: negative_binomial,
    Mixture: mixture,
    Quantiles: quantiles,
}
"""By the head's class; a new kind of head is one line here."""
