"""Keys, metres and lengths as ABC writes them, and how a key moves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

LETTERS = "CDEFGAB"
SEMITONES = (0, 2, 4, 5, 7, 9, 11)
_FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
_MODES = {"": 0, "m": -3, "dor": -2, "phr": -4, "lyd": 1, "mix": -1, "loc": -5}
_SPELT = {
    "": "", "maj": "", "ion": "", "m": "m", "min": "m", "aeo": "m",
    "dor": "dor", "phr": "phr", "lyd": "lyd", "mix": "mix", "loc": "loc",
}  # fmt: skip
_KEY = re.compile(r"\s*([A-G])([#b]?)\s*([A-Za-z]{0,12})")
_CHORD = re.compile(r'"([A-G])([#b]?)([^"/]{0,12})(?:/([A-Ga-g])([#b]?))?"')
_METRE = re.compile(r"\s*(\d{1,2})\s*/\s*(1|2|4|8|16|32)\s*$")


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic and a mode."""

    letter: int
    """0 for C to 6 for B."""
    accidental: int
    """-1 flat, 1 sharp."""
    mode: str
    """ "", "m", "dor", "phr", "lyd", "mix" or "loc"."""

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read "G", "D Major", "Ador", "HP". Anything else, such as "none", is C major."""
        if text.strip()[:2] in ("HP", "Hp"):
            return cls(5, 0, "mix")
        match = _KEY.match(text)
        if match is None:
            return cls(0, 0, "")
        letter, sign, word = match.groups()
        mode = _SPELT.get(word if word == "m" else word[:3].lower())
        return cls(LETTERS.index(letter), {"": 0, "#": 1, "b": -1}[sign], mode or "")

    @property
    def name(self) -> str:
        return LETTERS[self.letter] + {0: "", 1: "#", -1: "b"}[self.accidental] + self.mode

    @property
    def fifths(self) -> int:
        """Sharps of the signature, flats below 0."""
        return _FIFTHS[LETTERS[self.letter]] + 7 * self.accidental + _MODES[self.mode]

    @property
    def tonic(self) -> int:
        """Pitch class of the tonic, 0 for C."""
        return (SEMITONES[self.letter] + self.accidental) % 12

    def signature(self) -> list[int]:
        """Return the accidental of each letter, C to B."""
        found = [0] * 7
        order = [LETTERS.index(letter) for letter in "FCGDAEB"]
        fifths = max(-7, min(7, self.fifths))
        for letter in order[:fifths] if fifths > 0 else order[7 + fifths :]:
            found[letter] = 1 if fifths > 0 else -1
        return found

    def scale(self) -> set[int]:
        """Return the pitch classes of the key."""
        return {(SEMITONES[n] + sign) % 12 for n, sign in enumerate(self.signature())}

    def moved(self, semitones: int) -> Key:
        """Return the same mode on the tonic so many semitones higher, with fewest accidentals."""
        wanted = (self.tonic + semitones) % 12
        found = [
            key
            for letter in range(7)
            for sign in (-1, 0, 1)
            if (key := Key(letter, sign, self.mode)).tonic == wanted and abs(key.fifths) <= 6
        ]
        # Of F sharp and G flat the one with sharps, so that the choice is always the same.
        return min(found, key=lambda key: (abs(key.fifths), -key.fifths))


def is_key(text: str) -> bool:
    """Whether a text names a key and nothing else: "G", "D Major", "F#m", "Ador"."""
    match = _KEY.fullmatch(text.strip())
    if match is None:
        return False
    return match[3] == "m" or match[3][:3].lower() in _SPELT.keys() - {"m"}


def parse_metre(text: str) -> tuple[int, int] | None:
    """Return (6, 8) for "6/8", (4, 4) for "C", (2, 2) for "C|"; None for a free one."""
    text = text.strip()
    if text == "C":
        return 4, 4
    if text == "C|":
        return 2, 2
    match = _METRE.match(text)
    return (int(match[1]), int(match[2])) if match and int(match[1]) else None


def length_text(length: Fraction) -> str:
    """Return a length as ABC writes it after a note: "", "2", "3/2", "/2"."""
    if length == 1:
        return ""
    if length.denominator == 1:
        return str(length.numerator)
    top = "" if length.numerator == 1 else str(length.numerator)
    return f"{top}/{length.denominator}"


def parse_length(text: str) -> Fraction:
    """Return the length that stands after a note; "" is 1, "/" a half, "//" a quarter."""
    if not text:
        return Fraction(1)
    top, slash, bottom = text.partition("/")
    number = Fraction(int(top or 1))
    if not slash:
        return number
    slashes = 1 + bottom.count("/")
    digits = bottom.replace("/", "")
    return number / (int(digits) or 1) if digits else number / 2**slashes


def chord_moved(token: str, before: Key, after: Key) -> str:
    """Return a chord symbol such as '"Am/C"' in another key; its root keeps its degree."""
    match = _CHORD.fullmatch(token)
    if match is None:
        return token
    root, sign, kind, bass, bass_sign = match.groups()
    text = _name_moved(root, sign, before, after) + kind
    if bass:
        text += "/" + _name_moved(bass.upper(), bass_sign, before, after)
    return f'"{text}"'


def is_chord(token: str) -> bool:
    """Whether a quoted text is a chord symbol, and not an annotation."""
    return _CHORD.fullmatch(token) is not None


def _name_moved(letter: str, sign: str, before: Key, after: Key) -> str:
    place = LETTERS.index(letter)
    steps = after.letter - before.letter
    alteration = {"": 0, "#": 1, "b": -1}[sign] - before.signature()[place]
    there = (place + steps) % 7
    wanted = after.signature()[there] + alteration
    if abs(wanted) <= 1:
        return LETTERS[there] + {0: "", 1: "#", -1: "b"}[wanted]
    # A double accidental is no chord's name: take the same pitch by another letter.
    pitch = (SEMITONES[there] + wanted) % 12
    return ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")[pitch]
