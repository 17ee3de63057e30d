"""Damaged files of music: a result or one sentence, within a second and 256 MB each.

`make soak` runs `python -m tests.formats.test_music_fuzz 100000` in place of the few hundred here.
"""

import io
import random
import sys
import time
import zipfile

import mido
import pytest

from recurra.core.errors import RecurraError
from recurra.core.notes import Note, Piece
from recurra.formats.abc import read_collection
from recurra.formats.abc_notes import bars, moved, sound
from recurra.formats.abc_write import write_tune
from recurra.formats.midi import read_midi, write_midi
from recurra.formats.musicxml import read_musicxml
from recurra.formats.musicxml_write import write_musicxml
from tests.formats.test_musicxml import SCORE

ABC = """X:1
T:Up and down
M:6/8
L:1/8
Q:1/4=120
K:Ador
|:"Am"A2B {cd}e>f g|(3abc' [CEG]2-[CEG] ~z2|1 G,/2^F//_b' =c3:|2 [M:2/4][K:Bb]B4||
w: words
Z4 | (5:4:5abcde !trill!f Tg || % end

X:2
T:Other
M:C|
K:D mixolydian
D2|:F4 A4|d>c BA|[1 G2:|[2 F8|]
"""


def seeds():
    notes = [Note(240 * n, 240 * n + 200, 60 + n % 7, 40 + n, n % 3) for n in range(40)]
    piece = Piece.of(notes, tempos=((0, 90.0), (960, 140.0)), metre=(3, 4), key="Em")
    mixed = mido.MidiFile(type=0)
    mixed.tracks.append(
        mido.MidiTrack(
            [
                mido.MetaMessage("lyrics", text="la"),
                mido.Message("sysex", data=(1, 2, 3)),
                mido.Message("pitchwheel", pitch=100),
                mido.Message("note_on", note=60),
                mido.Message("note_on", note=60, velocity=0, time=100),
            ]
        )
    )
    buffer = io.BytesIO()
    mixed.save(file=buffer)
    score = SCORE.encode()
    return {
        "midi": [write_midi(piece), buffer.getvalue()],
        "abc": [ABC.encode(), write_tune(["M:4/4", "K:C", "C2", ":|"]).encode()],
        "musicxml": [write_musicxml(Piece.of(notes[:8])), score, packed(score)],
    }


def packed(score):
    """Return a score as a .mxl file; not compressed, so that what is changed is still XML."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "META-INF/container.xml", '<container><rootfile full-path="s.xml"/></container>'
        )
        archive.writestr("s.xml", score)
    return buffer.getvalue()


def mutated(draw, data):
    """Return bytes with a few changes: flips, cuts, copies, lengths, whole runs."""
    data = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 12))):
        place = draw.randrange(len(data) + 1)
        kind = draw.randrange(7)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[place:place] = bytes([draw.randrange(256)]) * draw.choice((1, 3, 60, 3000))
        elif kind == 2:
            del data[place : place + draw.choice((1, 2, 30))]
        elif kind == 3:
            data[place:place] = data[place : place + draw.choice((2, 40, 400))]
        elif kind == 4:
            data[place : place + 4] = draw.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff")
            )
        elif kind == 5:
            del data[place:]
        elif place < len(data):
            data[place] = draw.choice(b"0123456789/()[]{}|:<>^_=-~zZABcd'\",!")
    return bytes(data[: 1 << 17])


def read(kind, data):
    """Read as a training would, to the last consequence."""
    if kind == "midi":
        piece = read_midi(data, pedal=True)
        write_midi(piece)
        return
    if kind == "musicxml":
        read_musicxml(data)
        return
    tunes, _ = read_collection(data.decode("utf-8", "replace"))
    for tune in tunes:
        bars(tune.tokens)
        sound(moved(tune.tokens, 3))


def soak(count, kinds=("midi", "abc", "musicxml"), start=0):
    """Read mutated files; return how many were read, refused, and the slowest time in seconds."""
    import resource

    found = seeds()
    good = refused = 0
    slowest = 0.0
    for n in range(start, start + count):
        draw = random.Random(n)
        kind = kinds[n % len(kinds)]
        data = mutated(draw, draw.choice(found[kind]))
        began = time.process_time()
        try:
            read(kind, data)
            good += 1
        except RecurraError as error:
            refused += 1
            if not str(error) or "\n" in str(error):
                raise AssertionError(f"file {n} ({kind}) is told no sentence") from error
        except Exception as error:
            raise AssertionError(f"file {n} ({kind}) is told {error!r}") from error
        slowest = max(slowest, time.process_time() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return good, refused, slowest, peak


@pytest.mark.parametrize("kind", ["midi", "abc", "musicxml"])
def test_a_damaged_file_gives_a_result_or_a_sentence(kind):
    good, refused, _, _ = soak(150, (kind,))
    assert good + refused == 150
    assert refused > 10


if __name__ == "__main__":
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    good, refused, slowest, peak = soak(total)
    print(f"{total:,} damaged files: {good:,} read, {refused:,} refused in a sentence")
    print(f"slowest {slowest:.3f} s, largest memory of the process {peak} MB")
    sys.exit(0 if slowest < 1.0 and peak < 256 else 1)
