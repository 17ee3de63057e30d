"""Composing: rules that always hold, beginnings that are kept, voices that are given."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.core.errors import ConfigError
from recurra.core.notes import Note, Piece
from recurra.core.sampling import SamplingOptions, log_softmax
from recurra.formats.abc import is_sound, read_collection, read_tune, split_length
from recurra.formats.abc_notes import bars, count_bars
from recurra.formats.abc_score import write_abc
from recurra.formats.midi import read_midi, write_midi
from recurra.tasks.music.compose import ComposeOptions, compose
from recurra.tasks.music.grammar import Table, TuneRules
from recurra.tasks.music.harmony import StepRules
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.vocabulary import (
    END,
    AbcVocabulary,
    PerformanceVocabulary,
    PolyphonyVocabulary,
)
from tests.tasks.music.toy import REFERENCE, chord_piece, collection, model_of

MORE = (
    'X:90\nM:6/8\nL:1/8\nK:D\nA|"D"d2e {g}f3|(3efg ~a2 z2|[1 d6:|[2 d3 c3|]\n'
    "X:91\nM:3/4\nL:1/8\nK:C\n(C2 E)G- G2|[CE]6||[K:G][M:4/4]G8|:A4 A4::B8:|\n"
)
TUNES = [tune.tokens for tune in read_collection(collection(8) + "\n" + MORE)[0]]
WORDS = AbcVocabulary.learn(TUNES, 1)
TABLE = Table(WORDS)
TUNE_MODEL = model_of(WORDS)
CHORDS = PolyphonyVocabulary(48, 72)
CHORD_MODEL = model_of(CHORDS)


def made(model, prime=None, sampling=None, **how):
    return compose(model, ComposeOptions(**({"seed": 1} | how)), sampling, prime=prime)


class TestTunes:
    def test_whatever_the_weights_bars_add_up_and_it_is_abc(self):
        for one in made(TUNE_MODEL, samples=24, length=150).pieces:
            tokens = WORDS.texts(one.tokens)
            assert read_tune(one.abc).tokens == tuple(tokens)
            finished = bars(tokens)[:-1]  # the last one may be cut by the length
            assert all(bar.adds_up for bar in finished), one.abc
            piece = one.piece.cleaned()
            assert [n[:3] for n in read_midi(write_midi(piece)).notes] == [
                n[:3] for n in piece.notes
            ]

    @settings(max_examples=40)
    @given(st.randoms(use_true_random=False), st.integers(1, 6))
    def test_whatever_the_rules_allow_survives_its_file_and_midi(self, draw, count):
        rules = TuneRules(TABLE, bars=count)
        tokens = []
        while token := draw.choice(np.flatnonzero(rules.allowed()).tolist()):
            rules.take(token)
            tokens.append(token)
        texts = WORDS.texts(tokens)
        piece = WORDS.decode(tokens)
        (tune,), notes = read_collection(write_abc(piece))
        assert (list(tune.tokens), notes) == (texts, [])
        assert WORDS.encode(replace(piece, abc=" ".join(tune.tokens))).tolist() == tokens
        assert all(bar.adds_up for bar in bars(texts))
        played = piece.cleaned()
        assert [n[:3] for n in read_midi(write_midi(played)).notes] == [n[:3] for n in played.notes]

    @pytest.mark.parametrize(
        ("key", "metre", "count"), [("D", "6/8", 8), ("C", "4/4", 3), ("Em", None, 1)]
    )
    def test_key_metre_and_number_of_bars_are_kept(self, key, metre, count):
        for one in made(TUNE_MODEL, samples=6, key=key, metre=metre, bars=count, length=600).pieces:
            tokens = WORDS.texts(one.tokens)
            assert tokens[1] == f"K:{key}"
            assert metre is None or tokens[0] == f"M:{metre}"
            assert count_bars(tokens) == count
            assert all(bar.adds_up for bar in bars(tokens))

    def test_sample_k_does_not_depend_on_what_stands_beside_it(self):
        alone = made(TUNE_MODEL, samples=1, length=60).pieces[0]
        several = made(TUNE_MODEL, samples=5, length=60).pieces[0]
        assert alone.tokens.tolist() == several.tokens.tolist()

    def test_a_tune_goes_on_where_another_stops(self):
        tune = Piece.of([Note(0, 240, 60)], abc=" ".join(TUNES[0]))
        (one,) = made(TUNE_MODEL, prime=tune, prime_bars=2, length=30).pieces
        tokens = WORDS.texts(one.tokens)
        assert one.begun == [n for n, t in enumerate(TUNES[0]) if t == "|"][1] + 1
        assert tuple(tokens[: one.begun]) == TUNES[0][: one.begun]
        whole = made(TUNE_MODEL, prime=tune, length=30).pieces[0]
        assert WORDS.texts(whole.tokens)[: whole.begun][-1] == "|"

    def test_bars_of_a_beginning_are_full_ones_and_count(self):
        tune = Piece.of([Note(0, 240, 60)], abc="M:6/8 K:D A | d2 e f3 | d6 | d6 |]")
        for wanted, length in ((1, 6), (2, 8)):
            begun = made(TUNE_MODEL, prime=tune, prime_bars=wanted, length=30).pieces[0].begun
            assert begun == 2 + length
        with pytest.raises(ConfigError, match="has 2 bars already"):
            made(TUNE_MODEL, prime=tune, prime_bars=2, bars=2)

    def test_a_second_ending_follows_a_first_one(self):
        rules = TuneRules(TABLE)
        second, first = WORDS.number["[2"], WORDS.number["[1"]
        for text in ("M:6/8", "K:D", "d6", "|"):
            rules.take(WORDS.number[text])
        assert rules.allowed()[[first, second]].tolist() == [True, False]
        for text in ("[1", "d6", ":|"):
            rules.take(WORDS.number[text])
        assert rules.allowed()[[first, second]].tolist() == [False, True]
        for text in ("[2", "d3", "c3", "|]"):
            rules.take(WORDS.number[text])
        assert not rules.allowed()[second]

    def test_the_last_of_the_bars_that_were_asked_for_closes_on_the_tonic(self):
        rules = TuneRules(TABLE, bars=2)
        for text in ("M:6/8", "K:D", "d6", "|", "d3"):
            rules.take(WORDS.number[text])
        allowed = [WORDS.tokens[n] for n in np.flatnonzero(rules.allowed())]
        filling = [text for text in allowed if is_sound(text) and split_length(text)[1] == 3]
        assert filling
        assert {text[0].upper() for text in filling} == {"D"}
        assert any(text[0] == "e" for text in allowed)

    def test_one_chord_symbol_stands_before_a_note(self):
        rules = TuneRules(TABLE)
        for text in ("M:6/8", "K:D", '"D"'):
            rules.take(WORDS.number[text])
        assert not rules.allowed()[WORDS.number['"D"']]
        rules.take(WORDS.number["d2"])
        assert rules.allowed()[WORDS.number['"D"']]

    def test_of_several_pieces_the_likeliest_ending_is_taken(self):
        one, many = (
            made(TUNE_MODEL, bars=3, endings=count, length=400, samples=6).pieces
            for count in (1, 12)
        )

        def ending(piece):
            network, tokens = TUNE_MODEL.network(), piece.tokens
            read = np.array([[END, *tokens]]).T
            logits, _ = network.forward(read, network.zero_state(1))
            rows = log_softmax(logits[-2:, 0])
            return rows[0, tokens[-1]] + rows[1, END]

        assert sum(map(ending, many)) > sum(map(ending, one))

    def test_a_tune_closes_on_its_tonic_where_one_of_those_drawn_does(self):
        weights = {name: value.copy() for name, value in TUNE_MODEL.weights.items()}
        weights["head.bias"][[END, *(WORDS.number[text] for text in ("||", ":|"))]] += 4
        model = MusicModel(weights, TUNE_MODEL.document, engine=REFERENCE)

        def closing(count):
            found = 0
            for piece in made(model, endings=count, length=400, samples=12).pieces:
                rules = TuneRules(TABLE)
                for token in piece.tokens.tolist():
                    rules.take(token)
                found += rules.closes
            return found

        assert closing(16) > closing(1)

    def test_it_is_known_whether_a_tune_closes(self):
        rules = TuneRules(TABLE)
        for text, closes in (("M:6/8", False), ("K:D", False), ("f3", False), ("d3", True),
                             ("|", True), ("f3", False)):  # fmt: skip
            rules.take(WORDS.number[text])
            assert rules.closes == closes

    @pytest.mark.parametrize(
        ("how", "sentence"),
        [
            ({"key": "Gb"}, "the model knows"),
            ({"key": "H"}, "a letter from A to G"),
            ({"key": "Gx"}, "a letter from A to G"),
            ({"key": ""}, "a letter from A to G"),
            ({"metre": "11/8"}, "the model knows"),
            ({"key": "C", "rules": False}, "drop one"),
            ({"given": (1,)}, "polyphony"),
        ],
    )
    def test_what_cannot_be_asked_is_told(self, how, sentence):
        with pytest.raises(ConfigError, match=sentence):
            made(TUNE_MODEL, prime=chord_piece((60,)) if "given" in how else None, **how)

    def test_every_tune_that_adds_up_obeys_the_rules(self):
        # The rules must not forbid what people write.
        refused = []
        for tune in TUNES:
            rules = TuneRules(TABLE)
            for token in [*WORDS.encode_tokens(tune).tolist(), END]:
                if not rules.allowed()[token]:
                    refused.append((WORDS.tokens[token], rules))
                    break
                rules.take(token)
        assert not refused


class TestChords:
    @settings(max_examples=15)
    @given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 3.0]))
    def test_pitches_descend_and_steps_are_counted(self, seed, temperature):
        sampling = SamplingOptions(temperature=temperature)
        (one,) = made(CHORD_MODEL, sampling=sampling, seed=seed, bars=2, metre="3/4").pieces
        assert CHORDS.encode(one.piece).tolist() == one.tokens.tolist()
        assert CHORDS.steps(one.tokens) == 6
        assert one.piece.metre == (3, 4)

    def test_a_key_keeps_to_its_scale(self):
        (one,) = made(CHORD_MODEL, key="D", bars=4).pieces
        assert {n.pitch % 12 for n in one.piece.notes} <= {2, 4, 6, 7, 9, 11, 1}

    MELODY = chord_piece((67,), (65,), (64,), (), (72,))

    @pytest.mark.parametrize("particles", [1, 16])
    def test_a_given_melody_stays_on_top_and_the_rest_is_written(self, particles):
        (one,) = made(CHORD_MODEL, prime=self.MELODY, given=(1,), particles=particles).pieces
        frames = CHORDS.frames(one.piece)
        assert [f[0] if f else None for f in frames] == [
            67,
            65,
            64,
            frames[3][0] if frames[3] else None,
            72,
        ]
        assert [len(f) for n, f in enumerate(frames) if n != 3] == [4] * 4

    def test_given_outer_voices_stay_outside(self):
        outer = chord_piece((67, 50), (65, 53), (72, 48))
        (one,) = made(CHORD_MODEL, prime=outer, given=(1, 2), particles=8).pieces
        frames = CHORDS.frames(one.piece)
        assert [(f[0], f[-1], len(f)) for f in frames] == [(67, 50, 4), (65, 53, 4), (72, 48, 4)]

    def test_particles_follow_what_the_model_thinks_likely(self):
        """The filter finds fillings that are likelier than those of the first hypothesis alone."""
        outer = chord_piece(*[(67, 50), (65, 53), (72, 48), (60, 55)] * 3)
        sharp = {name: array * 6 for name, array in CHORD_MODEL.weights.items()}
        model = model_of(CHORDS)
        model.weights = sharp

        def nats(particles):
            pieces = made(model, prime=outer, given=(1, 2), particles=particles, samples=6).pieces
            return sum(model.score([one.tokens]).nats for one in pieces)

        assert nats(64) < nats(1)

    @pytest.mark.parametrize(
        ("how", "sentence"),
        [({"given": (2,)}, "counted from 1"), ({"given": (0,)}, "counted from 1"),
         ({"given": (1,), "voices": 2, "key": "C"}, None)],
    )  # fmt: skip
    def test_given_voices_are_checked(self, how, sentence):
        if sentence is None:
            assert made(CHORD_MODEL, prime=self.MELODY, **how).pieces
            return
        with pytest.raises(ConfigError, match=sentence):
            made(CHORD_MODEL, prime=self.MELODY, **how)

    def test_rules_tell_what_may_come(self):
        rules = StepRules(CHORDS, length=1, given=[{0: 60}], voices=3)
        assert rules.allowed().nonzero()[0].tolist() == [CHORDS.FIRST + 12]
        rules.take(CHORDS.FIRST + 12)
        # Not the lowest pitch: the third voice needs room below.
        assert rules.allowed().nonzero()[0].tolist() == list(
            range(CHORDS.FIRST + 1, CHORDS.FIRST + 12)
        )
        rules.take(CHORDS.FIRST + 1)
        assert rules.allowed().nonzero()[0].tolist() == [CHORDS.FIRST]
        rules.take(CHORDS.FIRST)
        assert rules.allowed().nonzero()[0].tolist() == [CHORDS.STEP]
        rules.take(CHORDS.STEP)
        assert rules.allowed().nonzero()[0].tolist() == [END]

    def test_given_voices_too_close_for_the_others_leave_them_out(self):
        (one,) = made(CHORD_MODEL, prime=chord_piece((60, 59), (60, 48)), given=(1, 2)).pieces
        frames = CHORDS.frames(one.piece)
        assert frames[0] == [60, 59]
        assert len(frames[1]) == 4


def test_performances_are_composed_and_continued():
    words = PerformanceVocabulary()
    model = model_of(words)
    first = made(model, length=80).pieces[0]
    assert len(first.tokens) <= 80
    piece = Piece.of([Note(0, 480, 60), Note(480, 960, 64)])
    onward = made(model, prime=piece, length=40).pieces[0]
    assert onward.tokens[: onward.begun].tolist() == words.encode(piece).tolist()
    with pytest.raises(ConfigError, match="no bars"):
        made(model, bars=3)


def test_facts_are_what_a_page_needs():
    (one,) = made(TUNE_MODEL, bars=4, tempo=90.0, length=300).pieces
    facts = one.facts()
    assert facts["tempo"] == 90.0
    assert facts["abc"].startswith("X:1\n")
    assert facts["notes"][0].keys() == {"start", "end", "pitch", "velocity", "voice"}
    assert facts["notes"][-1]["end"] <= facts["duration"] + 1e-6
    assert len(facts["bars"]) >= 4
