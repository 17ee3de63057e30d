"""Standard MIDI files, read and written with mido.

What a stranger's file claims is bounded before mido sees it: its size, and how many bytes in a row
have their highest bit set, for mido takes quadratic time on a length that never ends.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from recurra.core.errors import FormatError
from recurra.core.notes import TICKS, Note, Piece

if TYPE_CHECKING:
    import mido

LARGEST_BYTES = 2 << 20
"""Larger files are refused: an hour of piano is a few hundred kilobytes."""
LONGEST = TICKS * 4 * 20_000
"""Ticks; twenty thousand bars."""
MOST_NOTES = 400_000
DRUMS = 9
"""The channel of the percussion, which has no pitches."""

# A length has at most four bytes; text in a foreign alphabet may have some hundred such bytes.
_ENDLESS = re.compile(rb"[\x80-\xff]{2049}")
# Letters of the circle of fifths, from seven flats on.
_MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")


def read_midi(data: bytes, name: str = "MIDI", *, pedal: bool = False) -> Piece:
    """Return the notes of a MIDI file of type 0 or 1, percussion left out.

    Args:
        data: the whole file.
        name: what messages call it.
        pedal: let notes sound on while the sustain pedal is down.
    Raises:
        FormatError: it is no such file, is cut short, or has no notes.
    """
    file = _parse(data, name)
    notes: list[Note] = []
    tempos: dict[int, float] = {}
    facts: dict[str, Any] = {}
    scale = TICKS / file.ticks_per_beat
    for voice, track in enumerate(file.tracks):
        found = _Track(voice, scale, name)
        for message in track:
            found.take(message, tempos, facts)
        notes += found.finished(pedal)
        if len(notes) > MOST_NOTES:
            raise FormatError(f"{name} has more than {MOST_NOTES:,} notes; cut it into pieces.")
    if not notes:
        raise FormatError(f"{name} has no notes, percussion apart; it cannot be learned from.")
    voices = {old: new for new, old in enumerate(sorted({note.voice for note in notes}))}
    notes = [note._replace(voice=voices[note.voice]) for note in notes]
    tempos.setdefault(0, 120.0)
    return Piece.of(notes, name=name, tempos=tuple(sorted(tempos.items())), **facts)


def _parse(data: bytes, name: str) -> mido.MidiFile:
    if len(data) > LARGEST_BYTES:
        raise FormatError(
            f"{name} has {len(data):,} bytes, but a MIDI file of more than {LARGEST_BYTES:,} is "
            "not read; cut it into pieces."
        )
    if data[:4] != b"MThd" or len(data) < 14:
        raise FormatError(f"{name} is not MIDI: it does not begin with the header 'MThd'.")
    kind = int.from_bytes(data[8:10], "big")
    division = int.from_bytes(data[12:14], "big")
    if kind > 1:
        raise FormatError(f"{name} is MIDI of type {kind}, but types 0 and 1 are read.")
    if not 0 < division < 0x8000:
        raise FormatError(
            f"{name} counts time in film frames, but only ticks a quarter note are read."
        )
    if _ENDLESS.search(data):
        raise FormatError(f"{name} is damaged: it holds a length that does not end.")
    import mido

    try:
        return mido.MidiFile(file=io.BytesIO(data), clip=True)
    except EOFError:
        raise FormatError(f"{name} is cut short: a track ends in the middle of an event.") from None
    except (OSError, ValueError, LookupError, TypeError, mido.KeySignatureError) as error:
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise FormatError(f"{name} is damaged MIDI ({reason}).") from None


class _Track:
    """Reads one track: pairs of note on and note off become notes."""

    def __init__(self, voice: int, scale: float, name: str) -> None:
        self.voice, self.scale, self.name = voice, scale, name
        self.ticks = 0
        self.sounding: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        self.notes: list[tuple[int, Note]] = []
        self.pedals: dict[int, list[tuple[int, bool]]] = defaultdict(list)

    @property
    def now(self) -> int:
        return round(self.ticks * self.scale)

    def take(self, message: Any, tempos: dict[int, float], facts: dict[str, Any]) -> None:
        self.ticks += message.time
        if self.ticks * self.scale > LONGEST:
            raise FormatError(f"{self.name} lasts more than 20,000 bars; cut it into pieces.")
        kind = message.type
        if kind in ("note_on", "note_off"):
            if message.channel == DRUMS:
                return
            key = (message.channel, message.note)
            if kind == "note_on" and message.velocity:
                self.sounding[key].append((self.now, message.velocity))
            elif self.sounding[key]:
                self._end(key, *self.sounding[key].pop(0))
        elif kind == "control_change" and message.control == 64:
            self.pedals[message.channel].append((self.now, message.value >= 64))
        elif kind == "set_tempo" and message.tempo > 0:
            tempos[self.now] = 60e6 / message.tempo
        elif kind == "time_signature" and "metre" not in facts:
            if 0 < message.numerator <= 32 and 0 < message.denominator <= 32:
                facts["metre"] = (message.numerator, message.denominator)
        elif kind == "key_signature" and "key" not in facts:
            facts["key"] = message.key

    def _end(self, key: tuple[int, int], start: int, velocity: int) -> None:
        end = max(self.now, start + 1)
        self.notes.append((key[0], Note(start, end, key[1], velocity, self.voice)))

    def finished(self, pedal: bool) -> list[Note]:
        """Return the notes; what still sounds ends with the track."""
        for key, begun in self.sounding.items():
            for start, velocity in begun:
                self._end(key, start, velocity)
        if not pedal:
            return [note for _, note in self.notes]
        return [note._replace(end=self._held(channel, note.end)) for channel, note in self.notes]

    def _held(self, channel: int, end: int) -> int:
        down = False
        for tick, state in self.pedals[channel]:
            if tick >= end and (not down or not state):
                return tick if down else end
            down = state
        return max(end, self.now) if down else end


def write_midi(piece: Piece, *, program: int = 0) -> bytes:
    """Return the piece as a MIDI file of type 1, one track a voice.

    `piece.cleaned()` is written: what is read again are its notes, to the tick.

    Args:
        program: General MIDI instrument, from 0 (piano).
    """
    import mido

    piece = piece.cleaned()
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.tracks.append(_conductor(piece))
    for voice in sorted({note.voice for note in piece.notes}):
        # Sixteen channels, the percussion's left out.
        channel = [c for c in range(16) if c != DRUMS][voice % 15]
        start = mido.Message("program_change", channel=channel, program=program, time=0)
        events: list[tuple[int, int, Any]] = [(0, 0, start)]
        for note in piece.notes:
            if note.voice == voice:
                args = {"channel": channel, "note": note.pitch}
                on = mido.Message("note_on", velocity=note.velocity, **args)
                # What ends goes before what begins: the same pitch may be struck again.
                events.append((note.start, 2, on))
                events.append((note.end, 1, mido.Message("note_off", velocity=0, **args)))
        file.tracks.append(_track(events, piece.length))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _conductor(piece: Piece) -> mido.MidiTrack:
    import mido

    numerator, denominator = piece.metre
    events: list[tuple[int, int, Any]] = []
    if 0 < numerator < 256 and denominator in (1, 2, 4, 8, 16, 32):
        metre = mido.MetaMessage(
            "time_signature", numerator=numerator, denominator=denominator, time=0
        )
        events.append((0, 0, metre))
    if key := _midi_key(piece.key):
        events.append((0, 0, mido.MetaMessage("key_signature", key=key)))
    for tick, tempo in piece.tempos:
        microseconds = min(max(1, round(60e6 / tempo)), 0xFFFFFF)
        events.append((tick, 0, mido.MetaMessage("set_tempo", tempo=microseconds)))
    return _track(events, 0)


def _midi_key(key: str) -> str:
    """Return the key where MIDI has it: major and minor keys of up to seven accidentals."""
    minor = key.endswith("m") and not key.endswith("Phm")
    tonic = key.removesuffix("m")
    names = _MAJOR if not minor else (*_MAJOR[3:], "G#", "D#", "A#")
    return key if tonic in names else ""


def _track(events: Iterable[tuple[int, int, Any]], length: int) -> mido.MidiTrack:
    import mido

    track = mido.MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, length - now)))
    return track
