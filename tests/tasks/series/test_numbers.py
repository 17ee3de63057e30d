"""Number sequences: digits, families, what is held out, and a model that is asked."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.formats.sources import Document
from recurra.tasks.series.numbers.digits import (
    before,
    encode,
    features,
    from_digits,
    limit,
    to_digits,
)
from recurra.tasks.series.numbers.families import FAMILIES, draw_members, is_held_out, needed
from recurra.tasks.series.numbers.task import read_sequences
from recurra.tasks.series.numbers.training import learn, prepare


def test_digits_come_back_as_numbers_below_zero_too():
    numbers = np.arange(-499, 500)
    assert (from_digits(to_digits(numbers, 3)) == numbers).all()
    assert to_digits(np.array(12), 4).tolist() == [2, 1, 0, 0]
    assert to_digits(np.array(-12), 4).tolist() == [8, 8, 9, 9]
    assert limit(3) == 500


def test_the_last_terms_are_read_the_last_one_first():
    numbers = np.array([[12, 34, 56], [7, 8, 9]]).T
    present = np.array([[True, True, True], [True, True, False]]).T
    last, there = before(numbers, present, np.array([2, 1]), 3)
    assert last.T.tolist() == [[34, 12, 0], [7, 0, 0]]
    assert there.T.tolist() == [[True, True, False], [True, False, False]]


def test_a_step_reads_one_column_and_of_the_answer_the_digit_before():
    last, present = np.array([[34], [12], [0]]), np.array([[True], [True], [False]])
    x = encode(last, present, 3, np.array([56]))
    assert x.shape == (6, 1, features(3))
    for step in (x[1, 0], x[4, 0]):  # the tens of 34 and 12, read and then written
        assert np.flatnonzero(step[:30]).tolist() == [3, 11]
    assert x[:3, 0, 30:40].sum() == 0
    assert np.flatnonzero(x[4, 0, 30:40]).tolist() == [6]
    other = encode(last, present, 3, np.array([59]))
    assert (other[:4] == x[:4]).all()
    assert (other[4] != x[4]).any()
    unknown = encode(last, present, 3)
    assert (unknown[:4] == x[:4]).all()
    assert unknown[..., 30:40].sum() == 0


def test_what_is_asked_of_a_member_is_determined_by_what_it_reads():
    task = prepare(None, {"steps": 1, "batch_size": 200}).task
    o = task.options
    window = task.window(3)
    x, targets, weights = window.batch.inputs, window.batch.targets, window.batch.weights
    given = x[0, :, : 10 * o.seen].reshape(200, o.seen, 10).sum(axis=(1, 2))
    assert (given >= needed(o.families).min()).all()
    assert set(given) == {3, 4, 5, 6, 7}
    assert (weights[o.width :] == 1).all()
    assert (targets[: o.width] == targets[o.width :]).all()
    read = from_digits(targets[o.width :].T)
    assert (np.abs(read) < o.most).all()


def test_families_follow_their_rules():
    rng = np.random.default_rng(0)
    names = tuple(FAMILIES)
    numbers, inside, which = draw_members(rng, names, 600, 8, 10_000, held_out=False)
    assert set(which) == set(range(len(names)))
    assert (np.abs(numbers) < 10_000).all()
    assert inside[needed(names)[which], np.arange(600)].all()
    for b in range(600):
        n = numbers[:, b][inside[:, b]]
        name = names[which[b]]
        if name == "arithmetic":
            assert (np.diff(n, 2) == 0).all()
        elif name == "squares":
            assert (np.diff(n, 3) == 0).all()
        elif name == "geometric":
            assert (n[1:-1] ** 2 == n[:-2] * n[2:]).all()
        elif name == "fibonacci":
            assert (n[2:] == n[1:-1] + n[:-2]).all()
        elif name == "alternating":
            assert (n[4:] - n[2:-2] == n[2:-2] - n[:-4]).all()


def test_what_is_held_out_is_never_learned():
    rng = np.random.default_rng(1)
    parameters = FAMILIES["arithmetic"].draw(rng, 20_000, 10_000)
    share = is_held_out(parameters).mean()
    assert 0.05 < share < 0.2
    learned, _, _ = draw_members(rng, ["arithmetic"], 3000, 3, 10_000, held_out=False)
    asked, _, _ = draw_members(rng, ["arithmetic"], 3000, 3, 10_000, held_out=True)
    assert not ({tuple(s) for s in learned.T[:, :2]} & {tuple(s) for s in asked.T[:, :2]})


def test_sequences_of_ones_own_are_read(tmp_path):
    text = "# mine\n1, 2, 3\nA000045 ,0,1,1,2,3,5,\n-4 -2 0 2\n"
    found, digest = read_sequences(Document.of_text(text, "mine.txt"))
    assert found == [[1, 2, 3], [0, 1, 1, 2, 3, 5], [-4, -2, 0, 2]]
    assert len(digest) == 64
    with pytest.raises(FormatError, match="line 2: 'x' is no whole number"):
        read_sequences(Document.of_text("1 2 3\n1 x 3\n", "mine.txt"))
    file = tmp_path / "big.txt"
    file.write_text("1 2 99999999\n")
    with pytest.raises(ConfigError, match="give more digits"):
        prepare(str(file), {"steps": 1, "digits": 3})


@pytest.fixture(scope="module")
def counter():
    """A model that has learned to count on, within two digits."""
    return learn(
        families=("arithmetic",), digits=2, terms=5, steps=500, sizes=(48,), learning_rate=0.01,
        batch_size=64, engine="native", validate_every=0,
    )  # fmt: skip


def test_it_counts_on_and_says_how_sure_it_is(counter):
    found = counter.ask([6, 7, 8])
    assert found.answers[0].number == 9
    assert found.answers[0].probability > 0.3
    assert sum(a.probability for a in found.answers) <= 1 + 1e-6
    assert sum(found.weights) == pytest.approx(1)
    assert found.notes == ()
    exact, asked = counter.measure()["arithmetic"]
    assert asked > 1000
    assert exact > 0.1  # one answer in 200 by chance


def test_it_says_where_it_should_not_be_trusted(counter):
    assert "outside the range" in counter.ask([400, 402, 404]).notes[0]
    long = counter.ask([9, 9, 1, 2, 3, 4])
    assert "looks at the last 4 numbers, and 6" in " ".join(long.notes)
    assert long.weights[:2] == (0, 0)
    assert long.answers == counter.ask([1, 2, 3, 4]).answers
    assert "does not follow" in " ".join(counter.ask([1, 2, 3, 4, 77]).notes)
    with pytest.raises(ConfigError, match="too large"):
        counter.ask([1, 10**9])
    with pytest.raises(ConfigError, match="at least two"):
        counter.ask([1])


def test_too_few_terms_to_determine_one_are_refused():
    with pytest.raises(ConfigError, match=r"terms is 5, but .* give 6 or more"):
        prepare(None, {"terms": 5})
    assert prepare(None, {"terms": 5, "families": ("squares",)}).task.options.seen == 4
