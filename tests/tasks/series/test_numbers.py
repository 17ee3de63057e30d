"""Number sequences: digits, families, what is held out, and a model that is asked."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.formats.sources import Document
from recurra.tasks.series.numbers.digits import LAGS, encode, from_digits, limit, to_digits
from recurra.tasks.series.numbers.families import FAMILIES, draw_members, is_held_out, needed
from recurra.tasks.series.numbers.task import read_sequences
from recurra.tasks.series.numbers.training import learn, prepare


def test_digits_come_back_as_numbers_below_zero_too():
    numbers = np.arange(-499, 500)
    assert (from_digits(to_digits(numbers, 3)) == numbers).all()
    assert to_digits(np.array(12), 4).tolist() == [2, 1, 0, 0]
    assert to_digits(np.array(-12), 4).tolist() == [8, 8, 9, 9]
    assert limit(3) == 500


def test_a_step_reads_columns_that_came_before_and_nothing_later():
    numbers = np.array([[12, 34, 56]]).T
    x = encode(numbers, np.ones((3, 1), bool), 3)
    step = x[2 * 3 + 1, 0]  # the tens of 56: 3 of 34, 1 of 12, and the 6 before it
    assert np.flatnonzero(step[:10]).tolist() == [3]
    assert np.flatnonzero(step[10:20]).tolist() == [1]
    assert step[20 : 10 * LAGS].sum() == 0
    assert np.flatnonzero(step[10 * LAGS : 10 * LAGS + 10]).tolist() == [6]
    changed = encode(np.array([[12, 34, 59]]).T, np.ones((3, 1), bool), 3)
    assert (changed[:7] == x[:7]).all()
    assert (changed[7] != x[7]).any()


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
    assert "sequences of 5 numbers" in " ".join(counter.ask([1, 2, 3, 4, 5, 6]).notes)
    assert "does not follow" in " ".join(counter.ask([1, 2, 3, 4, 77]).notes)
    with pytest.raises(ConfigError, match="too large"):
        counter.ask([1, 10**9])
    with pytest.raises(ConfigError, match="at least two"):
        counter.ask([1])
