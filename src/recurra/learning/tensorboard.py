"""Events as TensorBoard summaries (`recurra[tensorboard]`), without TensorFlow or PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recurra.core.errors import ResourceError
from recurra.learning.events import Event, Failed, Finished, Stepped, Validated


class TensorBoardListener:
    """Writes the curves of a run for `tensorboard --logdir FOLDER`."""

    def __init__(self, folder: str | Path) -> None:
        """Open a log in `folder`.

        Raises: `ResourceError` where the package tensorboard is missing.
        """
        try:
            from tensorboard.summary import Writer
        except ImportError:
            raise ResourceError(
                "TensorBoard is not installed; pip install 'recurra[tensorboard]'"
            ) from None
        self._writer: Any = Writer(str(folder))

    def __call__(self, event: Event) -> None:
        """Write an event."""
        if isinstance(event, Stepped):
            self._scalars(event, "train")
            for name in ("learning_rate", "gradient_norm", "tokens_per_second"):
                self._writer.add_scalar(f"training/{name}", getattr(event, name), event.step)
        elif isinstance(event, Validated):
            self._scalars(event, "held_out")
            self._writer.flush()
        elif isinstance(event, Finished | Failed):
            self._writer.flush()
            self._writer.close()

    def _scalars(self, event: Stepped | Validated, split: str) -> None:
        values = {
            name: getattr(event, name) for name in ("loss_nats", "accuracy", "mean_posterior")
        }
        for name, value in {**values, **event.measures}.items():
            self._writer.add_scalar(f"{name}/{split}", value, event.step)
