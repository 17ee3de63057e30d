"""MIDI files: what is read, what is written, and what a damaged file is told."""

import io
import time

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.core.errors import FormatError
from recurra.core.notes import TICKS, Note, Piece
from recurra.formats.midi import LARGEST_BYTES, read_midi, write_midi


def file_of(*tracks, kind=1, division=TICKS):
    file = mido.MidiFile(type=kind, ticks_per_beat=division)
    for messages in tracks:
        file.tracks.append(mido.MidiTrack(messages))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def on(note, wait=0, velocity=80, channel=0):
    return mido.Message("note_on", note=note, velocity=velocity, time=wait, channel=channel)


def off(note, wait=0, channel=0):
    return mido.Message("note_off", note=note, time=wait, channel=channel)


def plain(piece):
    return [note[:4] for note in piece.notes]


def test_notes_tempo_metre_and_key_are_read():
    conductor = [
        mido.MetaMessage("set_tempo", tempo=600_000),
        mido.MetaMessage("time_signature", numerator=6, denominator=8),
        mido.MetaMessage("key_signature", key="Em"),
        mido.MetaMessage("set_tempo", tempo=300_000, time=960),
    ]
    piece = read_midi(file_of(conductor, [on(60), off(60, 480), on(64, 0, 100), off(64, 240)]))
    assert plain(piece) == [(0, 480, 60, 80), (480, 720, 64, 100)]
    assert piece.metre == (6, 8)
    assert piece.key == "Em"
    assert piece.tempos == ((0, 100.0), (960, 200.0))
    assert piece.seconds(960) == pytest.approx(1.2)
    assert piece.seconds(1440) == pytest.approx(1.5)


def test_ticks_are_counted_anew_whatever_the_file_counts():
    piece = read_midi(file_of([on(60), off(60, 96), on(62), off(62, 32)], division=96))
    assert plain(piece) == [(0, 480, 60, 80), (480, 640, 62, 80)]


def test_note_on_of_no_velocity_ends_a_note_and_drums_are_left_out():
    track = [on(60), on(36, channel=9), on(60, 100, 0), off(36, 10, channel=9)]
    assert plain(read_midi(file_of(track, kind=0))) == [(0, 100, 60, 80)]


def test_what_still_sounds_ends_with_the_track():
    track = [on(60), on(62, 100), mido.MetaMessage("end_of_track", time=380)]
    assert plain(read_midi(file_of(track))) == [(0, 480, 60, 80), (100, 480, 62, 80)]


def test_the_pedal_holds_notes_where_that_is_asked_for():
    pedal = [
        mido.Message("control_change", control=64, value=v, time=t)
        for v, t in ((127, 50), (0, 500))
    ]
    track = [on(60), pedal[0], off(60, 50), pedal[1]]
    assert plain(read_midi(file_of(track))) == [(0, 100, 60, 80)]
    assert plain(read_midi(file_of(track), pedal=True)) == [(0, 600, 60, 80)]


NOTES = st.lists(
    st.builds(
        lambda start, length, *rest: Note(start, start + length, *rest),
        st.integers(0, 5000), st.integers(1, 2000), st.integers(0, 127), st.integers(1, 127),
        st.integers(0, 2),
    ),
    min_size=1, max_size=30,
)  # fmt: skip


@given(NOTES)
def test_what_is_written_is_read_again(notes):
    piece = Piece.of(notes).cleaned()
    voices = {voice: n for n, voice in enumerate(sorted({note.voice for note in piece.notes}))}
    again = read_midi(write_midi(piece))
    assert sorted(again.notes) == sorted(n._replace(voice=voices[n.voice]) for n in piece.notes)


def test_cleaning_leaves_no_pitch_sounding_twice():
    piece = Piece.of(
        [Note(0, 100, 60), Note(50, 80, 60), Note(50, 200, 60), Note(0, 300, 60, voice=1)]
    )
    assert [n[:3] for n in piece.cleaned().notes] == [(0, 50, 60), (0, 300, 60), (50, 200, 60)]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is not MIDI"),
        (b"RIFF" + bytes(40), "is not MIDI"),
        (b"MThd\0\0\0\6\0\2\0\1\1\xe0MTrk\0\0\0\0", "type 2"),
        (b"MThd\0\0\0\6\0\1\0\1\xe7\x28MTrk\0\0\0\0", "film frames"),
        (b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\1\0" + b"\0\x90", "cut short"),
        (b"MThd\0\0\0\6\0\1\0\1\1\xe0", "cut short"),
        (b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0", "no notes"),
    ],
)
def test_what_is_no_midi_is_told_in_a_sentence(data, sentence):
    with pytest.raises(FormatError, match=sentence) as told:
        read_midi(data, "a.mid")
    assert str(told.value).startswith("a.mid")


def test_a_length_without_end_costs_no_time():
    data = b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\6\x1a\x80" + b"\xff" * 400_000
    began = time.process_time()
    with pytest.raises(FormatError, match="does not end"):
        read_midi(data)
    assert time.process_time() - began < 5  # a guard against quadratic time, which takes minutes


def test_a_file_beyond_all_measure_is_refused_unread():
    with pytest.raises(FormatError, match="cut it into pieces"):
        read_midi(b"MThd" + bytes(LARGEST_BYTES))
