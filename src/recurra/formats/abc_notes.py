"""What ABC tokens sound like, whether their bars add up, and the same tune in another key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from recurra.core.errors import FormatError
from recurra.core.notes import TICKS, Note, Piece
from recurra.formats.abc import BARS, SECTIONS, is_sound, split_length
from recurra.formats.abc_keys import (
    LETTERS,
    SEMITONES,
    Key,
    chord_moved,
    length_text,
    parse_metre,
)

MOST_NOTES = 20_000
"""Notes of a tune with its repeats played out."""
_PITCH = re.compile(r"(\^{1,2}|_{1,2}|=|)([A-Ga-g])([,']*)")
_SIGNS = {"": None, "=": 0, "^": 1, "^^": 2, "_": -1, "__": -2}
_WRITTEN = {0: "=", 1: "^", 2: "^^", -1: "_", -2: "__"}
_EIGHTH = TICKS // 2


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands between two bar lines."""

    length: Fraction
    """In eighths."""
    full: Fraction | None
    """What the metre asks for; None where it is free."""
    opened: str
    """Bar line before it; "" at the beginning."""
    closed: str
    """Bar line after it; "" at the end."""

    @property
    def adds_up(self) -> bool:
        """Whether it is full, or short where a part begins or ends."""
        if self.full is None or self.length == self.full:
            return True
        edge = self.opened in SECTIONS | {""} or self.closed in SECTIONS | {""}
        return edge and self.length < self.full


def bars(tokens: Sequence[str]) -> list[Bar]:
    """Return the bars of a tune as they are written, empty ones left out."""
    found: list[Bar] = []
    full: Fraction | None = None
    opened = ""
    length = Fraction(0)
    for token, duration in timed(tokens):
        if token.startswith(("M:", "[M:")):
            metre = parse_metre(token.strip("[]").removeprefix("M:"))
            full = Fraction(8 * metre[0], metre[1]) if metre else None
        length += duration
        if token in BARS:
            if length:
                found.append(Bar(length, full, opened, token))
                opened, length = token, Fraction(0)
            elif token in SECTIONS:
                opened = token
        elif token[0] == "[" and token[1:2].isdigit():
            # Before a second ending stands a repeat; bars at endings are those of a part's edge.
            opened = opened if opened in SECTIONS else "||"
    if length:
        found.append(Bar(length, full, opened, ""))
    return found


def count_bars(tokens: Sequence[str]) -> int:
    """Return how many bars a tune has as it is written.

    A short bar at the beginning of a part and what is missing of it at an end are one.
    """
    count, begun = 0, Fraction(0)
    for bar in bars(tokens):
        before = begun if bar.closed in SECTIONS else 0
        if bar.full is None or bar.length + before >= bar.full:
            count += 1
        else:
            begun = bar.length
    return count


def after_bars(tokens: Sequence[str], count: int) -> int:
    """Return the place behind the bar line that ends full bar `count`, or the end.

    A short bar at the beginning is none.
    """
    full: Fraction | None = None
    length = Fraction(0)
    for place, (token, duration) in enumerate(timed(tokens)):
        if token.startswith(("M:", "[M:")):
            metre = parse_metre(token.strip("[]").removeprefix("M:"))
            full = Fraction(8 * metre[0], metre[1]) if metre else None
        length += duration
        if token in BARS:
            count -= length > 0 and (full is None or length >= full)
            length = Fraction(0)
            if not count:
                return place + 1
    return len(tokens)


def timed(tokens: Sequence[str]) -> Iterator[tuple[str, Fraction]]:
    """Yield each token with the time it takes, in eighths: tuplets counted, grace notes free."""
    ratio, left, grace = Fraction(1), 0, False
    for token in tokens:
        if token in "{}" and len(token) == 1:
            grace = token == "{"
        elif token[0] == "(" and len(token) > 1:
            ratio, left = tuplet(token)
        elif is_sound(token) and not grace:
            _, length = split_length(token)
            yield token, length * ratio
            if left:
                left -= 1
                ratio = ratio if left else Fraction(1)
            continue
        yield token, Fraction(0)


def onsets(tokens: Sequence[str]) -> list[Fraction]:
    """Return when each token is first reached with repeats played, in eighths from the beginning.

    Raises:
        FormatError: the repeats do not end.
    """
    durations = [duration for _, duration in timed(tokens)]
    found: dict[int, Fraction] = {}
    now = Fraction(0)
    for place in _played(tokens):
        found.setdefault(place, now)
        now += durations[place]
    # What no repeat comes to stands where the token before it does.
    before, whole = Fraction(0), []
    for place in range(len(tokens)):
        before = found.get(place, before)
        whole.append(before)
    return whole


def tuplet(token: str) -> tuple[Fraction, int]:
    """Return what the lengths in a tuplet are multiplied by, and how many notes it has."""
    parts = [int(part) for part in token[1:].split(":")]
    count = parts[0]
    time = parts[1] if len(parts) > 1 else {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(count, 2)
    return Fraction(time, count), parts[2] if len(parts) > 2 else count


def sound(tokens: Sequence[str], *, name: str = "", tempo_bpm: float = 120.0) -> Piece:
    """Return the notes of a tune with its repeats played; decorations and chord symbols are silent.

    An accidental holds for its letter in all octaves until the bar line (ABC 2.1, 4.2).

    Raises:
        FormatError: a tuplet or note that cannot be, or more than `MOST_NOTES` notes.
    """
    body = list(tokens)
    metre = parse_metre(body[0].removeprefix("M:")) if body and body[0][:2] == "M:" else None
    key = next((t.strip("[]")[2:] for t in body if t.startswith(("K:", "[K:"))), "C")
    player = _Player(Key.parse(key))
    durations = [duration for _, duration in timed(body)]
    for place in _played(body):
        player.take(body[place], durations[place])
        if len(player.notes) > MOST_NOTES:
            raise FormatError(f"{name or 'the tune'} has more than {MOST_NOTES:,} notes.")
    length = round(player.now * _EIGHTH)
    return Piece.of(
        player.notes, name=name, length=length, metre=metre or (4, 4), key=Key.parse(key).name,
        tempos=((0, tempo_bpm),),
    )  # fmt: skip


class _Player:
    def __init__(self, key: Key) -> None:
        self.now = Fraction(0)
        self.notes: list[Note] = []
        self.grace = False
        self.signature = key.signature()
        self.altered: dict[int, int] = {}
        self.tied: dict[int, int] = {}
        """Pitch to the place of the note that goes on."""
        self.last: list[int] = []

    def take(self, token: str, duration: Fraction) -> None:
        if token in BARS:
            self.altered = {}
        elif token in ("{", "}"):
            self.grace = token == "{"
        elif token == "-":
            self.tied = {self.notes[n].pitch: n for n in self.last}
        elif token.startswith(("K:", "[K:")):
            self.signature = Key.parse(token.strip("[]")[2:]).signature()
        elif duration and is_sound(token):
            self.strike(token, duration)

    def strike(self, token: str, duration: Fraction) -> None:
        start = round(self.now * _EIGHTH)
        self.now += duration
        end = max(start + 1, round(self.now * _EIGHTH))
        self.last = []
        for sign, letter, octave in _PITCH.findall(split_length(token)[0]):
            pitch = self.pitch(sign, letter, octave)
            if not 0 <= pitch <= 127:
                continue
            place = self.tied.get(pitch)
            if place is not None and self.notes[place].end == start:
                self.notes[place] = self.notes[place]._replace(end=end)
            else:
                place = len(self.notes)
                self.notes.append(Note(start, end, pitch))
            self.last.append(place)
        self.tied = {}

    def pitch(self, sign: str, letter: str, octave: str) -> int:
        place = LETTERS.index(letter.upper())
        given = _SIGNS[sign]
        if given is not None:
            self.altered[place] = given
        alteration = self.altered.get(place, self.signature[place])
        return _height(letter, octave) + alteration


def _height(letter: str, octave: str) -> int:
    """Return the pitch of a letter without accidental."""
    base = 72 if letter.islower() else 60
    octaves = octave.count("'") - octave.count(",")
    return base + SEMITONES[LETTERS.index(letter.upper())] + 12 * octaves


def _played(tokens: Sequence[str]) -> Iterator[int]:
    """Yield the places of the tokens in the order they are played: repeats and endings followed."""
    place = start = 0
    times, steps = 1, 0
    while place < len(tokens):
        token = tokens[place]
        steps += 1
        if steps > 4 * MOST_NOTES:
            raise FormatError("the tune's repeats do not end.")
        if token[0] == "[" and token[1:2].isdigit() and times not in _numbers(token):
            place = _after_repeat(tokens, place)
            continue
        yield place
        place += 1
        if token in (":|", "::") and times == 1:
            place, times = start, 2
        elif token in SECTIONS:
            start, times = place, 1


def _numbers(token: str) -> set[int]:
    """Return which times an ending such as "[1", "[1,3" or "[1-3" is played."""
    found: set[int] = set()
    for part in token[1:].split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    # A repeat is played twice here: what is for later times is for the second.
    return {min(number, 2) for number in found}


def _after_repeat(tokens: Sequence[str], place: int) -> int:
    """Return where the ending at `place` is over."""
    for n in range(place + 1, len(tokens)):
        if tokens[n] in SECTIONS:
            return n + 1
    return len(tokens)


def moved(tokens: Sequence[str], semitones: int) -> tuple[str, ...]:
    """Return the tune in the key so many semitones higher (lower where that is nearer).

    Letters move by whole steps of the scale and accidentals keep what they say of the scale's
    degree, so that the spelling stays right: F sharp in G becomes C sharp in D.
    """
    if not semitones:
        return tuple(tokens)
    key_now = Key.parse(next((t[2:] for t in tokens if t.startswith("K:")), "C"))
    after = key_now.moved(semitones)
    letters = after.letter - key_now.letter
    # Of the octaves, the one in which the tonic moves by `semitones` itself.
    rise = SEMITONES[after.letter] + after.accidental
    rise -= SEMITONES[key_now.letter] + key_now.accidental
    letters += 7 * ((semitones - rise) // 12)
    found: list[str] = []
    before = key_now
    for token in tokens:
        if token.startswith(("K:", "[K:")):
            before = Key.parse(token.strip("[]")[2:])
            after = before.moved(semitones)
            # The same number of letters as the first key, or accidentals would drift.
            after = _with_letter(before, letters, semitones) or after
            found.append(f"K:{after.name}" if token[0] == "K" else f"[K:{after.name}]")
        elif token[0] == '"':
            found.append(chord_moved(token, before, after))
        elif is_sound(token) and token[0] != "z":
            body, length = split_length(token)
            change = partial(_moved_pitch, before=before, after=after, letters=letters)
            text = _PITCH.sub(change, body)
            found.append(text + length_text(length))
        else:
            found.append(token)
    return tuple(found)


def _with_letter(before: Key, letters: int, semitones: int) -> Key | None:
    letter = (before.letter + letters) % 7
    for sign in (0, 1, -1):
        key = Key(letter, sign, before.mode)
        if key.tonic == (before.tonic + semitones) % 12 and abs(key.fifths) <= 7:
            return key
    return None


def _moved_pitch(match: re.Match[str], before: Key, after: Key, letters: int) -> str:
    sign, letter, octave = match.groups()
    place = LETTERS.index(letter.upper())
    octaves = octave.count("'") - octave.count(",") + letter.islower()
    step = 7 * octaves + place + letters
    there = step % 7
    text = ""
    given = _SIGNS[sign]
    if given is not None:
        wanted = after.signature()[there] + given - before.signature()[place]
        text = _WRITTEN[max(-2, min(2, wanted))]
    return text + note_name(step)


def note_name(step: int) -> str:
    """Return ABC's name of a step of the white keys, 0 for middle C."""
    octave, letter = divmod(step, 7)
    if octave > 0:
        return LETTERS[letter].lower() + "'" * (octave - 1)
    return LETTERS[letter] + "," * -octave
