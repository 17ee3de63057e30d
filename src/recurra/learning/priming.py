"""Before the first draw: a seed, and a network that has read what a sample starts from."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recurra.engines.base import Network, State

READ = 256
"""Positions of the prime read at once."""


def draw_seed(seed: int | None) -> int:
    """Return `seed`, or one drawn by the operating system where there is none."""
    return secrets.randbelow(2**32) if seed is None else seed


def read_prime(
    network: Network, prime: NDArray[np.integer], state: State = None
) -> tuple[int, State]:
    """Read all of `prime` but its last token; return that token and the state, one sequence wide.

    `prime` holds at least one token. Without a `state` reading starts from the state zero.
    """
    state = network.zero_state(1) if state is None else state
    for first in range(0, len(prime) - 1, READ):
        part = np.asarray(prime[first : min(first + READ, len(prime) - 1)], np.int64)
        _, state = network.forward(part[:, None], state)
    return int(prime[-1]), state


def join_states(network: Network, states: Sequence[State]) -> State:
    """Put states side by side, in order, as one batch."""
    if len(states) == 1:
        return states[0]
    parts = [network.export_state(state) for state in states]
    return network.import_state(
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    )


def pick_states(network: Network, state: State, rows: NDArray[np.integer]) -> State:
    """Return the states of some sequences of a batch, in that order; one may come several times."""
    arrays = network.export_state(state)
    return network.import_state({name: array[rows] for name, array in arrays.items()})
