"""What the music routes say and are told, as the front end's `music/types.ts` has it.

Times are ticks of 1/480 quarter note in a `PieceDocument`, and seconds everywhere else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from recurra.core.notes import Note, Piece
from recurra.studio.schema import Body, Name
from recurra.tasks.music.wishes import USUAL, ComposeOptions

LONGEST = 20_000
"""Tokens of a piece that is composed here, and tokens that are traced."""
MOST_NOTES = 50_000
MOST_TICKS = 4_000_000
"""More than an hour at 120 quarter notes a minute."""

Tick = Annotated[int, Field(ge=0, le=MOST_TICKS)]
NoteRow = tuple[
    Tick, Tick, Annotated[int, Field(ge=0, le=127)], Annotated[int, Field(ge=1, le=127)],
    Annotated[int, Field(ge=0, le=63)],
]  # fmt: skip
"""Start, end, pitch, velocity, voice."""
Words = Annotated[str, StringConstraints(max_length=300_000)]


class PieceDocument(Body):
    """A piece of music as data: what is composed, gone on from, and written as a file."""

    notes: list[NoteRow] = Field(max_length=MOST_NOTES)
    name: Name = ""
    length: Tick = 0
    tempos: list[tuple[Tick, Annotated[float, Field(ge=4, le=1000)]]] = Field(
        [(0, 120.0)], min_length=1, max_length=10_000
    )
    metre: tuple[Annotated[int, Field(ge=1, le=64)], Annotated[int, Field(ge=1, le=32)]] = (4, 4)
    key: Annotated[str, StringConstraints(max_length=12)] = ""
    abc: Words = ""
    """The tune's own tokens between single spaces, where it is a tune."""

    @model_validator(mode="after")
    def _whole(self) -> PieceDocument:
        if any(end <= start for start, end, *_ in self.notes):
            raise ValueError("a note ends before it begins")
        if self.metre[1] not in (1, 2, 4, 8, 16, 32):
            raise ValueError("the metre's lower number has to be 1, 2, 4, 8, 16 or 32")
        if self.tempos[0][0] != 0 or self.tempos != sorted(self.tempos):
            raise ValueError("the tempos have to begin at 0 and be in order")
        tokens = self.abc.split(" ") if self.abc else []
        if not all(token and token.isprintable() for token in tokens):
            raise ValueError("the tokens of the tune are no ABC")
        return self

    def piece(self) -> Piece:
        """Return the piece."""
        return Piece.of(
            (Note(*note) for note in self.notes), length=self.length, name=self.name,
            tempos=tuple(self.tempos), metre=self.metre, key=self.key, abc=self.abc,
        )  # fmt: skip


def document_of(piece: Piece) -> dict[str, Any]:
    """Return a piece as `PieceDocument` takes it."""
    return {
        "notes": [list(note) for note in piece.notes],
        "name": piece.name[:200],
        "length": piece.length,
        "tempos": [[tick, tempo] for tick, tempo in piece.tempos],
        "metre": list(piece.metre),
        "key": piece.key,
        "abc": piece.abc,
    }


class ComposeRequest(Body):
    """What to compose; the settings are those of `ComposeOptions` and `SamplingOptions`."""

    seed: str = Field("0", pattern=r"^[0-9]{1,20}$")
    length: int = Field(2000, ge=1, le=LONGEST)
    temperature: float = USUAL.temperature
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    key: Annotated[str, StringConstraints(max_length=12)] | None = None
    metre: Annotated[str, StringConstraints(max_length=12)] | None = None
    bars: int | None = Field(None, ge=1, le=512)
    endings: int = Field(8, ge=1, le=64)
    tempo: float | None = None
    rules: bool = True
    prime: PieceDocument | None = None
    prime_bars: int | None = None
    given: list[int] = Field([], max_length=16)
    voices: int = 4
    particles: int = Field(32, ge=1, le=256)
    title: Name = ""

    def options(self) -> ComposeOptions:
        """Return the library's settings. Raises `ConfigError`."""
        names = ("length", "key", "metre", "bars", "endings", "tempo", "rules", "prime_bars",
                 "given", "voices", "particles")  # fmt: skip
        values = {name: getattr(self, name) for name in names}
        return ComposeOptions.parse({**values, "seed": int(self.seed)})


class NoteFacts(Body):
    start: float
    end: float
    pitch: int
    velocity: int
    voice: int


class TuneFacts(Body):
    """A piece as a page shows and plays it."""

    abc: str
    notes: list[NoteFacts]
    duration: float
    metre: tuple[int, int]
    key: str
    tempo: float
    bars: list[float]
    tokens: list[int]
    """Numbers in the model's vocabulary; none of a piece that was only read."""
    names: list[str]
    """Each token as a person reads it."""
    times: list[float]
    """When each token is first reached."""
    begun: int
    """How many tokens were given."""
    piece: PieceDocument


class ReadAnswer(Body):
    """What a file of music holds."""

    pieces: list[TuneFacts]
    count: int
    """How many there are; only the first ones are here."""
    notes: list[str]
    """A sentence for each part that was left out."""


class RenderRequest(Body):
    piece: PieceDocument
    format: Literal["mid", "abc", "musicxml", "wav", "svg", "png"]


class TokensRequest(Body):
    tokens: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(min_length=1, max_length=LONGEST)
