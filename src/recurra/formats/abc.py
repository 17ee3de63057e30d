"""ABC tunes: collections cut into tunes, and each tune as a list of plain tokens.

What is kept: metre, key, notes, rests, chords, chord symbols, grace notes, decorations, slurs,
ties, tuplets, bar lines, repeats and endings, changes of key and metre. What is made plain: every
length counts eighths ("L:1/8"), a broken rhythm ("A>B") is written out, and one way of writing
stands for all ("K:D Major" is "K:D"). Titles, sources, words, comments and layout are left out.
The standard is ABC 2.1; only tunes of one voice are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from recurra.core.errors import FormatError
from recurra.formats.abc_keys import Key, is_chord, length_text, parse_length, parse_metre

LONGEST_TUNE = 20_000
"""Characters; a longer one is no tune."""
LARGEST_BYTES = 32 << 20

_LENGTH = r"(\d{0,3}(?:/\d{1,3}|/{1,3})?)"
_PITCH = r"(?:\^{1,2}|_{1,2}|=)?[A-Ga-g][,']{0,4}"
_TOKEN = re.compile(
    rf"""
      (?P<space>[\s`\\]+|y\d*)
    | (?P<field>\[[A-Za-z]:[^\]\n]{{0,80}}\])
    | (?P<quoted>"[^"\n]{{0,120}}")
    | (?P<chord>\[(?:{_PITCH}{_LENGTH.replace("(", "(?:", 1)}-?){{1,12}}\]){_LENGTH}
    | (?P<note>{_PITCH}){_LENGTH}
    | (?P<rest>[zx]){_LENGTH}
    | (?P<long>Z)(\d{{0,2}})
    | (?P<tuplet>\((\d)(?::(\d?)(?::(\d?))?)?)
    | (?P<bar>:{{1,2}}(?:\|\]|\|\||\||\[\|)(?::{{1,2}})?|(?:\|\]|\[\||\|\||\|)(?::{{1,2}})?|::)
    | (?P<ending>\[?[1-9](?:[,-][1-9]){{0,4}})
    | (?P<broken>>{{1,3}}|<{{1,3}})
    | (?P<decoration>![A-Za-z0-9.+<>()]{{1,16}}!|[~.TuvHLMOPS])
    | (?P<mark>[(){{}}-])
    """,
    re.X,
)
_INNER = re.compile(rf"({_PITCH}){_LENGTH}(-?)")
_DEFAULT_TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
_LINE_FIELD = re.compile(r"\s*([A-Za-z+]):(.*)")
_UNIT = Fraction(1, 8)


@dataclass(frozen=True, slots=True)
class Tune:
    """One tune."""

    title: str
    tokens: tuple[str, ...]
    """ "M:6/8", "K:D", then the body, one token a note, bar line or mark."""
    line: int
    """Where in the file it begins, from 1."""

    @property
    def key(self) -> Key:
        return Key.parse(self.tokens[1].removeprefix("K:"))


def read_collection(text: str, name: str = "ABC") -> tuple[list[Tune], list[str]]:
    """Return the tunes of a text, and a sentence for each that cannot be read."""
    if len(text) > LARGEST_BYTES:
        raise FormatError(f"{name} is longer than {LARGEST_BYTES:,} characters; cut it into parts.")
    tunes: list[Tune] = []
    notes: list[str] = []
    for line, part in _parts(text):
        try:
            tunes.append(read_tune(part, line=line))
        except FormatError as error:
            notes.append(f"{name}, line {line}: {error}")
    if not tunes and not notes:
        raise FormatError(f"{name} holds no tune: each begins with a line 'X:' and a number.")
    return tunes, notes


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield each tune's first line number and text; a tune begins at "X:"."""
    lines = text.splitlines()
    starts = [n for n, line in enumerate(lines) if re.match(r"\s*X:", line)]
    if not starts and any(re.match(r"\s*K:", line) for line in lines):
        starts = [0]
    for start, end in pairwise([*starts, len(lines)]):
        yield start + 1, "\n".join(lines[start:end])


def read_tune(text: str, *, line: int = 1) -> Tune:
    """Read one tune.

    Raises:
        FormatError: it has no key, no notes, several voices, or signs that are not ABC.
    """
    if len(text) > LONGEST_TUNE:
        raise FormatError(f"this tune has {len(text):,} characters, more than {LONGEST_TUNE:,}.")
    reader = _Reader()
    for n, raw in enumerate(text.splitlines()):
        reader.line(raw, line + n)
    return reader.finished(line)


class _Reader:
    """Reads a tune line by line."""

    def __init__(self) -> None:
        self.title = ""
        self.metre: str | None = None
        self.unit: Fraction | None = None
        self.key: Key | None = None
        self.first_key = "C"
        self.tokens: list[str] = []
        self.last: int | None = None
        """Place of the note before, which a broken rhythm changes."""
        self.factor = Fraction(1)
        self.voices: set[str] = set()

    def line(self, raw: str, number: int) -> None:
        text = raw.split("%", 1)[0].rstrip()
        # Old files end a line of music with "!".
        text = text.removesuffix("!") if text.endswith("|!") or text.count("!") == 1 else text
        field = _LINE_FIELD.fullmatch(text)
        # "A:" may begin a line of music only as a note before a repeat: "A:|".
        if field and not field[2].startswith(("|", ":")):
            self.field(field[1], field[2].strip())
        elif self.key is not None:
            self.music(text, number)
        elif text.strip() and not self.title:
            self.title = text.strip()

    def field(self, letter: str, value: str) -> None:
        inside = self.key is not None
        if letter == "T" and not self.title:
            self.title = value
        elif letter == "M":
            metre = parse_metre(value)
            text = f"{metre[0]}/{metre[1]}" if metre else "none"
            if not inside:
                self.metre = text
            elif metre:
                self.tokens.append(f"[M:{text}]")
        elif letter == "L":
            match = re.match(r"\s*(\d)/(\d{1,3})", value)
            if match is None or not int(match[2]):
                raise FormatError(f"the unit 'L:{value}' is no fraction.")
            self.unit = Fraction(int(match[1]), int(match[2]))
        elif letter == "K":
            key = Key.parse(value)
            if inside and value and key != self.key:
                self.tokens.append(f"[K:{key.name}]")
            elif not inside:
                if abs(key.fifths) > 7:
                    raise FormatError(f"the key '{value}' has more than seven accidentals.")
                self.first_key = key.name
            self.key = key
            if self.unit is None:
                metre = parse_metre(self.metre or "4/4")
                short = metre is not None and Fraction(*metre) < Fraction(3, 4)
                self.unit = Fraction(1, 16 if short else 8)
        elif letter == "V":
            self.voices.add(value.split()[0] if value else "")
            if len(self.voices) > 1:
                raise FormatError("it has several voices, but only tunes of one voice are read.")

    def music(self, text: str, number: int) -> None:
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise FormatError(f"line {number} has {text[place]!r}, which is not ABC.")
            self.take(match)
            place = match.end()

    def take(self, match: re.Match[str]) -> None:
        text = match[0]
        # The last group that matched may be a length; what it belongs to is the named one.
        kind = next(name for name, value in match.groupdict().items() if value is not None)
        if kind == "space":
            return
        if kind == "field":
            self.field(text[1], text[3:-1].strip())
        elif kind == "quoted":
            if is_chord(text := text.replace(" ", "")):
                self.tokens.append(text)
        elif kind in ("note", "rest", "chord"):
            self.sound(match, kind)
        elif kind == "long":
            self.bars_of_rest(int(text[1:] or 1))
        elif kind == "tuplet":
            self.tokens.append(self.tuplet(text))
        elif kind == "bar":
            self.tokens.append(_bar(text))
        elif kind == "ending":
            self.tokens.append("[" + text.lstrip("["))
        elif kind == "broken":
            self.broken(text)
        else:
            self.tokens.append(text)

    def sound(self, match: re.Match[str], kind: str) -> None:
        written = match[0][len(match[kind]) :]
        scale = self.scale * self.factor
        self.factor = Fraction(1)
        length = parse_length(written) * scale
        text = match[kind]
        if kind == "chord":
            # Lengths inside a chord count by the first one, as the standard says.
            inner = _INNER.findall(text[1:-1])
            length *= parse_length(inner[0][1])
            ties = "-" if inner[0][2] else ""
            text = "[" + "".join(pitch for pitch, _, _ in inner) + "]"
        else:
            ties = ""
        if not 0 < length <= 256 or length.denominator > 512:
            raise FormatError(f"a note has the length {length}, which cannot be.")
        self.last = len(self.tokens)
        self.tokens.append(text.replace("x", "z") + length_text(length))
        if ties:
            self.tokens.append("-")

    @property
    def scale(self) -> Fraction:
        return (self.unit or _UNIT) / _UNIT

    def bars_of_rest(self, count: int) -> None:
        metre = parse_metre(self.metre or "4/4")
        if metre is None or not 0 < count <= 64:
            raise FormatError(f"a rest of {count} bars cannot be read here.")
        for n in range(count):
            self.tokens += ["|"] * bool(n) + ["z" + length_text(Fraction(*metre) / _UNIT)]

    def tuplet(self, text: str) -> str:
        parts = text[1:].split(":")
        count = int(parts[0])
        if count < 2:
            raise FormatError(f"the tuplet '{text}' has fewer than two notes.")
        compound = parse_metre(self.metre or "") in ((6, 8), (9, 8), (12, 8))
        usual = _DEFAULT_TUPLETS.get(count, 3 if compound else 2)
        time = int(parts[1]) if len(parts) > 1 and parts[1] else usual
        notes = int(parts[2]) if len(parts) > 2 and parts[2] else count
        if not time or not notes:
            raise FormatError(f"the tuplet '{text}' has no length.")
        default = time == _DEFAULT_TUPLETS.get(count) and notes == count
        return f"({count}" if default else f"({count}:{time}:{notes}"

    def broken(self, text: str) -> None:
        if self.last is None:
            return
        small = Fraction(1, 2 ** len(text))
        first, second = (2 - small, small) if text[0] == ">" else (small, 2 - small)
        body, length = split_length(self.tokens[self.last])
        self.tokens[self.last] = body + length_text(length * first)
        self.factor = second

    def finished(self, line: int) -> Tune:
        if self.key is None:
            raise FormatError("the tune has no key: a line 'K:' ends its header.")
        if not any(is_sound(token) for token in self.tokens):
            raise FormatError("the tune has no notes.")
        header = (f"M:{self.metre or '4/4'}", f"K:{self.first_key}")
        return Tune(self.title, (*header, *_tidy(self.tokens)), line)


def _bar(text: str) -> str:
    """Return the one way in which this bar line is written."""
    before, after = text.startswith(":"), text.endswith(":")
    if before and after:
        return "::"
    if before:
        return ":|"
    if after:
        return "|:"
    return "|]" if text == "|]" else "|" if text == "|" else "||"


def _tidy(tokens: Sequence[str]) -> Iterator[str]:
    """Leave out what says nothing: a bar line twice in a row, one before any note."""
    last = "|"
    for token in tokens:
        if token == "|" and last in BARS:
            continue
        if token in BARS and token == last:
            continue
        yield token
        last = token


BARS = {"|", "||", "|]", "|:", ":|", "::"}
SECTIONS = BARS - {"|"}
"""Bar lines that end or begin a part; bars beside them may be short."""
_SPLIT = re.compile(r"(\[.*\]|z|(?:\^{1,2}|_{1,2}|=)?[A-Ga-g][,']{0,4})(\d{0,3}(?:/\d{1,3})?)")


def is_sound(token: str) -> bool:
    """Whether a token is a note, a rest or a chord."""
    first = token[0]
    if first == "[":
        return not token[1:2].isdigit() and token[2:3] != ":" and "]" in token
    return first in "^_=zABCDEFGabcdefg"


def split_length(token: str) -> tuple[str, Fraction]:
    """Return a sound's pitches and its length in eighths."""
    match = _SPLIT.fullmatch(token)
    if match is None:
        raise FormatError(f"'{token}' is no note.")
    return match[1], parse_length(match[2])
