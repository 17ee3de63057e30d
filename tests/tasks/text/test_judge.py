"""Judged samples and copies: what was planted is found, and human text stands beside."""

from __future__ import annotations

import json

import numpy as np
import pytest

import recurra
from recurra.core.errors import ConfigError, FormatError
from recurra.core.sampling import SamplingOptions
from recurra.formats import documents
from recurra.tasks.text.judge import held_out_texts


def made_up(count: int, seed: int) -> str:
    """Return sentences of made-up words, in brackets now and then."""
    rng = np.random.default_rng(seed)
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    lines = []
    for _ in range(count):
        spoken = ["".join(rng.choice(syllables, rng.integers(1, 4))) for _ in range(8)]
        line = " ".join(spoken)
        lines.append(f"({line})." if rng.random() < 0.2 else line + ".")
    return "\n".join(lines) + "\n"


TEXT = made_up(800, 0)


@pytest.fixture(scope="module", params=["characters", "bytes", "words"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judge")
    (folder / "text.txt").write_text(TEXT)
    return recurra.train(
        folder / "text.txt", run=folder / "run", steps=10, engine="reference", sizes=[16],
        batch_size=8, window=32, vocabulary=request.param, test=0.1, validation=0.1,
    )  # fmt: skip


def test_planted_copies_are_found_with_their_line(model):
    lines = TEXT.splitlines()
    planted = lines[7]
    found = model.copies(["Ω nothing here Ω " + planted + " Ω", "and nothing here"])
    assert found.found[0].share == pytest.approx(len(planted) / (len(planted) + 19), abs=0.06)
    assert found.found[1].share == 0
    ((number, copy),) = found.ranked()
    assert number == 0
    assert planted in found.text(number, copy)
    assert TEXT[copy.source : copy.source + copy.length] == found.text(number, copy)
    assert found.lines[0][copy.source] in (7, 8)
    facts = found.facts()["copies"][0]
    assert facts["copied"] == found.text(number, copy)
    assert facts["source_line"] in (7, 8)


def test_copies_do_not_run_from_one_text_into_the_next(model):
    lines = TEXT[:200]
    found = model.copies([lines[:100], lines[100:]])
    assert [one.longest for one in found.found] == [100, 100]


def test_held_out_text_has_no_copies_of_what_it_does_not_repeat(model):
    assert model.copies(made_up(50, 1)).share < 0.02


def test_samples_are_judged_beside_human_text(model):
    judged = model.judge(3, length=300, seed=1)
    assert judged.copies.texts != judged.human_copies.texts
    assert all(len(text) == 300 for text in judged.copies.texts)
    if model.unit != "word":  # Words that the model does not know are left out of both.
        assert all(text in TEXT for text in judged.human_copies.texts)
    # A network of ten steps writes nonsense; people do not.
    assert judged.human.character_divergence < judged.generated.character_divergence
    assert judged.human.balance["()"].share > 0.7
    assert 0 <= judged.generated.known_words <= 1
    assert json.loads(documents.dump(judged.facts()))["human"]["known_words"] > 0.2
    if judged.human.bleu is not None:
        assert judged.human.bleu >= 0


def test_the_same_seed_is_judged_the_same(model):
    one, two = (model.judge(2, length=200, seed=5) for _ in range(2))
    assert one.copies.texts == two.copies.texts
    assert one.generated.distinct == two.generated.distinct
    cold = model.judge(2, length=200, sampling=SamplingOptions(temperature=0))
    assert cold.seed is None


def test_fewer_samples_are_judged_where_too_little_is_held_out(model):
    judged = model.judge(50, length=1000)
    assert judged.samples < 50
    assert "room for" in judged.notes[0]


@pytest.mark.parametrize(("count", "length"), [(0, 500), (5, 10), (1, 10_000_000)])
def test_what_cannot_be_judged_is_refused(model, count, length):
    with pytest.raises(ConfigError):
        model.judge(count, length=length)


def test_human_passages_and_references_do_not_overlap():
    text = " ".join(f"{n:05d}" for n in range(2000))
    cut = held_out_texts(text, 5, 500)
    assert len(cut.human) == len(cut.references) == 5
    seen = [set(one.split()[:-1]) for one in [*cut.human, *cut.references]]
    assert sum(map(len, seen)) == len(set.union(*seen))
    assert all(len(one) == 500 and one[0].isdigit() for one in cut.human)


def test_without_its_text_a_model_is_not_judged(model):
    alone = recurra.Model(model.weights, {**model.document, "provenance": {}})
    with pytest.raises(FormatError):
        alone.copies("anything at all")
