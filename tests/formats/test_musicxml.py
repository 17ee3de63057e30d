"""MusicXML: scores written and read, other programs' scores, and files that mean harm."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.core.errors import FormatError
from recurra.core.notes import TICKS, Note, Piece
from recurra.formats.musicxml import read_musicxml
from recurra.formats.musicxml_write import write_musicxml
from recurra.formats.notation import GRID

SCORE = """<?xml version="1.0"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.1 Partwise//EN"
  "http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="3.1"><part-list><score-part id="P1"/></part-list><part id="P1">
<measure number="1"><attributes><divisions>2</divisions><key><fifths>-1</fifths></key>
<time><beats>3</beats><beat-type>4</beat-type></time></attributes>
<direction><sound tempo="90"/></direction>
<note><pitch><step>F</step><octave>4</octave></pitch><duration>2</duration></note>
<note><chord/><pitch><step>A</step><octave>4</octave></pitch><duration>2</duration></note>
<note><grace/><pitch><step>G</step><octave>4</octave></pitch></note>
<note><pitch><step>B</step><alter>-1</alter><octave>4</octave></pitch><duration>4</duration>
<tie type="start"/></note>
<backup><duration>6</duration></backup><forward><duration>2</duration></forward>
<note><pitch><step>D</step><octave>3</octave></pitch><duration>1</duration></note>
</measure><measure number="2">
<note><pitch><step>B</step><alter>-1</alter><octave>4</octave></pitch><duration>2</duration>
<tie type="stop"/></note><note><rest/><duration>4</duration></note></measure></part>
</score-partwise>
"""


def packed(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), text)
    return buffer.getvalue()


def test_chords_voices_ties_and_what_stands_around_them():
    piece = read_musicxml(SCORE.encode())
    assert [note[:3] for note in piece.notes] == [
        (0, 480, 69), (0, 480, 65), (480, 1920, 70), (480, 720, 50),
    ]  # fmt: skip
    assert (piece.metre, piece.key, piece.tempos) == ((3, 4), "F", ((0, 90.0),))


def test_a_packed_score_is_the_same():
    container = '<container><rootfiles><rootfile full-path="s.xml"/></rootfiles></container>'
    data = packed(**{"META-INF__container_xml": container, "s_xml": SCORE})
    assert read_musicxml(data).notes == read_musicxml(SCORE.encode()).notes


LINES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 60), st.integers(21, 108)), min_size=1, max_size=12
)


@given(LINES, st.sampled_from(["C", "Eb", "F#m"]), st.sampled_from([(4, 4), (6, 8), (5, 4)]))
def test_what_is_written_is_read_again(line, key, metre):
    notes, now = [], 0
    for rest, length, pitch in line:
        now += rest * GRID
        notes.append(Note(now, now + length * GRID, pitch))
        now += length * GRID
    piece = Piece.of(notes, key=key, metre=metre, tempos=((0, 96.0),))
    again = read_musicxml(write_musicxml(piece))
    assert [n[:3] for n in again.notes] == [n[:3] for n in piece.notes]
    assert (again.key, again.metre, again.tempos) == (key, metre, piece.tempos)


def test_a_title_may_be_anything():
    piece = Piece.of([Note(0, TICKS, 60)], name="a < b & \x00 \ud800")
    assert len(read_musicxml(write_musicxml(piece)).notes) == 1


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    "<score-partwise>&b;</score-partwise>"
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    "<score-partwise>&a;</score-partwise>"
)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not XML"),
        (b"<score-partwise><part>", "not XML"),
        (b"<html/>", "score-partwise"),
        (b"<score-partwise/>", "no notes"),
        (BOMB.encode(), "safely"),
        (OUTSIDE.encode(), "safely"),
        (b"PK\3\4" + bytes(30), "damaged .mxl"),
        (packed(x="y"), "lacks a part"),
        (packed(**{"META-INF__container_xml": "<c><rootfile/></c>"}), "names no score"),
        (SCORE.replace("<divisions>2", "<divisions>0").encode(), "divisions"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(data, sentence):
    with pytest.raises(FormatError, match=sentence):
        read_musicxml(data, "a.mxl")


@pytest.mark.parametrize("inside", ["<note/>" * 1_100_000, "<note " + 'a="" ' * 1_100_000 + "/>"])
def test_a_bomb_of_elements_is_refused_before_it_is_parsed(inside):
    container = '<c><rootfile full-path="s.xml"/></c>'
    score = f"<score-partwise>{inside}</score-partwise>"
    data = packed(**{"META-INF__container_xml": container, "s_xml": score})
    assert len(data) < 100_000
    with pytest.raises(FormatError, match="tags and attributes"):
        read_musicxml(data)
    with pytest.raises(FormatError, match="tags and attributes"):
        read_musicxml(packed(**{"META-INF__container_xml": score, "s_xml": SCORE}))


def test_a_bomb_of_zeros_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr("recurra.formats.musicxml.LARGEST_BYTES", 1000)
    container = '<c><rootfile full-path="s.xml"/></c>'
    data = packed(**{"META-INF__container_xml": container, "s_xml": " " * 100_000})
    with pytest.raises(FormatError, match="unpacks to more"):
        read_musicxml(data)
