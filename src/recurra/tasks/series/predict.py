"""Forecasts from a network: the history is read, then each next value is drawn and read in turn,
or all of them are predicted at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.core.spec import Quantiles, ValueHead
from recurra.engines.base import Network, State
from recurra.engines.heads import draw, mean_of, quantiles_of
from recurra.tasks.series.encode import Scaled, calendar_of
from recurra.tasks.series.encoding import Encoding
from recurra.tasks.series.task import begins
from recurra.tasks.series.windows import Buffer, anchors, cut, read_inputs

Array = NDArray[Any]
Progress = Callable[[int, int], None]
"""Called with series done and series in all."""

READ_ROWS = 64
"""Histories that are read side by side."""
DRAWN_ROWS = 1 << 15
"""Paths that are drawn side by side, at most."""
READ_AT_ONCE = 256
FORECAST = 7
"""Stream of the generator that paths are drawn from."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a model expects of some series, in their own units."""

    mean: NDArray[np.float64]
    """[S, h]"""
    levels: tuple[float, ...]
    quantiles: NDArray[np.float64]
    """[S, h, levels]"""
    paths: NDArray[np.float32] | None
    """[S, N, h] drawn futures, where they were asked for or the forecast is made of them."""


def forecast(
    network: Network,
    rows: Sequence[Scaled],
    encoding: Encoding,
    steps: int,
    *,
    levels: Sequence[float] = (0.5,),
    paths: int = 200,
    keep_paths: bool = False,
    seed: int = 0,
    stamps: Sequence[Array] | None = None,
    progress: Progress | None = None,
) -> Forecast:
    """Return the forecast of the steps after the end of each series.

    Args:
        rows: the series, encoded to their end.
        levels: of the quantiles wanted.
        paths: futures drawn for each series; a direct quantile model needs none.
        stamps: dates of the steps ahead [h] of each series, for the calendar.
    Raises:
        ConfigError: a model that predicts all at once is asked for more steps than it learned.
    """
    head = network.spec.head
    if not isinstance(head, ValueHead):
        raise ConfigError("this model predicts tokens, not values.")
    if encoding.horizon > 1 and steps > encoding.horizon:
        raise ConfigError(
            f"this model predicts {encoding.horizon} steps at once, but {steps} are asked for; "
            "train one with a larger horizon, or without direct.",
            "horizon",
        )
    found = Forecast(
        np.zeros((len(rows), steps)), tuple(levels), np.zeros((len(rows), steps, len(levels))),
        np.zeros((len(rows), paths, steps), np.float32) if keep_paths else None,
    )  # fmt: skip
    order = np.argsort([len(row.z) for row in rows], kind="stable")
    done = 0
    at_once = max(1, min(READ_ROWS, DRAWN_ROWS // max(paths, 1)))
    for first in range(0, len(rows), at_once):
        part = order[first : first + at_once]
        chosen = [rows[n] for n in part]
        dates = None if stamps is None else [stamps[n] for n in part]
        state, buffer, raw = read_history(network, chosen, encoding)
        if encoding.horizon > 1 or steps == 1:
            mean, quantiles, drawn = _at_once(
                head, raw, chosen, buffer, encoding, steps, levels, paths, keep_paths, seed, part
            )
        else:
            drawn = _one_by_one(
                network, head, state, raw, chosen, buffer, encoding, steps, paths, seed, dates, part
            )
            mean = drawn.mean(axis=1)
            quantiles = np.moveaxis(np.quantile(drawn, levels, axis=1), 0, -1)
        found.mean[part], found.quantiles[part] = mean, quantiles
        if found.paths is not None and drawn is not None:
            found.paths[part] = drawn
        done += len(part)
        if progress is not None:
            progress(done, len(rows))
    return found


def read_history(
    network: Network, rows: Sequence[Scaled], encoding: Encoding
) -> tuple[State, Buffer, NDArray[np.float32]]:
    """Read whole histories side by side, ending together.

    Returns: the state after them, the buffer of their last position, and the raw outputs there
    [S, outputs].
    """
    length = max(len(row.z) for row in rows)
    buffer = cut(rows, [len(row.z) - length for row in rows], length, encoding)
    resets = begins(buffer)
    state = network.zero_state(len(rows))
    for first in range(0, length - 1, READ_AT_ONCE):
        end = min(first + READ_AT_ONCE, length - 1)
        inputs = read_inputs(_slice(buffer, first, end, encoding), encoding)
        state = network.advance(inputs, state, None if resets is None else resets[first:end])
    last = _slice(buffer, length - 1, length, encoding)
    inputs = read_inputs(last, encoding)
    raw, state = network.forward(inputs, state, None if resets is None else resets[-1:])
    return state, last, raw[0]


def _slice(buffer: Buffer, first: int, end: int, encoding: Encoding) -> Buffer:
    whole = encoding.reach + end + encoding.horizon
    return Buffer(
        buffer.z[first:whole], buffer.seen[first:whole], buffer.starts - first,
        buffer.extra[first:end], buffer.future[first : end + encoding.horizon], buffer.fixed,
        end - first,
    )  # fmt: skip


def _at_once(
    head: ValueHead,
    raw: Array,
    rows: Sequence[Scaled],
    buffer: Buffer,
    encoding: Encoding,
    steps: int,
    levels: Sequence[float],
    paths: int,
    keep_paths: bool,
    seed: int,
    names: Array,
) -> tuple[Array, Array, Array | None]:
    """Return mean [S, h], quantiles [S, h, L] and paths [S, N, h] of a direct forecast."""
    back = anchors(buffer, encoding)[0]
    centre = np.array([row.centre for row in rows])[:, None]
    scale = np.array([row.scale for row in rows])[:, None]
    if encoding.counts:
        centre, unit = np.zeros_like(centre), np.ones_like(scale)
    else:
        unit = scale
    mean = (centre + unit * (back + mean_of(head, raw, scale)))[:, :steps]
    drawn = None
    if keep_paths or not isinstance(head, Quantiles):
        found = _sorted_draws(head, raw, scale, paths, seed, names)[..., :steps]
        ordered = [
            _in_order(one, row, encoding, generator(seed, int(name), 1))
            for one, row, name in zip(found, rows, names, strict=True)
        ]
        drawn = centre[..., None] + unit[..., None] * (back[:, None, :steps] + np.stack(ordered))
    if isinstance(head, Quantiles):
        z = quantiles_of(head, raw, np.asarray(levels))
        quantiles = centre[..., None] + unit[..., None] * (back[..., None] + z)
        return mean, quantiles[:, :steps], drawn
    quantiles = np.moveaxis(np.quantile(drawn, levels, axis=1), 0, -1)  # type: ignore[arg-type]
    return mean, quantiles, drawn


def _sorted_draws(
    head: ValueHead, raw: Array, scale: Array, paths: int, seed: int, names: Array
) -> Array:
    """Return draws of every step [S, N, H], rising along the paths; for quantiles one of each of N
    equal shares of the distribution.
    """
    if isinstance(head, Quantiles):
        return np.moveaxis(quantiles_of(head, raw, (np.arange(paths) + 0.5) / paths), -1, 1)
    drawn = [
        draw(head, np.repeat(raw[n : n + 1], paths, axis=0), generator(seed, int(name), 0), one)
        for n, (name, one) in enumerate(zip(names, scale, strict=True))
    ]
    return np.sort(np.stack(drawn), axis=1)


def _in_order(drawn: Array, row: Scaled, encoding: Encoding, rng: np.random.Generator) -> Array:
    """Return rising draws [N, h] put in order along each path as the series itself moves.

    The Schaake shuffle (Clark et al. 2004, J. Hydrometeorology 5): the n-th path ranks at each step
    where the n-th of N pieces of history, less its own anchor, ranks among these.
    """
    count, steps = drawn.shape
    season = encoding.season if encoding.difference == "season" else 1
    moves = row.z[season:] - row.z[:-season] if len(row.z) > season else row.z
    if len(moves) < steps + 2:
        return rng.permuted(drawn, axis=0)
    if encoding.difference != "season":
        moves = np.concatenate([[0.0], np.cumsum(moves)])
    firsts = rng.integers(0, len(moves) - steps, count)
    pieces = moves[firsts[:, None] + np.arange(1, steps + 1)]
    if encoding.difference != "season":
        pieces = pieces - moves[firsts][:, None]
    noise = rng.random(pieces.shape) * 1e-6
    ranks = (pieces + noise).argsort(axis=0).argsort(axis=0)
    return np.take_along_axis(drawn, ranks, axis=0)


def _one_by_one(
    network: Network,
    head: ValueHead,
    state: State,
    raw: Array,
    rows: Sequence[Scaled],
    buffer: Buffer,
    encoding: Encoding,
    steps: int,
    paths: int,
    seed: int,
    stamps: Sequence[Array] | None,
    names: Array,
) -> Array:
    """Draw values and read them again: paths [S, N, h]."""
    count, reach = len(rows), encoding.reach
    z = np.zeros((reach + 1 + steps, count * paths), np.float32)
    z[: reach + 1] = np.repeat(buffer.z[: reach + 1], paths, axis=1)
    state = network.import_state(
        {name: np.repeat(part, paths, axis=0) for name, part in network.export_state(state).items()}
    )
    raw = np.repeat(raw, paths, axis=0)
    fixed = np.repeat(buffer.fixed, paths, axis=0)
    centre = np.repeat([row.centre for row in rows], paths)
    scale = np.repeat([row.scale for row in rows], paths)
    cycles = 2 * len(encoding.calendar)
    seen = np.ones((reach + 2, count * paths), bool)
    generators = [generator(seed, int(name), 0) for name in names]
    for step in range(steps):
        at = Buffer(
            z[step : step + reach + 2], seen, np.zeros(count * paths, np.int64),
            np.zeros((1, 0, 0), np.float32), np.zeros((2, 0, 0), np.float32), fixed, 1,
        )  # fmt: skip
        new = np.concatenate(
            [
                draw(head, raw[n * paths : (n + 1) * paths], rng, scale[n * paths, None])
                for n, rng in enumerate(generators)
            ]
        )[:, 0]
        if encoding.counts:
            new = (new - centre) / scale
        else:
            new = new + anchors(at, encoding)[0, :, 0]
        # A model that runs away is held where numbers still are numbers.
        z[reach + step + 1] = np.clip(new, -1e6, 1e6)
        if step + 1 < steps:
            inputs = _inputs_ahead(z, step + 1, rows, paths, fixed, encoding, stamps, cycles)
            outputs, state = network.forward(inputs, state)
            raw = outputs[0]
    drawn = centre + scale * z[reach + 1 :]
    if encoding.counts:
        drawn = np.round(drawn)
    return np.asarray(drawn.T.reshape(count, paths, steps))


def _inputs_ahead(
    z: Array,
    step: int,
    rows: Sequence[Scaled],
    paths: int,
    fixed: Array,
    encoding: Encoding,
    stamps: Sequence[Array] | None,
    cycles: int,
) -> Array:
    """Return what is read `step` steps after the end of the history [1, S * N, features]."""
    count = len(rows)
    extra = np.zeros((count, cycles + encoding.past), np.float32)
    future = np.zeros((2, count, encoding.future), np.float32)
    for n, row in enumerate(rows):
        if cycles and stamps is not None:
            extra[n, :cycles] = calendar_of(stamps[n][step : step + 1], encoding)[0]
        # What is known of the past only stays as it was last seen.
        extra[n, cycles:] = row.extra[-1, cycles:]
        at = len(row.z) + step
        known = row.future[at : at + 1]
        future[1, n] = known[0] if len(known) else row.future[-1] if len(row.future) else 0.0
    reach = encoding.reach
    buffer = Buffer(
        z[step : step + reach + 2], np.ones((reach + 2, count * paths), bool),
        np.zeros(count * paths, np.int64), np.repeat(extra, paths, axis=0)[None],
        np.repeat(future, paths, axis=1), fixed, 1,
    )  # fmt: skip
    return read_inputs(buffer, encoding)


def generator(seed: int, series: int, lane: int) -> np.random.Generator:
    """Return where the draws of one series come from: they do not depend on what is beside it."""
    return np.random.Generator(
        np.random.Philox(
            key=np.array([seed & (2**64 - 1), FORECAST], np.uint64),
            counter=np.array([0, 0, series, lane], np.uint64),
        )
    )
