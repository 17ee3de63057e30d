"""A whole training step as one CUDA graph: forward, backward, clipping and update in one launch.

A step of a small LSTM is hundreds of kernels of a few microseconds, and launching them from Python
takes longer than running them. A graph replays them all from fixed addresses: its inputs are copied
into tensors of its own, its results out of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recurra.engines.torch.stack import Masks

WARM_UP = 3
"""Plain steps of a shape before it is recorded: libraries choose their algorithms on the first."""

MOST_GRAPHS = 2
"""Shapes recorded at most; each holds the memory of a step. Other shapes run plainly."""


@dataclass(slots=True)
class Window:
    """What one training step reads, on the device. A graph owns one of these."""

    inputs: Tensor
    targets: Tensor
    """[N], of the positions that count."""
    share: Tensor | None
    positions: Tensor | None
    """[N] numbers of the positions that count, or None for all."""
    state: dict[str, Tensor]
    masks: Masks

    def tensors(self) -> list[Tensor]:
        """Return all of them in a fixed order."""
        optional = [part for part in (self.share, self.positions) if part is not None]
        return [self.inputs, self.targets, *optional, *self.state.values(), *self.masks.tensors()]

    def key(self) -> tuple[object, ...]:
        """Return what two windows must share for one graph to serve both."""
        return (
            self.share is None,
            self.positions is None,
            *((tuple(part.shape), part.dtype) for part in self.tensors()),
        )

    def clone(self) -> Window:
        return Window(
            self.inputs.clone(),
            self.targets.clone(),
            None if self.share is None else self.share.clone(),
            None if self.positions is None else self.positions.clone(),
            {name: part.clone() for name, part in self.state.items()},
            Masks(
                [mask.clone() for mask in self.masks.outputs],
                [mask.clone() for mask in self.masks.recurrent],
            ),
        )


@dataclass(slots=True)
class Learned:
    """What a training step gives, on the device."""

    scores: Tensor
    norm: Tensor
    state: dict[str, Tensor]


Learn = Callable[[Window], Learned]

Recorder = Callable[[Callable[[], Any]], "tuple[Callable[[], None], Any] | None"]
"""Takes what to run; gives what replays it and the results that a replay overwrites, or None."""


def record(run: Callable[[], Any]) -> tuple[Callable[[], None], Any] | None:
    """Record a CUDA graph; recording computes nothing and changes no weight.

    Returns None, with a warning, where the driver or a library refuses: graphs are only faster.
    """
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    try:
        with torch.cuda.graph(graph):
            results = run()
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        warnings.warn(f"No CUDA graph, so this runs more slowly: {reason}", stacklevel=2)
        return None
    return graph.replay, results


class CapturedStep:
    """A training step that records itself once its shape has come often enough."""

    def __init__(self, learn: Learn, recorder: Recorder = record) -> None:
        self._learn = learn
        self._record = recorder
        self._seen: dict[tuple[object, ...], int] = {}
        self._graphs: dict[tuple[object, ...], tuple[Callable[[], None], Window, Learned]] = {}
        self._refused = False

    def forget(self) -> None:
        """Drop all recordings: the tensors that they write to have been replaced."""
        self._seen.clear()
        self._graphs.clear()

    def __call__(self, window: Window) -> Learned:
        """Learn from one window, by replaying where possible."""
        key = window.key()
        if key not in self._graphs and not self._recorded(key, window):
            return self._learn(window)
        replay, kept, learned = self._graphs[key]
        for into, part in zip(kept.tensors(), window.tensors(), strict=True):
            into.copy_(part, non_blocking=True)
        replay()
        # The next replay overwrites these.
        state = {name: part.clone() for name, part in learned.state.items()}
        return Learned(learned.scores.clone(), learned.norm.clone(), state)

    def _recorded(self, key: tuple[object, ...], window: Window) -> bool:
        """Record a step of this shape if it is time to; return whether that was done."""
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._refused or self._seen[key] <= WARM_UP or len(self._graphs) >= MOST_GRAPHS:
            return False
        kept = window.clone()
        recorded = self._record(lambda: self._learn(kept))
        self._refused = recorded is None
        if recorded is not None:
            replay, learned = recorded
            self._graphs[key] = (replay, kept, learned)
        return not self._refused
