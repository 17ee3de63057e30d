"""Scores, rolls and sound: files that others can read."""

import io
import wave
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest

from recurra.core.errors import ConfigError, ResourceError
from recurra.core.notes import TICKS, Note, Piece
from recurra.formats import notation
from recurra.formats.abc import read_tune
from recurra.formats.abc_notes import sound
from recurra.formats.abc_score import tokens_of, write_abc
from recurra.tasks.music import synth
from recurra.tasks.music.render import SUFFIXES, file_bytes, save
from tests.tasks.music.toy import chord_piece

PIECE = Piece.of(
    [Note(0, 720, 60), Note(720, 960, 66), Note(960, 2400, 67), Note(0, 1920, 48, voice=1),
     Note(1920, 2400, 43, voice=1), Note(2400, 2560, 71), Note(2560, 2720, 72),
     Note(2720, 2880, 74)],
    name="Two <voices> & $more", key="G", metre=(3, 4), tempos=((0, 90.0),),
)  # fmt: skip


def read_wav(data):
    with wave.open(io.BytesIO(data)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return frames.reshape(-1, file.getnchannels()) / 32768, file.getframerate()


def strongest(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate / len(samples)


class TestNotation:
    def test_bars_are_filled_and_notes_tied_over_their_lines(self):
        (line,) = notation.lines(chord_piece((60,), (62,), ticks=1200))
        bars = notation.written(line, 1920, 2400)
        assert [sum(item.ticks for item in bar) for bar in bars] == [1920, 1920]
        told = [(item.pitches, item.ticks, item.tied) for bar in bars for item in bar]
        assert told == [
            ((60,), 960, True), ((60,), 240, False), ((62,), 720, True), ((62,), 480, False),
            ((), 1440, False),
        ]  # fmt: skip

    def test_voices_do_not_overlap(self):
        lines = notation.lines(PIECE)
        assert [[n.pitch for n in line] for line in lines] == [[60, 66, 67, 71, 72, 74], [48, 43]]
        crowded = Piece.of([Note(n * 40, 4000, 40 + n) for n in range(30)])
        for line in notation.lines(crowded):
            spans = sorted({(n.start, n.end) for n in line})
            assert all(a[1] <= b[0] for a, b in pairwise(spans))

    def test_spelling_follows_the_key(self):
        def spelt(pitch, key):
            return notation.spell(pitch, notation.Key.parse(key))

        assert spelt(66, "G") == (3, 1)  # F sharp
        assert spelt(66, "Db") == (4, -1)  # G flat
        assert spelt(60, "C#") == (-1, 1)  # B sharp, below middle C
        assert notation.likely_key(chord_piece((62, 66, 69), (64, 67, 73)).notes).name == "D"


def test_a_melody_as_abc_sounds_as_it_was():
    melody = Piece.of([n for n in PIECE.notes if n.voice == 0], key="G", metre=(3, 4))
    assert [n[:3] for n in sound(tokens_of(melody)).notes] == [n[:3] for n in melody.notes]
    assert read_tune(write_abc(melody)).tokens == tokens_of(melody)


def test_several_voices_are_several_voices_in_abc():
    text = write_abc(PIECE)
    assert "V:1\n" in text
    assert "V:2 clef=bass\n" in text


def test_the_roll_is_a_picture_of_every_note():
    root = ElementTree.fromstring(file_bytes(PIECE, ".svg"))
    boxes = [e for e in root.iter() if e.tag.endswith("rect") and e.get("rx")]
    assert len(boxes) == len(PIECE.notes)
    highest = min(boxes, key=lambda box: float(box.get("y")))
    assert float(highest.get("x")) == max(float(box.get("x")) for box in boxes)
    assert "Two <voices> & $more" in [e.text for e in root.iter()]
    assert file_bytes(PIECE, ".png").startswith(b"\x89PNG")


class TestSound:
    def test_a_note_has_its_pitch_and_fades(self):
        tone = Piece.of([Note(0, 4 * TICKS, 69, 100)])
        samples, rate = read_wav(file_bytes(tone, ".wav"))
        assert rate == 44_100
        assert 0.85 < np.abs(samples).max() <= 0.92
        assert strongest(samples[2000:32_768, 0], rate) == pytest.approx(440, abs=3)
        early, late = (np.abs(samples[n : n + 4410]).max() for n in (4410, 80_000))
        assert late < 0.4 * early
        assert np.abs(samples[-100:]).max() < 0.01

    def test_low_notes_come_from_the_left_and_high_ones_from_the_right(self):
        for pitch, louder in ((30, 0), (96, 1)):
            samples = synth.render(Piece.of([Note(0, TICKS, pitch)]))
            power = (samples**2).sum(axis=0)
            assert power.argmax() == louder

    def test_velocity_is_loudness(self):
        piece = Piece.of([Note(0, TICKS, 60, 110), Note(2 * TICKS, 3 * TICKS, 60, 40)])
        samples = synth.render(piece)
        loud, soft = (np.abs(samples[n * 44_100 :][:8000]).max() for n in (0, 1))
        assert loud > 3 * soft

    def test_silence_and_crowds_stay_within_bounds(self):
        assert np.abs(synth.render(Piece.of([], length=TICKS))).max() == 0
        crowd = Piece.of([Note(0, TICKS, pitch, 127) for pitch in range(40, 70)])
        assert np.abs(synth.render(crowd)).max() <= 0.9001

    def test_what_is_too_long_is_refused_at_once(self):
        with pytest.raises(ResourceError, match="minutes"):
            synth.render(Piece.of([Note(0, 480 * 5000, 60)]))

    def test_compressed_sound_reads_as_sound(self):
        soundfile = pytest.importorskip("soundfile")
        for suffix in (".ogg", ".flac"):
            samples, rate = soundfile.read(io.BytesIO(file_bytes(chord_piece((69,)), suffix)))
            assert strongest(samples[2000:20_000, 0], rate) == pytest.approx(440, abs=4)


def test_every_kind_is_written_as_its_name_says(tmp_path):
    for suffix in SUFFIXES:
        save(PIECE, tmp_path / f"piece{suffix}")
    assert len(list(tmp_path.iterdir())) == len(SUFFIXES)
    with pytest.raises(ConfigError, match=r"\.mp3"):
        save(PIECE, tmp_path / "piece.mp3")
