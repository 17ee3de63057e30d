"""The model: saved and loaded, writing and judging, alone and in batches."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.core.parameters import initialise
from recurra.core.spec import Spec
from recurra.engines import EngineOptions
from recurra.tasks.text.model import Model
from recurra.tasks.text.vocabulary import (
    ByteVocabulary,
    CharacterVocabulary,
    vocabulary_from_document,
)
from recurra.tasks.text.words import WordVocabulary

EXACT = EngineOptions(engine="reference", precision="float64")


def model(vocabulary=None, *, start=0, engine=EXACT, seed=3):
    vocabulary = vocabulary or CharacterVocabulary("\n abcdefgh")
    count = vocabulary.size
    spec = Spec.parse(
        {
            "input": {"kind": "embedding", "vocabulary_size": count, "size": 6},
            "stack": {"sizes": [9]},
            "head": {"vocabulary_size": count},
        }
    )
    weights = initialise(spec, seed)
    weights["head.weight"] = weights["head.weight"] * 8
    document = {
        "spec": spec.model_dump(mode="json"),
        "task": {"kind": "text", "vocabulary": vocabulary.to_document(), "start": start},
        "provenance": {"data": ["made up"]},
    }
    return Model(weights, document, engine=engine)


@pytest.fixture(scope="module")
def letters():
    return model()


def test_a_saved_model_writes_and_judges_the_same(tmp_path, letters):
    letters.save(tmp_path / "one.safetensors")
    loaded = Model.load(tmp_path / "one.safetensors", engine="reference", precision="float64")
    assert loaded.generate("abc", seed=1, length=50) == letters.generate("abc", seed=1, length=50)
    assert loaded.perplexity("bad cafe") == letters.perplexity("bad cafe")
    assert loaded.provenance == {"data": ["made up"]}


def test_a_run_folder_or_its_name_stands_for_its_best_model(tmp_path, letters, monkeypatch):
    run = tmp_path / "runs" / "poems-0001"
    run.mkdir(parents=True)
    letters.save(run / "best.safetensors")
    monkeypatch.chdir(tmp_path)
    for name in (run, "runs/poems-0001", "poems-0001"):
        assert Model.load(name).parameters == letters.parameters


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ([], "there is no model"),
        (["folder/"], "without a model"),
        (["folder/", "folder/run.json"], "has saved no model yet"),
    ],
)
def test_what_is_no_model_gets_a_sentence(tmp_path, made, sentence):
    for name in made:
        path = tmp_path / name
        path.mkdir() if name.endswith("/") else path.write_text("{}")
    with pytest.raises(FormatError, match=sentence):
        Model.load(tmp_path / "folder")


def test_a_model_of_another_kind_is_refused(letters):
    document = {**letters.document, "task": {**letters.document["task"], "kind": "music"}}
    with pytest.raises(FormatError, match="a model of music"):
        Model(letters.weights, document)


def test_a_vocabulary_that_does_not_fit_the_network_is_refused(letters):
    other = CharacterVocabulary("xyz").to_document()
    document = {**letters.document, "task": {**letters.document["task"], "vocabulary": other}}
    with pytest.raises(FormatError, match="vocabulary has 3 tokens"):
        Model(letters.weights, document)


def test_several_primes_give_what_each_gives_alone(letters):
    primes = ["abc", "", "h"]
    together = letters.generate(primes, seed=5, length=40)
    assert together == [letters.generate(prime, seed=5, length=40) for prime in primes]


def test_samples_differ_and_the_first_is_the_text_without_samples(letters):
    texts = letters.generate("a", samples=5, seed=5, length=40)
    assert len(set(texts)) == 5
    assert texts[0] == letters.generate("a", seed=5, length=40)
    assert texts[:2] == letters.generate("a", samples=2, seed=5, length=40)


def test_a_stream_gives_the_text_of_generate(letters):
    pieces = list(letters.stream("abc", seed=7, length=120))
    assert len(pieces) > 3
    assert "".join(pieces) == letters.generate("abc", seed=7, length=120)


def test_a_stop_text_may_be_one_string(letters):
    free = letters.generate("abc", seed=7, length=200)
    stop = free[50:52]
    assert letters.generate("abc", seed=7, length=200, stop=stop) == free.partition(stop)[0]


def test_an_empty_prime_starts_from_the_start_token_which_is_not_shown(letters):
    assert letters.generate("", seed=2, length=30) == letters.generate("\n", seed=2, length=30)


def test_greedy_choice_needs_no_seed(letters):
    made = letters.samples("ab", *_options(temperature=0, length=20))
    assert made.seed is None
    assert letters.generate("ab", temperature=0, length=20) == made.texts()[0]
    assert letters.generate("ab", beam=1, length=20) == made.texts()[0]


def test_a_drawn_seed_writes_the_text_again(letters):
    made = letters.samples("ab", *_options(length=40))
    assert letters.generate("ab", seed=made.seed, length=40) == made.texts()[0]


def _options(**options):
    from recurra.tasks.text.generate import split_options

    return split_options(options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temprature": 1}, "did you mean 'temperature'"),
        ({"length": 0}, "only a stream"),
        ({"samples": 3, "beam": 2}, "widen the beam"),
        ({"top_p": 2.0}, "top_p is 2"),
    ],
)
def test_settings_that_cannot_be_get_a_sentence(letters, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        letters.generate("a", **options)


def test_a_prime_outside_the_vocabulary_is_refused_by_name(letters):
    with pytest.raises(ConfigError, match="'z'"):
        letters.generate("az")


def test_probabilities_are_those_of_the_distributions(letters):
    text = "bad cafe"
    every = letters.distributions(text)
    assert every.shape == (len(text) + 1, letters.vocabulary.size)
    np.testing.assert_allclose(every.sum(axis=1), 1, atol=1e-12)
    picked = every[np.arange(len(text)), letters.vocabulary.encode(text)]
    np.testing.assert_allclose(letters.probabilities(text), picked, atol=1e-12)
    assert letters.perplexity(text) == pytest.approx(np.exp(-np.log(picked).mean()))


def test_texts_are_judged_in_batches_as_alone(letters, monkeypatch):
    monkeypatch.setattr("recurra.tasks.text.score.SIDE", 3)
    monkeypatch.setattr("recurra.tasks.text.score.CHUNK", 4)
    texts = ["bad cafe", "", "a", "hedge feed bead", "abc", "deaf\n", "face"]
    for text, found in zip(texts, letters.probabilities(texts), strict=True):
        np.testing.assert_allclose(found, letters.probabilities(text), atol=1e-12)
    assert np.isnan(letters.perplexity([""])[0])


def test_the_score_agrees_with_the_perplexity_and_knows_its_baselines(letters):
    text = "bad cafe\nhead fade\n" * 9
    score = letters.score(text)
    assert score.perplexity == pytest.approx(letters.perplexity(text))
    assert score.tokens == score.characters == len(text)
    assert score.words == 36
    assert score.uniform_bits_per_char == pytest.approx(np.log2(10))
    assert score.xz_bytes > 0
    assert letters.score(text, xz=False).xz_bytes is None
    with pytest.raises(ConfigError, match="empty"):
        letters.score("")


def test_bytes_become_letters_only_when_they_are_whole():
    loaded = model(ByteVocabulary(), start=10)
    for seed in range(5):
        whole = loaded.generate("é", seed=seed, length=60)
        assert "".join(loaded.stream("é", seed=seed, length=60)) == whole
    assert loaded.score("né\n", xz=False).characters == 3
    assert loaded.score("né\n", xz=False).tokens == 4


def test_words_go_on_with_the_space_that_belongs_after_the_prime():
    vocabulary = WordVocabulary([" ", "cat", "dog", ".", "\n"])
    document = vocabulary.to_document()
    loaded = model(vocabulary_from_document(document), start=6)
    for seed in range(5):
        made = loaded.samples("cat", *_options(seed=seed, length=30))
        tokens = [*vocabulary.encode("cat").tolist(), *made.samples[0].tokens]
        assert "cat" + made.texts()[0] == vocabulary.decode(tokens)
