"""MusicXML, plain (`.musicxml`) and packed (`.mxl`): the notes of a partwise score.

The XML is parsed with defusedxml, which refuses the tricks that XML allows. Of a score the sounding
notes are read, with ties joined, chords, several voices, changes of tempo, and instruments that
transpose; repeats are read once, grace notes and percussion are left out.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any
from xml.etree import ElementTree

from recurra.core.errors import FormatError
from recurra.core.notes import TICKS, Note, Piece

LARGEST_BYTES = 32 << 20
"""Of the XML, unpacked."""
MOST_MARKS = 1_000_000
"""Tags and attributes; each takes a hundred bytes or more once it is parsed."""
MOST_NOTES = 400_000
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_MAJORS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINORS = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")


def read_musicxml(data: bytes, name: str = "MusicXML") -> Piece:
    """Return the notes of a score.

    Args:
        data: the XML, or the zip archive of a `.mxl` file.
    Raises:
        FormatError: it is neither, is damaged or too large, or has no notes.
    """
    if data[:4] == b"PK\x03\x04":
        data = _unpacked(data, name)
    root = _parsed(data, name)
    if root.tag != "score-partwise":
        raise FormatError(
            f"{name} is a '{str(root.tag)[:40]}', but a score-partwise of MusicXML is needed."
        )
    score = _Score(name)
    for voice, part in enumerate(root.findall("part")):
        score.part(part, voice)
    if not score.notes:
        raise FormatError(f"{name} has no notes with a pitch.")
    tempos = {0: 120.0} | score.tempos
    return Piece.of(score.notes, name=name, tempos=tuple(sorted(tempos.items())), **score.facts)


def _parsed(data: bytes, name: str) -> Any:
    """Return the root of an XML document, whose size is bounded before it is parsed."""
    import defusedxml
    from defusedxml.ElementTree import fromstring

    if len(data) > LARGEST_BYTES:
        raise FormatError(f"{name} has {len(data):,} bytes of XML, more than {LARGEST_BYTES:,}.")
    # A few kilobytes of a packed file can unpack to millions of empty elements.
    marks = data.count(b"<") + data.count(b"=")
    if marks > MOST_MARKS:
        raise FormatError(f"{name} has {marks:,} tags and attributes, more than {MOST_MARKS:,}.")
    try:
        return fromstring(data)
    except ElementTree.ParseError as error:
        raise FormatError(f"{name} is not XML: {error}.") from None
    except (defusedxml.DefusedXmlException, ValueError, LookupError) as error:
        raise FormatError(f"{name} cannot be read safely ({str(error)[:80]}).") from None


def _unpacked(data: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            container = _parsed(_member(archive, "META-INF/container.xml", name), name)
            place = next(
                (e.get("full-path") for e in container.iter() if e.tag.endswith("rootfile")), None
            )
            if place is None:
                raise FormatError(f"{name} names no score in its container.")
            return _member(archive, place, name)
    except KeyError as error:
        raise FormatError(f"{name} lacks a part of a .mxl file ({error}).") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise FormatError(f"{name} is a damaged .mxl file ({str(error)[:80]}).") from None
    except (ElementTree.ParseError, RuntimeError, ValueError) as error:
        raise FormatError(f"{name} is a damaged .mxl file ({str(error)[:80]}).") from None


def _member(archive: zipfile.ZipFile, place: str, name: str) -> bytes:
    entry = archive.getinfo(place)
    if entry.file_size > LARGEST_BYTES:
        raise FormatError(f"{name} unpacks to more than {LARGEST_BYTES:,} bytes.")
    with archive.open(entry) as member:
        return member.read(LARGEST_BYTES + 1)


class _Score:
    """What is read from all parts of a score."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[Note] = []
        self.tempos: dict[int, float] = {}
        self.facts: dict[str, Any] = {}
        self.divisions = 1.0
        self.moved = 0

    def part(self, part: Any, voice: int) -> None:
        now = 0.0
        self.divisions, self.moved = 1.0, 0
        tied: dict[int, int] = {}
        for measure in part.findall("measure"):
            start = last = end = now
            for element in measure:
                tag = element.tag
                if tag == "attributes":
                    self.attributes(element)
                elif tag == "note":
                    start = last if element.find("chord") is not None else now
                    length = self.note(element, start, voice, tied)
                    if element.find("chord") is None:
                        last = now
                        now += length
                elif tag == "backup":
                    now = max(0.0, now - self.length(element))
                elif tag == "forward":
                    now += self.length(element)
                elif tag in ("direction", "sound"):
                    self.tempo(element, now)
                end = max(end, now)
            now = end
            if now > TICKS * 4 * 20_000:
                raise FormatError(f"{self.name} lasts more than 20,000 bars; cut it into pieces.")

    def attributes(self, element: Any) -> None:
        divisions = _number(element, "divisions")
        if divisions is not None:
            if not 0 < divisions < 1e6:
                raise FormatError(f"{self.name}: 'divisions' is {divisions:g}, which cannot be.")
            self.divisions = divisions
        time, key = element.find("time"), element.find("key")
        if time is not None and "metre" not in self.facts:
            beats, kind = _number(time, "beats"), _number(time, "beat-type")
            if beats in range(1, 33) and kind in (1, 2, 4, 8, 16, 32):
                self.facts["metre"] = (int(beats or 4), int(kind))
        fifths = None if key is None else _number(key, "fifths")
        if key is not None and fifths in range(-7, 8) and "key" not in self.facts:
            minor = key.findtext("mode") == "minor"
            place = int(fifths or 0) + 7
            self.facts["key"] = _MINORS[place] + "m" if minor else _MAJORS[place]
        transpose = element.find("transpose")
        if transpose is not None:
            semitones = _number(transpose, "chromatic") or 0
            octaves = _number(transpose, "octave-change") or 0
            self.moved = int(max(-48, min(48, semitones + 12 * octaves)))

    def tempo(self, element: Any, now: float) -> None:
        for sound in element.iter("sound"):
            try:
                tempo = float(sound.get("tempo", ""))
            except ValueError:
                continue
            if 4 <= tempo <= 1000:
                self.tempos[round(now)] = tempo

    def length(self, element: Any) -> float:
        duration = _number(element, "duration") or 0.0
        return max(0.0, duration) * TICKS / self.divisions

    def note(self, element: Any, start: float, voice: int, tied: dict[int, int]) -> float:
        """Take one note; return its length in ticks."""
        if element.find("grace") is not None:
            return 0.0
        length = self.length(element)
        pitch = element.find("pitch")
        if pitch is None or not length:
            return length
        step, octave = pitch.findtext("step", ""), _number(pitch, "octave")
        if step not in _STEPS or octave is None:
            raise FormatError(f"{self.name}: a note has no pitch that can be read.")
        alter = _number(pitch, "alter") or 0.0
        number = round(12 * (octave + 1) + _STEPS[step] + alter) + self.moved
        if not 0 <= number <= 127:
            return length
        begin, end = round(start), max(round(start) + 1, round(start + length))
        ties = {tie.get("type") for tie in element.findall("tie")}
        place = tied.pop(number, None) if "stop" in ties else None
        if place is not None and self.notes[place].end == begin:
            self.notes[place] = self.notes[place]._replace(end=end)
        else:
            place = len(self.notes)
            self.notes.append(Note(begin, end, number, voice=voice))
            if len(self.notes) > MOST_NOTES:
                raise FormatError(f"{self.name} has more than {MOST_NOTES:,} notes.")
        if "start" in ties:
            tied[number] = place
        return length


def _number(element: Any, tag: str) -> float | None:
    try:
        value = float(element.findtext(tag, ""))
    except ValueError:
        return None
    return value if abs(value) < 1e9 else None
