"""ABC: tunes to tokens, tokens to text, to notes, to bars, and into other keys."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.core.errors import FormatError
from recurra.formats.abc import read_collection, read_tune
from recurra.formats.abc_keys import Key, length_text, parse_length, parse_metre
from recurra.formats.abc_notes import after_bars, bars, count_bars, moved, sound
from recurra.formats.abc_write import write_tune

HEAD = "X:1\nT:A tune\nM:4/4\nL:1/8\nK:G\n"


def body(text, head=HEAD):
    return list(read_tune(head + text).tokens[2:])


def pitches(text, head=HEAD):
    return [note.pitch for note in sound(read_tune(head + text).tokens).notes]


def starts(text, head=HEAD):
    return [(n.start, n.end) for n in sound(read_tune(head + text).tokens).notes]


class TestTokens:
    def test_one_token_a_note_bar_and_mark(self):
        assert body('"Am7"A2 ~B>c | {d}e (3fga | ^g\'3/2 z/ :|') == [
            '"Am7"', "A2", "~", "B3/2", "c/2", "|", "{", "d", "}", "e", "(3", "f", "g", "a", "|",
            "^g'3/2", "z/2", ":|",
        ]  # fmt: skip

    def test_lengths_count_eighths_whatever_the_unit(self):
        assert body("A B2 c/", "X:1\nM:4/4\nL:1/4\nK:C\n") == ["A2", "B4", "c"]
        # Without a unit, a metre below 3/4 counts sixteenths.
        assert body("A2 B", "X:1\nM:2/4\nK:C\n") == ["A", "B/2"]
        assert body("A2 B", "X:1\nM:3/4\nK:C\n") == ["A2", "B"]

    def test_one_way_of_writing_stands_for_all(self):
        assert body(":||: A || B |] :: c") == ["::", "A", "||", "B", "|]", "::", "c"]
        tune = read_tune("X:1\nM:C|\nL:1/8\nK:D Major\nA|1 B:|2 c|]")
        assert tune.tokens == ("M:2/2", "K:D", "A", "|", "[1", "B", ":|", "[2", "c", "|]")

    def test_titles_comments_and_annotations_are_left_out(self):
        text = HEAD + '% comment\nA "^above" B % more\nw: words\n'
        tune = read_tune(text)
        assert tune.title == "A tune"
        assert tune.tokens[2:] == ("A", "B")

    def test_chords_keep_one_length(self):
        assert body("[CEG]2 [c2e2] [Ac]-[Ac]") == ["[CEG]2", "[ce]2", "[Ac]", "-", "[Ac]"]

    def test_keys_and_metres_may_change(self):
        assert body("A | [K:D] B | \nM:3/4\nc |") == [
            "A",
            "|",
            "[K:D]",
            "B",
            "|",
            "[M:3/4]",
            "c",
            "|",
        ]

    def test_a_collection_is_read_around_what_is_wrong_in_it(self):
        text = "X:1\nK:C\nABC|\n\nX:2\nK:C\nA @ B|\n\nX:3\nT:no key\n\nX:4\nK:G\nd|\n"
        tunes, notes = read_collection(text, "some.abc")
        assert [tune.tokens[2] for tune in tunes] == ["A", "d"]
        assert [tune.line for tune in tunes] == [1, 12]
        assert notes == [
            "some.abc, line 5: line 7 has '@', which is not ABC.",
            "some.abc, line 9: the tune has no key: a line 'K:' ends its header.",
        ]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("X:1\nK:C\n|", "no notes"),
            ("X:1\nL:1/0\nK:C\nA", "no fraction"),
            ("X:1\nV:1\nV:2\nK:C\nA", "several voices"),
            ("X:1\nK:C\nA0", "length 0"),
            ("X:1\nK:C\n(1A", "fewer than two"),
            ("X:1\nK:C\n" + "A" * 30_000, "more than"),
        ],
    )
    def test_what_cannot_be_read_is_told(self, text, sentence):
        with pytest.raises(FormatError, match=sentence):
            read_tune(text)

    def test_a_text_without_tunes_is_told(self):
        with pytest.raises(FormatError, match="'X:'"):
            read_collection("just words", "a.abc")


class TestSound:
    def test_the_key_and_accidentals_until_the_bar_line(self):
        assert pitches("F ^G G g | G _B =F") == [66, 68, 68, 80, 67, 70, 65]

    def test_repeats_and_endings_are_played(self):
        head = "X:1\nM:4/4\nL:1/8\nK:C\n"
        assert pitches("C|D:|E|", head) == [60, 62, 60, 62, 64]
        assert pitches("C|[1D:|[2E|]F|", head) == [60, 62, 60, 64, 65]
        assert pitches("C||D|:E::F:|", head) == [60, 62, 64, 64, 65, 65]

    def test_tuplets_ties_and_grace_notes_in_time(self):
        assert starts("(3ABc d") == [(0, 160), (160, 320), (320, 480), (480, 720)]
        assert starts("A-A B") == [(0, 480), (480, 720)]
        assert starts("{cd}A B") == [(0, 240), (240, 480)]
        assert starts("[CE]2 z D") == [(0, 480), (0, 480), (720, 960)]

    def test_a_tie_reaches_over_the_bar_line_to_the_same_pitch_alone(self):
        assert starts("A-|A") == [(0, 480)]
        assert starts("A-B") == [(0, 240), (240, 480)]

    def test_repeats_without_end_are_refused(self):
        with pytest.raises(FormatError, match="more than"):
            sound(["M:4/4", "K:C", *["C"] * 15_000, ":|"])


class TestBars:
    @pytest.mark.parametrize(
        ("text", "right"),
        [
            ("A8|B8|]", True),
            ("A|B8|c7|]", True),  # a short first bar, and the rest of it at the end
            ("A8|B7|c8|]", False),
            ("A8|B9|c8|]", False),
            ("A8|(3BBB(3ccc d4|]", True),
            ("A8:|B2|c8|d6:|", True),
            ("{ab}A8|[M:3/4]B6|c6|]", True),
        ],
    )
    def test_bars_that_add_up(self, text, right):
        assert all(bar.adds_up for bar in bars(read_tune(HEAD + text).tokens)) is right

    def test_a_bar_is_told_by_its_length_and_lines(self):
        first, second = bars(read_tune(HEAD + "A|B8|]").tokens)
        assert (first.length, first.full, first.opened, first.closed) == (1, 8, "", "|")
        assert (second.length, second.closed) == (8, "|]")


class TestKeys:
    @pytest.mark.parametrize(
        ("text", "name", "fifths"),
        [("G", "G", 1), ("D Major", "D", 2), ("Em", "Em", 1), ("A minor", "Am", 0),
         ("Ador", "Ador", 1),
         ("Amixolydian", "Amix", 2), ("Bb", "Bb", -2), ("F#m", "F#m", 3),
         ("HP", "Amix", 2), ("none", "C", 0)],
    )  # fmt: skip
    def test_names_and_signatures(self, text, name, fifths):
        key = Key.parse(text)
        assert (key.name, key.fifths) == (name, fifths)

    def test_a_scale_has_the_accidentals_of_its_signature(self):
        assert Key.parse("D").scale() == {2, 4, 6, 7, 9, 11, 1}
        assert Key.parse("Fm").scale() == {5, 7, 8, 10, 0, 1, 3}

    @given(st.integers(0, 6), st.sampled_from(["", "m", "dor", "mix"]), st.integers(-12, 12))
    def test_a_moved_key_is_the_same_mode_elsewhere(self, letter, mode, semitones):
        key = Key(letter, 0, mode)
        there = key.moved(semitones)
        assert there.mode == mode
        assert there.tonic == (key.tonic + semitones) % 12
        assert abs(there.fifths) <= 6

    def test_metres(self):
        assert [parse_metre(text) for text in ("6/8", "C", "C|", "none", "0/4", "3/5")] == [
            (6, 8), (4, 4), (2, 2), None, None, None,
        ]  # fmt: skip

    @given(st.fractions(Fraction(1, 64), 16, max_denominator=64))
    def test_lengths_are_read_as_they_are_written(self, length):
        assert parse_length(length_text(length)) == length


NOTE = st.builds(
    lambda sign, letter, length: sign + letter + length,
    st.sampled_from(["", "", "", "^", "_", "="]),
    st.sampled_from(["C,", "G,", "C", "D", "F", "B", "c", "e", "g", "b", "c'", "e'"]),
    st.sampled_from(["", "2", "3", "/2", "3/2", "4", "/4"]),
)
ELEMENT = st.one_of(
    NOTE.map(lambda one: [one]),
    st.tuples(NOTE, NOTE).map(lambda pair: [pair[0], "-", pair[0].lstrip("^_=")]),
    st.lists(NOTE, min_size=3, max_size=3).map(lambda three: ["(3", *three]),
    st.tuples(NOTE, NOTE).map(lambda pair: ["{", pair[0], "}", pair[1]]),
    st.sampled_from([['"Am"'], ['"D7/F#"'], ["~"], ["T"], ["z2"], ["."], ["[CEG]2"]]),
)
TUNES = st.builds(
    lambda metre, key, bars, last: (
        f"M:{metre}", f"K:{key}", "C", *(t for bar in bars for e in bar for t in [*e, "|"][:-1]),
        "G", last ),
    st.sampled_from(["4/4", "6/8", "3/4"]), st.sampled_from(["C", "G", "Em", "Bb", "Ador", "Amix"]),
    st.lists(st.lists(ELEMENT, min_size=1, max_size=4), min_size=1, max_size=6),
    st.sampled_from(["|]", ":|", "||"]),
)  # fmt: skip


@given(TUNES)
def test_tokens_come_back_from_the_text_they_are_written_as(tune):
    assert read_tune(write_tune(tune, title="T", tempo=90)).tokens == tune


@given(TUNES, st.integers(-7, 7))
def test_a_moved_tune_sounds_the_same_at_another_height(tune, semitones):
    here, there = sound(tune), sound(moved(tune, semitones))
    assert [n.pitch + semitones for n in here.notes] == [n.pitch for n in there.notes]
    assert [(n.start, n.end) for n in here.notes] == [(n.start, n.end) for n in there.notes]


def test_a_moved_tune_is_spelt_by_its_degrees():
    tune = ("M:4/4", "K:G", '"D7/F#"', "^c", "F", "=f", "|]")
    assert moved(tune, 2) == ("M:4/4", "K:A", '"E7/G#"', "^d", "G", "=g", "|]")
    assert moved(tune, -2) == ("M:4/4", "K:F", '"C7/E"', "=B", "E", "_e", "|]")


@pytest.mark.parametrize(
    ("music", "count"),
    [("d6|d6|]", 2), ("A|d6|d5|]", 2), ("A|d6|d5:|A|d6|d5:|", 4), ("A|d6|[1d6:|[2d5|]", 3),
     ("d6|d2", 1)],
)  # fmt: skip
def test_bars_are_counted_as_they_are_written(music, count):
    tune = read_tune(f"X:1\nM:6/8\nL:1/8\nK:D\n{music}")
    assert count_bars(tune.tokens) == count
    assert after_bars(tune.tokens, count) == len(tune.tokens) - (music == "d6|d2")


@pytest.mark.parametrize(
    ("metre", "music", "written"),
    [("6/8", "DAFFED|d3-d3|", "DAF FED | d3- d3 |"), ("4/4", "GABcdedc|", "GABc dedc |"),
     ("3/4", "GABcde|", "GA Bc de |"), ("4/4", '"G"G4(3Bcd"D"AB|', '"G"G4 (3Bcd"D"AB |'),
     ("6/8", "(d3e3){f}g3|", "(d3 e3) {f}g3 |")],
)  # fmt: skip
def test_the_notes_of_a_beat_stand_together(metre, music, written):
    tune = read_tune(f"X:1\nM:{metre}\nL:1/8\nK:D\n{music}")
    text = write_tune(tune.tokens)
    assert text.splitlines()[-1] == written
    assert read_tune(text).tokens == tune.tokens
