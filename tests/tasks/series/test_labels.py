"""Classification of series: files, reading, learning, scores, saliency."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.formats.labelled import Labelled, read_labelled
from recurra.formats.sources import Document
from recurra.tasks.series.labels.task import LabelOptions, choose_reading, side_by_side
from recurra.tasks.series.labels.training import learn


def bumps(count=40, seed=0):
    """Return series of different length with a bump up or down at some place."""
    rng = np.random.default_rng(seed)
    series, labels = [], []
    for n in range(count):
        length = int(rng.integers(30, 50))
        y = 0.1 * rng.normal(size=length)
        at = int(rng.integers(10, length - 8))
        y[at : at + 6] += 2 if n % 2 else -2
        series.append(y[:, None])
        labels.append("up" if n % 2 else "down")
    return Labelled("bumps", tuple(series), tuple(labels))


@pytest.fixture(scope="module")
def model():
    return learn(bumps(), steps=60, sizes=(16,), engine="native", learning_rate=0.02)


def test_it_tells_classes_apart_and_scores_them(model):
    found = model.score(bumps(60, seed=1))
    assert found.accuracy > 0.9
    assert found.confusion.sum() == 60
    assert found.f1 == pytest.approx(found.accuracy, abs=0.05)
    shares = model.probabilities(bumps(5).series)
    assert shares.sum(axis=1) == pytest.approx(np.ones(5))


def test_a_series_gets_the_same_answer_alone_and_beside_longer_ones(model):
    data = bumps(10, seed=2)
    together = model.probabilities(data.series)
    alone = np.concatenate([model.probabilities([one]) for one in data.series])
    assert together == pytest.approx(alone, abs=2e-4)


def test_saliency_lies_where_the_bump_is(model):
    y = np.zeros((40, 1))
    y[20:26] = 2
    weight = model.saliency(y)
    assert weight.shape == (40,)
    assert weight[18:28].sum() > 0.7 * weight.sum()


def test_ts_files():
    text = (
        "#about\n@problemName x\n@univariate false\n@classLabel true a b\n@data\n"
        "1,2,3:4,5,?:a\n1,2:3,4:b\n"
    )
    data = read_labelled(Document.of_text(text, "x.ts"))
    assert data.labels == ("a", "b")
    assert data.series[0][0].tolist() == [1, 4]
    assert np.isnan(data.series[0][2, 1])
    with pytest.raises(FormatError, match="line 4"):
        read_labelled(Document.of_text("@classLabel true a\n@data\n1,2:a\n1,x:a\n", "x.ts"))
    with pytest.raises(FormatError, match="differ in length"):
        read_labelled(Document.of_text("@classLabel true a\n@data\n1,2:3:a\n", "x.ts"))


def test_tables_with_the_class_first_or_last():
    rows = "\n".join(f"{n % 3},{n}.5,{n + 1}.25,7.5" for n in range(12))
    data = read_labelled(Document.of_text(rows, "x.csv"))
    assert set(data.labels) == {"0", "1", "2"}
    assert data.series[0].shape == (3, 1)
    rows = "\n".join(f"{n}.5,{n + 1}.25,7.5,2.5,{'ab'[n % 2]}" for n in range(12))
    data = read_labelled(Document.of_text(rows, "x.csv"), channels=2)
    assert set(data.labels) == {"a", "b"}
    assert data.series[3].tolist() == [[3.5, 4.25], [7.5, 2.5]]
    blanks = "\n".join(f"  {n % 2}.0000e+00  {n}.5  {n}.25  1.5" for n in range(6))
    assert read_labelled(Document.of_text(blanks, "x.txt")).labels[:2] == ("0", "1")


def test_series_of_different_length_end_together():
    x, resets, starts = side_by_side([np.ones((2, 1)), np.ones((4, 1))])
    assert starts.tolist() == [2, 0]
    assert x[:, 0, 0].tolist() == [0, 0, 1, 1]
    assert resets[:, 0].tolist() == [False, False, True, False]


def test_patches_end_with_the_series():
    data = Labelled("x", (np.arange(7.0)[:, None], np.zeros((7, 1))), ("a", "b"))
    reading = choose_reading(data, LabelOptions(patch=3)).replace(means=(0.0,), deviations=(1.0,))
    steps = reading.steps(data.series[0])
    assert steps.shape == (3, 6)
    assert steps[-1, ::2].tolist() == [4, 5, 6]


def test_one_class_an_unknown_class_and_wrong_channels_are_refused(model):
    same = Labelled("same", bumps(4).series, ("a",) * 4)
    with pytest.raises(ConfigError, match="only the class 'a'"):
        learn(same, steps=1)
    with pytest.raises(ConfigError, match="class 'a', which this model never learned"):
        model.score(same)
    with pytest.raises(ConfigError, match="2 channels"):
        model.predict([np.zeros((5, 2))])
