"""What a predicted distribution says: its mean, its quantiles, and numbers drawn from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.spec import Gaussian, Mixture, NegativeBinomial, Quantiles, ValueHead
from recurra.engines.heads.density import FLOOR, LEAST_FREEDOM, LEAST_MEAN, quantile_values
from recurra.engines.heads.functions import softplus

Array = NDArray[Any]


def draw(
    head: ValueHead, raw: Array, rng: np.random.Generator, scale: Array | None = None
) -> Array:
    """Return one number drawn for each value, [..., values].

    Args:
        raw: [..., outputs] of the network.
        rng: where the numbers come from; a generator of a fixed seed gives the same numbers.
        scale: [..., 1] or [..., values], the scale of each series; for counts only.
    """
    raw = raw.reshape(*raw.shape[:-1], head.values, head.numbers)
    shape = raw.shape[:-1]
    if isinstance(head, Quantiles):
        return interpolate(head.levels, quantile_values(raw), rng.random(shape, np.float32))
    if isinstance(head, Mixture):
        return _draw_mixture(head, raw, rng)
    if isinstance(head, NegativeBinomial):
        mean, spread = _count(raw, scale)
        return rng.poisson(rng.gamma(1.0 / spread, spread * mean)).astype(raw.dtype)
    sigma = softplus(raw[..., 1]) + FLOOR
    if isinstance(head, Gaussian):
        return np.asarray(raw[..., 0] + sigma * rng.standard_normal(shape, np.float32))
    # Student's t without a gamma variate (Bailey 1994): exact, and two draws a number.
    nu = softplus(raw[..., 2]) + LEAST_FREEDOM
    u = 1.0 - rng.random(shape, np.float32)
    angle = np.cos(2 * np.pi * rng.random(shape, np.float32))
    return np.asarray(raw[..., 0] + sigma * np.sqrt(nu * np.expm1(-2.0 / nu * np.log(u))) * angle)


def mean_of(head: ValueHead, raw: Array, scale: Array | None = None) -> Array:
    """Return the mean of each value's distribution [..., values]; for quantiles by trapezia."""
    raw = raw.reshape(*raw.shape[:-1], head.values, head.numbers)
    if isinstance(head, Quantiles):
        grid = (np.arange(50) + 0.5) / 50
        return np.asarray(_at(head.levels, quantile_values(raw), grid).mean(axis=-1))
    if isinstance(head, Mixture):
        k = head.components
        logits = raw[..., :k] - raw[..., :k].max(axis=-1, keepdims=True)
        share = np.exp(logits)
        share /= share.sum(axis=-1, keepdims=True)
        return np.asarray((share * raw[..., k : 2 * k]).sum(axis=-1))
    if isinstance(head, NegativeBinomial):
        return _count(raw, scale)[0]
    return np.asarray(raw[..., 0])


def quantiles_of(head: Quantiles, raw: Array, levels: Array) -> Array:
    """Return the quantiles at any levels [L]: [..., values, L]. Beyond the outermost ones that the
    head knows, the tails go on as an exponential's do.
    """
    found = quantile_values(raw.reshape(*raw.shape[:-1], head.values, head.numbers))
    return _at(head.levels, found, np.asarray(levels))


def interpolate(levels: tuple[float, ...], found: Array, u: Array) -> Array:
    """Return the value at level u [...] of a distribution with quantiles `found` [..., Q]."""
    return np.asarray(_at(levels, found, u[..., None])[..., 0])


def _at(levels: tuple[float, ...], found: Array, u: Array) -> Array:
    """Return quantiles at levels u ([..., L], or [L] for all) from those at `levels`, [..., Q].

    Between these they are linear.

    Below the first level t with slope s there: q(u) = q_1 + s t log(u / t), and likewise above.
    """
    known = np.asarray(levels)
    if len(known) == 1:
        return np.broadcast_to(found, (*found.shape[:-1], u.shape[-1])).copy()
    place = np.clip(np.searchsorted(known, u) - 1, 0, len(known) - 2)
    low, high = known[place], known[place + 1]
    if u.ndim == 1:
        below, above = found[..., place], found[..., place + 1]
    else:
        below = np.take_along_axis(found, place, axis=-1)
        above = np.take_along_axis(found, place + 1, axis=-1)
    inside = below + (above - below) * (u - low) / (high - low)
    first, last = known[0], known[-1]
    slope = (found[..., 1:2] - found[..., :1]) / (known[1] - known[0])
    lower = found[..., :1] + slope * first * np.log(np.maximum(u, 1e-9) / first)
    slope = (found[..., -1:] - found[..., -2:-1]) / (known[-1] - known[-2])
    upper = found[..., -1:] - slope * (1 - last) * np.log(np.maximum(1 - u, 1e-9) / (1 - last))
    inside = np.where(u < first, lower, inside)
    return np.asarray(np.where(u > last, upper, inside))


def _draw_mixture(head: Mixture, raw: Array, rng: np.random.Generator) -> Array:
    """Choose a component by the Gumbel trick, then draw from it."""
    k = head.components
    noise = rng.gumbel(size=raw[..., :k].shape)
    chosen = (raw[..., :k] + noise).argmax(axis=-1)[..., None]
    mu = np.take_along_axis(raw[..., k : 2 * k], chosen, axis=-1)[..., 0]
    sigma = softplus(np.take_along_axis(raw[..., 2 * k :], chosen, axis=-1)[..., 0]) + FLOOR
    return np.asarray(mu + sigma * rng.standard_normal(mu.shape, np.float32))


def _count(raw: Array, scale: Array | None) -> tuple[Array, Array]:
    """Return mean and dispersion of a count."""
    factor = 1.0 if scale is None else scale
    return factor * softplus(raw[..., 0]) + LEAST_MEAN, softplus(raw[..., 1]) + LEAST_MEAN
