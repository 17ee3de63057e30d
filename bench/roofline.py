"""What a network should cost at most favourable, from the limits of the processor alone.

A stack of L layers of H units over V characters has W = 4 H^2 (2 L - 1) weights in products (a
one-hot input is a row of a table, never a product) and H V in the head. A character is a
multiply-add for each of them to write, three to learn. B sequences side by side read the weights
once for all of them. Who writes reads all of them a step. Who learns knows the whole window, so
that only the recurrent ones, 4 H^2 L, are read a step: forward, and once more backward. A character
takes no less than the longer of

    2 n (W + H V) / peak,                               n = 1 to write, 3 to learn
    bytes (W + H V) / (B bandwidth),                    to write
    bytes 2 (4 H^2 L) / (B bandwidth),                  to learn

with the bandwidth of whichever cache holds so many bytes. Gates, losses and optimisers come on top.
"""

from __future__ import annotations

from bench.clock import LAYERS, VOCABULARY

WIDTHS = {"float32": 4, "bfloat16": 2, "int8": 1}
"""Bytes of one weight."""


def weights(hidden: int) -> int:
    """Return how many weights a character is multiplied with."""
    return 4 * hidden * hidden * (2 * LAYERS - 1) + hidden * VOCABULARY


def flops(hidden: int, *, learning: bool) -> float:
    """Return the operations that a character costs in products; a multiply-add is two."""
    return (6.0 if learning else 2.0) * weights(hidden)


def bytes_read(hidden: int, precision: str) -> int:
    """Return the bytes of weights that a step reads."""
    return weights(hidden) * WIDTHS[precision]


def seconds(
    hidden: int, streams: int, *, learning: bool, precision: str, gflops: float, gbytes: float
) -> float:
    """Return the least seconds a character.

    Args:
        streams: sequences side by side.
        gflops: multiply-adds that the processor does, in 1e9 operations a second.
        gbytes: what it reads from the cache that holds the weights, in 1e9 bytes a second.
    """
    arithmetic = flops(hidden, learning=learning) / gflops / 1e9
    recurrent = 2 * 4 * hidden * hidden * LAYERS * WIDTHS[precision]
    read = recurrent if learning else bytes_read(hidden, precision)
    return max(arithmetic, read / streams / gbytes / 1e9)
