from __future__ import annotations

import pytest

pytest.importorskip("tensorboard", reason="the tensorboard extra is not installed")


def test_the_curves_can_be_read_back(tmp_path):
    from recurra.learning.tensorboard import TensorBoardListener
    from tests.learning.toy import train_toy

    train_toy(None, steps=20, validate_every=10, log_every=5,
              listeners=[TensorBoardListener(tmp_path)])  # fmt: skip
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(tmp_path))
    found.Reload()
    tags = found.Tags()["tensors"] or found.Tags()["scalars"]
    assert {"loss_nats/train", "loss_nats/held_out", "bits_per_char/train"} <= set(tags)
    read = found.Tensors if found.Tags()["tensors"] else found.Scalars
    assert [event.step for event in read("loss_nats/train")] == [5, 10, 15, 20]
