"""Music as a training task: windows, validation, resuming, and that it learns."""

import json
from itertools import islice

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.learning import registry
from recurra.learning.resume import resume
from recurra.learning.run_folder import RunFolder
from recurra.tasks.music import training
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.settings import PRESETS, gather
from recurra.tasks.music.windows import Epochs, side_by_side
from tests.tasks.music.toy import chorales, collection

SMALL = {
    "sizes": (12,), "embedding": 8, "batch_size": 4, "window": 16,
    "engine": "reference", "dropout": 0.0,
    "sample_length": 20, "learning_rate": 0.02, "minimum_count": 1, "transpose": 1,
}  # fmt: skip


@pytest.fixture
def abc(tmp_path):
    path = tmp_path / "tunes.abc"
    path.write_text(collection(10))
    return path


class TestWindows:
    PIECES = tuple(tuple(np.arange(1, n) * 10 + v for v in range(3)) for n in (9, 14, 5, 20))

    def epochs(self, **how):
        pieces = [[v.astype(np.int32) for v in one] for one in self.PIECES]
        return Epochs(pieces, **({"batch": 2, "window": 8, "seed": 5} | how))

    def test_an_epoch_reads_as_many_positions_as_the_pieces_have(self):
        epochs = self.epochs()
        tokens = sum(epochs[n].tokens for n in range(epochs.count))
        assert tokens == epochs.positions == sum(len(one[0]) + 1 for one in self.PIECES)

    def test_the_state_is_zero_before_each_piece_and_only_there(self):
        epochs = self.epochs()
        for n in range(3 * epochs.count):
            batch = epochs[n].batch
            resets = np.zeros(batch.inputs.shape, bool) if batch.resets is None else batch.resets
            counted = np.ones_like(resets) if batch.weights is None else batch.weights > 0
            assert ((batch.inputs == 0) == resets)[counted].all()

    def test_epochs_differ_and_a_window_depends_on_its_number_alone(self):
        epochs, other = self.epochs(), self.epochs()
        later = epochs[7 * epochs.count]
        assert (other[7 * epochs.count].batch.inputs == later.batch.inputs).all()
        firsts = {epochs[n * epochs.count].batch.inputs.tobytes() for n in range(6)}
        assert len(firsts) > 3

    def test_every_variant_comes_up(self):
        epochs = self.epochs()
        seen = {
            int(t) % 10 for n in range(40 * epochs.count) for t in epochs[n].batch.inputs.ravel()
        }
        assert seen >= {0, 1, 2}

    def test_side_by_side_counts_every_token_and_end_once(self):
        pieces = [one[0].astype(np.int32) for one in self.PIECES]
        read = {n: [] for n in range(4)}
        for window, group in side_by_side(pieces, side=3, chunk=6):
            for b, n in enumerate(group):
                counted = window.batch.weights[:, b] > 0
                read[n] += window.batch.targets[counted, b].tolist()
        assert read == {n: [*piece.tolist(), 0] for n, piece in enumerate(pieces)}


def test_a_model_learns_made_up_tunes_and_is_kept_whole(abc, tmp_path):
    run = tmp_path / "run"
    events = []
    model = training.train(
        abc, run=run, listeners=[events.append], **SMALL | {"steps": 60, "validation": 0.2}
    )
    held_out = [e.loss_nats for e in events if e.to_json()["event"] == "validated"]
    assert held_out[-1] < 0.7 * np.log(model.vocabulary.size)
    again = MusicModel.load(run)
    assert again.vocabulary.to_document() == model.vocabulary.to_document()
    assert again.provenance["data"]["pieces"]["validation"] >= 1
    samples = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    assert samples[-1]["samples"][0]["text"].startswith("M:")


def test_a_run_that_was_stopped_becomes_the_one_that_was_not(abc, tmp_path):
    whole = training.train(abc, run=tmp_path / "whole", **SMALL | {"steps": 12})
    begun = training.prepare(abc, SMALL | {"steps": 12, "checkpoint_seconds": 0.0})
    stopped = []
    with RunFolder.create(tmp_path / "half", begun.describe()) as folder:
        from recurra.learning import loop

        loop.train(
            begun.task, begun.network, begun.settings.train, run=folder,
            stop=lambda: len(stopped) > 5 or bool(stopped.append(1)),
        )  # fmt: skip
    assert resume(tmp_path / "half").reason == "budget"
    again = MusicModel.load(tmp_path / "half")
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(array, again.weights[name])


def test_the_task_comes_back_from_its_run_and_notices_changed_files(abc):
    begun = training.prepare(abc, SMALL | {"steps": 3})
    described = begun.describe()
    task = registry.restore(described)
    assert task.spec == begun.task.spec
    for n in islice(range(5), 5):
        assert (task.window(n).batch.inputs == begun.task.window(n).batch.inputs).all()
    abc.write_text(collection(11))
    with pytest.raises(FormatError, match="changed since it began"):
        registry.restore(described)


def test_polyphony_is_measured_by_the_time_step(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(chorales())
    task = training.prepare(path, SMALL | {"steps": 1}).task
    # Four notes and an end of step, and an end of piece after eight steps.
    report = type("R", (), {"loss_nats": 2.0})()
    assert task.measures(report)["nats_per_step"] == pytest.approx(2.0 * 41 / 8)


def test_presets_and_settings_are_checked():
    assert all(gather({}, preset=name).train.seconds for name in PRESETS)
    assert gather({"steps": 5}).train.seconds is None
    with pytest.raises(ConfigError, match="did you mean 'transpose'"):
        gather({"transposed": 3})
    with pytest.raises(ConfigError, match="presets are"):
        gather({}, preset="huge")
    with pytest.raises(ConfigError, match="leave nothing"):
        gather({"validation": 0.5, "test": 0.5})
