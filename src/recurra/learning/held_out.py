"""The mean loss over held-out data, with the state carried from window to window."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from recurra.engines.base import Network, Report, State
from recurra.learning.meters import Mean
from recurra.learning.task import Window


class Carried:
    """The state that goes from window to window, and zero where a window starts anew."""

    def __init__(self, network: Network, state: State | None = None, batch: int = 0) -> None:
        """Start from a state of `batch` sequences, or from nothing."""
        self._network = network
        self.state = state
        self._batch = batch

    def before(self, window: Window) -> State:
        """Return the state that a window is read from."""
        wanted = window.batch.inputs.shape[1]
        if self.state is None or not window.carries or self._batch != wanted:
            self._batch = wanted
            return self._network.zero_state(wanted)
        return self.state


def measure(
    network: Network, windows: Iterable[Window], wants_stop: Callable[[], bool]
) -> Report | None:
    """Return the mean report over windows, each weighted by its positions; nothing is learned.

    Returns: None when `wants_stop` said so on the way.
    """
    mean = Mean()
    carried = Carried(network)
    for window in windows:
        if wants_stop():
            return None
        report, _, carried.state = network.evaluate(window.batch, carried.before(window))
        mean.add(report)
    return mean.report()
