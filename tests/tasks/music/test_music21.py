"""Our scores as an independent library reads them: music21."""

import warnings

import pytest

from recurra.core.notes import Note, Piece
from recurra.formats.abc import read_tune
from recurra.formats.abc_notes import sound
from recurra.formats.abc_score import write_abc
from recurra.formats.abc_write import write_tune
from recurra.formats.musicxml_write import write_musicxml
from tests.tasks.music.toy import tune

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    music21 = pytest.importorskip("music21", reason="music21 is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")


def heard(score, expand=False):
    """Return (start, length, pitch) of what music21 hears, in quarter notes."""
    score = score.stripTies()
    found = []
    for part in score.parts if score.hasPartLikeStreams() else [score]:
        part = part.expandRepeats() if expand else part
        for note in part.flatten().notes:
            pitches = note.pitches
            found += [(float(note.offset), float(note.quarterLength), p.midi) for p in pitches]
    return sorted(found)


def ours(piece):
    return sorted((n.start / 480, (n.end - n.start) / 480, n.pitch) for n in piece.notes)


def rounded(notes):
    return [tuple(round(x, 6) for x in note) for note in notes]


def parsed(text, kind):
    return music21.converter.parse(text, format=kind)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_it_hears_the_notes_of_our_tunes(number):
    tokens = read_tune(tune(number)).tokens
    score = parsed(write_tune(tokens), "abc")
    assert rounded(heard(score, expand=True)) == rounded(ours(sound(tokens)))


@pytest.mark.parametrize("key", ["C", "Eb", "F#m"])
def test_it_reads_our_musicxml(key):
    notes = [Note(0, 720, 60), Note(720, 960, 66), Note(960, 2400, 67), Note(2400, 2560, 70),
             Note(2560, 2720, 72), Note(2720, 2880, 73), Note(0, 1920, 48, voice=1)]  # fmt: skip
    piece = Piece.of(notes, key=key, metre=(3, 4))
    score = parsed(write_musicxml(piece).decode(), "musicxml")
    assert rounded(heard(score)) == rounded(ours(piece))


def test_it_reads_our_voices():
    piece = Piece.of([Note(0, 960, 72), Note(960, 1920, 71), Note(0, 1920, 48, voice=1)], key="C")
    assert heard(parsed(write_abc(piece), "abc")) == ours(piece)
