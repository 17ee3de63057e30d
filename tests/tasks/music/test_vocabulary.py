"""Tokens to music and back, for each of the three vocabularies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.core.errors import ConfigError, FormatError
from recurra.core.notes import Note, Piece
from recurra.formats.abc import read_tune
from recurra.formats.midi import read_midi, write_midi
from recurra.formats.musicxml import read_musicxml
from recurra.formats.musicxml_write import write_musicxml
from recurra.tasks.music.vocabulary import (
    AbcVocabulary,
    PerformanceVocabulary,
    PolyphonyVocabulary,
    shape_of,
    vocabulary_from_document,
)
from tests.tasks.music.toy import chord_piece

STEPS = st.lists(st.sets(st.integers(21, 108), max_size=5), min_size=1, max_size=20).filter(
    lambda steps: bool(steps[-1])
)


@given(STEPS, st.sampled_from([1, 2, 4]))
def test_polyphony_survives_its_files(steps, resolution):
    words = PolyphonyVocabulary(resolution=resolution)
    tokens = [
        t for step in steps for t in [*sorted((p - 19 for p in step), reverse=True), words.STEP]
    ]
    piece = words.decode(tokens)
    assert words.encode(piece).tolist() == tokens
    # A file does not say how long the silence after the last note is; there is none here.
    assert words.encode(read_midi(write_midi(piece))).tolist() == tokens
    assert words.encode(read_musicxml(write_musicxml(piece))).tolist() == tokens


def test_polyphony_writes_pitches_from_the_top_and_ends_each_step():
    words = PolyphonyVocabulary(60, 72)
    tokens = words.encode(chord_piece((60, 67, 64), (), (72,)))
    assert [words.token_text(t) for t in tokens] == ["G4", "E4", "C4", "step", "step", "C5", "step"]
    assert words.steps(tokens) == 3


def test_at_one_step_a_quarter_every_step_is_struck_and_finer_ones_are_held():
    frames = [2 + 39, 1, 2 + 39, 1]
    assert len(PolyphonyVocabulary(resolution=1).decode(frames).notes) == 2
    (held,) = PolyphonyVocabulary(resolution=4).decode(frames).notes
    assert (held.start, held.end) == (0, 240)


NOTES = st.lists(
    st.builds(
        lambda start, length, pitch, level: Note(
            round(start * 9.6), round((start + length) * 9.6), pitch, 4 * level + 2
        ),
        st.integers(0, 400), st.integers(1, 300), st.integers(0, 127), st.integers(0, 31),
    ),
    min_size=1, max_size=25,
)  # fmt: skip


@given(NOTES)
def test_a_performance_survives_a_midi_file(notes):
    words = PerformanceVocabulary()
    tokens = words.encode(Piece.of(notes))
    piece = words.decode(tokens)
    assert words.encode(piece).tolist() == tokens.tolist()
    assert words.encode(read_midi(write_midi(piece))).tolist() == tokens.tolist()


def test_a_performance_tells_time_velocity_and_notes():
    words = PerformanceVocabulary()
    # 120 quarter notes a minute: 480 ticks are half a second.
    piece = Piece.of([Note(0, 480, 60, 64), Note(480, 1920, 64, 64), Note(480, 960, 67, 100)])
    shown = [words.token_text(t) for t in words.encode(piece)]
    assert shown == [
        "velocity 16", "on C4", "500 ms", "off C4", "on E4", "velocity 25", "on G4", "500 ms",
        "off G4", "1000 ms", "off E4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words", [PolyphonyVocabulary(), PerformanceVocabulary()], ids=lambda w: w.kind
)
@given(semitones=st.integers(-30, 30))
def test_transposing_tokens_transposes_the_piece(words, semitones):
    piece = chord_piece((60, 64), (67, 40))
    moved = words.transpose(words.encode(piece), semitones)
    low = words.low if words.kind == "polyphony" else 0
    high = words.high if words.kind == "polyphony" else 127
    if 40 + semitones < low or 67 + semitones > high:
        assert moved is None
    else:
        assert moved.tolist() == words.encode(piece.transposed(semitones)).tolist()


def test_stretching_a_performance_makes_it_longer():
    words = PerformanceVocabulary()
    piece = Piece.of([Note(0, 960, 60), Note(960, 1920, 62)])
    slow = words.decode(words.encode(piece, stretch=1.5))
    assert slow.duration_s == pytest.approx(1.5 * piece.duration_s, abs=0.01)


class TestAbc:
    TUNES = tuple(
        read_tune(f"X:1\nM:4/4\nL:1/8\nK:G\n{text}").tokens for text in ("AB|c|", "AB|A|]")
    )

    def test_the_commonest_come_first_and_rare_ones_not_at_all(self):
        words = AbcVocabulary.learn(self.TUNES, 2)
        assert words.tokens == ("<end>", "A", "|", "B", "K:G", "M:4/4")

    def test_what_was_never_learned_is_named(self):
        words = AbcVocabulary.learn(self.TUNES, 1)
        with pytest.raises(ConfigError, match="'z2'"):
            words.encode_tokens(["A", "z2"])

    def test_a_tune_decodes_to_its_notes_and_text(self):
        words = AbcVocabulary.learn(self.TUNES, 1)
        piece = words.decode([*words.encode_tokens(self.TUNES[0]), 0, 1, 1])
        assert [note.pitch for note in piece.notes] == [69, 71, 72]
        assert piece.abc == "M:4/4 K:G A B | c |"
        assert words.encode(piece).tolist() == words.encode_tokens(self.TUNES[0]).tolist()

    def test_transposing_leaves_the_vocabulary_or_gives_the_moved_tune(self):
        words = AbcVocabulary.learn([*self.TUNES, ("M:4/4", "K:A", "B", "c", "|", "d")], 1)
        tokens = words.encode_tokens(self.TUNES[0])
        assert words.texts(words.transpose(tokens, 2)) == ["M:4/4", "K:A", "B", "c", "|", "d", "|"]
        assert words.transpose(tokens, 5) is None


@pytest.mark.parametrize(
    "words",
    [AbcVocabulary(["<end>", "A", "|"]), PolyphonyVocabulary(30, 90, 4), PerformanceVocabulary()],
    ids=lambda words: words.kind,
)
def test_a_document_makes_the_same_vocabulary(words):
    again = vocabulary_from_document(words.to_document())
    assert (again.kind, again.size) == (words.kind, words.size)
    assert again.to_document() == words.to_document()


@pytest.mark.parametrize(
    "document",
    [None, {}, {"kind": "abc", "tokens": ["A", "A"]}, {"kind": "abc", "tokens": []},
     {"kind": "abc", "tokens": [1]}, {"kind": "polyphony", "low": 9, "high": 3, "resolution": 1},
     {"kind": "polyphony", "low": 0, "high": 99, "resolution": 0},
     {"kind": "polyphony", "low": 0, "high": "x", "resolution": 1}],
)  # fmt: skip
def test_a_document_that_is_none_is_refused(document):
    with pytest.raises(FormatError, match="vocabulary"):
        vocabulary_from_document(document)


def test_a_melody_is_the_same_shape_in_any_key():
    piece = chord_piece((60, 72), (74,), (71, 50))
    assert shape_of(piece) == ((2, 480), (-3, 480)) == shape_of(piece.transposed(5))
    assert np.asarray(shape_of(piece)).shape == (2, 2)
