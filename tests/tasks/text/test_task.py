"""Text as a training task: settings by name, windows, measures, samples, and the way back."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.core.spec import Cell, OneHot
from recurra.engines.base import Report
from recurra.formats.sources import Document
from recurra.learning.run_folder import RunFolder
from recurra.tasks.text.corpus import load_corpus
from recurra.tasks.text.model import Model
from recurra.tasks.text.passages import named_inputs, recorded_inputs
from recurra.tasks.text.presets import DEFAULT, PRESETS
from recurra.tasks.text.settings import CLASSES, Settings, gather, names
from recurra.tasks.text.task import TextTask, restore
from recurra.tasks.text.training import prepare, resume, run_name, train

POEM = "the cat sat on the mat,\nthe dog lay in the fog.\n\n"
TEXT = POEM * 60
SMALL = {"engine": "reference", "sizes": (8,), "embedding": 4, "batch_size": 4, "window": 16}


def task(text: str = TEXT, **values) -> TextTask:
    settings = gather({**SMALL, "steps": 10, **values})
    return TextTask(load_corpus(Document.of_text(text), settings.text), settings, ["poem"])


@pytest.fixture
def poem(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_text(TEXT)
    return path


# Settings


def test_no_two_classes_share_a_setting():
    every = names()
    assert len(every) == len(set(every))


def test_settings_find_their_classes_and_survive_json():
    settings = gather({"peephole": True, "sizes": [5, 3], "clip_norm": 2.0, "vocabulary": "bytes"})
    assert settings.stack.cell == Cell(peephole=True)
    assert settings.stack.sizes == (5, 3)
    assert settings.optimiser.clip_norm == 2.0
    assert settings.text.vocabulary == "bytes"
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize("budget", [{"steps": 5}, {"epochs": 2.0}, {"seconds": 9.0}])
def test_a_budget_takes_the_place_of_the_presets(budget):
    assert gather(budget).train.budget == next(iter(budget.items()))
    assert gather({}).train.budget == ("seconds", PRESETS[DEFAULT].values["seconds"])


def test_settings_lie_over_the_preset():
    tiny = gather({"window": 7}, "tiny")
    assert tiny.windows.window == 7
    assert tiny.stack.sizes == PRESETS["tiny"].values["sizes"]


def test_presets_are_of_the_size_that_their_names_promise():
    counts = [PRESETS[name].parameters() for name in ("tiny", "small", "medium", "large")]
    assert counts == sorted(counts)
    for preset in PRESETS.values():
        assert set(preset.values) <= set(names())


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        gather({"learning_rat": 1})
    with pytest.raises(ConfigError, match="tiny, small"):
        gather({}, "huge")


def test_the_input_is_one_hot_or_as_wide_as_it_should_be():
    options = gather({"sizes": (24,), "embedding": 0})
    assert options.spec(10).input == OneHot(vocabulary_size=10)
    wide = gather({"sizes": (24,), "embedding": None})
    assert wide.spec(10).input.size == 64
    assert wide.spec(5000).input.size == 24
    assert gather({"sizes": (9, 24), "embedding": None, "tied": True}).spec(10).input.size == 24


def test_every_class_belongs_to_the_settings():
    assert set(CLASSES) == set(Settings.__dataclass_fields__)


# Windows


@pytest.mark.parametrize("objective", ["every", "last"])
def test_a_window_is_a_pure_function_of_its_step(objective):
    one, other = task(objective=objective), task(objective=objective)
    for step in (7, 0, 3):
        one.window(step)
    np.testing.assert_array_equal(one.window(5).batch.inputs, other.window(5).batch.inputs)


def test_parts_of_a_step_follow_each_other():
    plain, parts = task(), task(accumulate=3)
    for step, part in ((0, 0), (0, 2), (2, 1)):
        want = plain.window(3 * step + part).batch.inputs
        np.testing.assert_array_equal(parts.window(step, part).batch.inputs, want)
    assert parts.steps_per_epoch == math.ceil(plain.steps_per_epoch / 3)


def test_validation_reads_the_held_out_split_once():
    made = task(validation=0.2)
    tokens = sum(window.tokens for window in made.validation())
    assert tokens == len(made.corpus.split("validation")) - 1
    assert not list(task(validation=0.0).validation())


def test_a_long_validation_split_is_read_in_streams_and_with_a_limit(monkeypatch):
    monkeypatch.setattr("recurra.tasks.text.task.VALIDATION_STREAM", 100)
    monkeypatch.setattr("recurra.tasks.text.task.VALIDATION_WINDOW", 32)
    made = task(validation=0.4)
    (first, *_) = made.validation()
    assert first.batch.inputs.shape[1] == len(made.corpus.split("validation")) // 100
    monkeypatch.setattr("recurra.tasks.text.task.VALIDATION_LIMIT", 64)
    assert sum(window.tokens for window in task(validation=0.4).validation()) <= 64


def test_the_state_is_zero_after_what_reset_at_matches():
    made = task(reset_at="paragraph")
    marked = [window.batch.resets for window in map(made.window, range(made.steps_per_epoch))]
    count = sum(int(marks.sum()) for marks in marked if marks is not None)
    # Streams begin anywhere in a paragraph, so all but the very first beginning are marked.
    assert count >= len(made.corpus.split("train").resets) - 1
    assert task().window(0).batch.resets is None


# Words for the results


def report(loss: float) -> Report:
    return Report(loss_nats=loss, accuracy=0.5, mean_posterior=0.4, positions=10)


def test_bits_per_character_are_told_for_every_vocabulary():
    assert task().measures(report(math.log(2)))["bits_per_char"] == pytest.approx(1.0)
    bytes_task = task("né café à la carte\n" * 200, vocabulary="bytes")
    per_char = len("né café à la carte\n".encode()) / len("né café à la carte\n")
    measured = bytes_task.measures(report(math.log(2)))["bits_per_char"]
    assert measured == pytest.approx(per_char, rel=0.02)


def test_words_are_measured_between_white_space():
    made = task(vocabulary="words", validation=0.2)
    span = made.corpus.split("validation")
    measures = made.measures(report(1.0))
    assert made.unit == "word"
    assert measures["nats_per_word"] == pytest.approx(len(span) / span.words)
    assert measures["word_perplexity"] == pytest.approx(math.exp(len(span) / span.words))


def test_samples_are_drawn_for_their_step_at_each_temperature():
    made = prepare(
        Document.of_text(TEXT), {**SMALL, "steps": 1, "sample_length": 40,
                                 "sample_temperatures": (0.3, 0.9)},
    )  # fmt: skip
    samples = made.task.sample(made.network, 3)
    assert [sample.temperature for sample in samples] == [0.3, 0.9]
    assert all(len(sample.text) == 40 for sample in samples)
    assert samples == made.task.sample(made.network, 3)
    assert samples != made.task.sample(made.network, 4)


@pytest.mark.parametrize(
    ("text", "start"), [("ab\ncd\n" * 50, "\n"), ("ab cd " * 50, " "), ("abb" * 50, "b")]
)
def test_the_start_token_is_line_end_or_space_or_the_commonest(text, start):
    made = task(text)
    assert made.vocabulary.token_text(made.start) == start


# There and back


def test_a_model_is_trained_from_a_document_in_memory():
    events = []
    model = train(Document.of_text(TEXT), **SMALL, steps=20, listeners=[events.append])
    assert events[0].kind == "started"
    assert events[-1].kind == "finished"
    assert model.provenance["steps"] == 20
    assert model.perplexity("the cat") < 20
    assert model.document["task"]["options"]["stack"]["sizes"] == [8]


def test_a_run_that_was_stopped_becomes_the_one_that_was_not(tmp_path, poem):
    options = {**SMALL, "steps": 30, "validate_every": 10, "dropout": 0.2}
    whole = train(poem, run=tmp_path / "whole", **options)
    training = prepare(poem, options)

    def interrupt(event):
        if event.kind == "validated" and event.step == 10:
            raise KeyboardInterrupt

    with (
        RunFolder.create(tmp_path / "cut", training.describe()) as folder,
        pytest.raises(KeyboardInterrupt),
    ):
        training.run(folder, [interrupt])
    resumed = resume(tmp_path / "cut")
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


def test_a_finished_run_goes_on_with_a_larger_budget(tmp_path, poem):
    train(poem, run=tmp_path / "run", **SMALL, steps=10)
    assert resume(tmp_path / "run", steps=20).provenance["steps"] == 20
    with pytest.raises(ConfigError, match="finished"):
        resume(tmp_path / "run")


def test_a_text_that_has_changed_is_not_gone_on_with(tmp_path, poem):
    train(poem, run=tmp_path / "run", **SMALL, steps=2)
    poem.write_text(TEXT + "more")
    with pytest.raises(FormatError, match="has changed since"):
        resume(tmp_path / "run", steps=5)


def test_a_text_from_memory_cannot_be_gone_on_with():
    with pytest.raises(FormatError, match="cannot be read again"):
        restore({"task": task().document(), "inputs": ["-"]})


def test_runs_remember_whole_paths_and_models_only_what_was_typed(tmp_path, poem, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert recorded_inputs("poem.txt") == [str(poem)]
    assert recorded_inputs(["*.txt", "-", "shakespeare"]) == [
        str(tmp_path / "*.txt"), "-", "shakespeare",
    ]  # fmt: skip
    assert named_inputs(["poem.txt", Document.of_text("abc", "song")]) == ["poem.txt", "song"]
    model = train("poem.txt", run="run", **SMALL, steps=2)
    assert str(tmp_path) not in json.dumps(model.document)
    assert run_name("poems/poem.txt.gz") == "poem"


def test_a_model_finds_its_own_held_out_text(tmp_path, poem, monkeypatch):
    model = train(poem, run=tmp_path / "run", **SMALL, steps=2, test=0.1)
    monkeypatch.chdir("/")
    passage = Model.load(tmp_path / "run").passage()
    assert passage.data.decode() == TEXT[-passage.characters :]
    assert passage.characters == pytest.approx(0.1 * len(TEXT), abs=2)
    assert model.score(passage).tokens == passage.characters
    poem.write_text(TEXT[:-1] + "!")
    with pytest.raises(FormatError, match="has changed since"):
        Model.load(tmp_path / "run").passage()


def test_files_are_scored_as_the_text_was_read(tmp_path):
    (tmp_path / "latin.txt").write_bytes(TEXT.replace("cat", "cät").encode("latin-1"))
    model = train(tmp_path / "latin.txt", **SMALL, steps=2, encoding="latin-1")
    passage = model.passage([str(tmp_path / "latin.txt")])
    assert passage.data.decode().count("cät") == 60
    bytes_model = train(tmp_path / "latin.txt", **SMALL, steps=2, vocabulary="bytes")
    assert bytes_model.passage([str(tmp_path / "latin.txt")]).tokens.tolist() == list(
        (tmp_path / "latin.txt").read_bytes()
    )


def test_dropout_suits_the_text_and_the_budget_unless_it_is_given():
    words = [Document.of_text("the cat sat on the mat and looked at the moon. " * 30)]

    def dropout(**options):
        return prepare(words, {"sizes": (4,), **options}).task.spec.stack.dropout

    assert dropout() == dropout(seconds=180) == 0.5
    assert dropout(steps=1) < dropout(steps=1, batch_size=320) < 0.5
    assert dropout(epochs=1) < dropout(epochs=100)
    assert dropout(steps=1, dropout=0.25) == 0.25
    preset = PRESETS["small"]
    found = [preset.dropout(tokens) for tokens in (10**5, 10**6, 10**7)]
    assert found == [0.4, 0.1, 0.0]
    found = [preset.dropout(10**5, share) for share in (1.0, 0.1, 0.01, 10.0)]
    assert found == [0.4, 0.2, 0.0, 0.4]
