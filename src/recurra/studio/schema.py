"""What the HTTP interface says and is told, as the front end's `types.ts` has it.

Times are seconds or ISO 8601, losses nats, sizes bytes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(max_length=1_000_000)]
Name = Annotated[str, StringConstraints(max_length=200)]
Settings = dict[str, Any]


class Body(BaseModel):
    """Base of what is sent to the server: nothing that is not known is passed over in silence."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


class Storage(BaseModel):
    used: int
    quota: int | None
    persistent: bool | None


class PlaceFacts(BaseModel):
    kind: Literal["computer"] = "computer"
    version: str
    engine: str
    """How it computes: "native, x86-64-v4+bf16, 2 threads"."""
    threads: int
    upload_limit: int | None
    storage: Storage
    device: str


class OptionGroup(BaseModel):
    """One group of settings with its JSON schema; extra keys carry unit, short and advanced."""

    name: str
    title: str
    schema_: dict[str, Any] = Field(alias="schema")
    unavailable: dict[str, str]
    model_config = ConfigDict(populate_by_name=True)


class Preset(BaseModel):
    name: str
    about: str
    values: Settings
    parameters: int | None
    """None where it depends on the data."""


class CorpusEntry(BaseModel):
    id: str
    name: str
    origin: Literal["mine", "public"]
    bytes: int | None
    characters: int | None
    added: str | None
    licence: str | None
    about: str | None
    ready: bool


class DataEntry(BaseModel):
    """Data that are no text: one file, or several of music."""

    id: str
    name: str
    kind: str
    origin: Literal["mine", "example", "public"]
    bytes: int
    files: int
    added: str | None
    about: str | None
    licence: str | None = None
    ready: bool = True
    """Whether it is on this computer; a public set that is not is brought by the first training."""
    facts: dict[str, Any]
    """What was seen of it when it came, or of a public set when it was fetched; which facts depends
    on the kind."""


class HistogramBar(BaseModel):
    character: str
    shown: str
    count: int


class SplitSizes(BaseModel):
    """In tokens of the vocabulary."""

    train: int
    validation: int
    test: int


class Advice(BaseModel):
    level: Literal["good", "note", "warning"]
    text: str


class Survey(BaseModel):
    characters: int
    lines: int
    words: int
    histogram: list[HistogramBar]
    vocabulary_size: int
    preview: str
    split: SplitSizes
    advice: list[Advice]


class Rename(Body):
    name: Name


class StartRequest(Body):
    """A training. Texts are learned from a corpus, other kinds from data; numbers need none."""

    kind: Name = "text"
    corpus: Name | None = None
    data: Name | None = None
    name: Name | None = None
    preset: Name | None = None
    options: Settings = {}


class ResumeRequest(Body):
    changes: Settings = {}


class NamedCorpus(BaseModel):
    id: str | None
    name: str


RunStatus = Literal["running", "paused", "finished", "interrupted", "failed"]


class RunEntry(BaseModel):
    id: str
    name: str
    kind: str
    """What it learns: a name of `kinds.registry`."""
    status: RunStatus
    message: str | None
    created: str
    corpus: NamedCorpus
    preset: str | None
    options: Settings
    step: int
    steps: int | None
    seconds: float | None
    elapsed_s: float
    progress: float
    best_loss_nats: float | None
    parameters: int | None
    model: str | None


class ModelCorpus(BaseModel):
    id: str | None
    name: str | None


class ModelEntry(BaseModel):
    id: str
    name: str
    kind: str
    created: str
    bytes: int
    parameters: int
    network: str
    vocabulary_size: int
    unit: str
    loss_nats: float | None
    bits_per_char: float | None
    corpus: ModelCorpus
    run: str | None
    document: dict[str, Any]


class GenerateRequest(Body):
    prime: Text = ""
    length: int = Field(500, ge=0, le=10**12)
    seed: str = Field("0", pattern=r"^[0-9]{1,20}$")
    sample: int = Field(0, ge=0, lt=2**32)
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    stop: list[Annotated[str, StringConstraints(max_length=1000)]] = Field([], max_length=100)
    unknown: Literal["refuse", "replace"] = "replace"


class Piece(BaseModel):
    text: str
    log_probs: list[float]
    tokens: list[str]
    ended: bool


class NextRequest(Body):
    text: Text
    count: int = Field(5, ge=1, le=1000)


class Continuation(BaseModel):
    token: str
    probability: float


class TextRequest(Body):
    text: Text


class CopyFound(BaseModel):
    start: int
    length: int
    corpus_start: int
    corpus: str
    context: str


class CopiesAnswer(BaseModel):
    known: bool
    copies: list[CopyFound]
    share: float
    shortest: int


class SaliencyRequest(Body):
    text: Text
    position: int = Field(ge=0)
    target: Annotated[str, StringConstraints(max_length=100)] | None = None


class SaliencyAnswer(BaseModel):
    position: int
    target: str
    log_prob: float
    norm: list[float]
    dot: list[float]


class InsideRequest(Body):
    text: Text
    pattern: Annotated[str, StringConstraints(max_length=1000)] | None = None


class UnitFacts(BaseModel):
    layer: int
    unit: int
    mean_forget: float | None
    half_life: float | None
    feature: str | None
    bits: float | None
    share: float | None
    p_value: float | None
    mean_on: float | None
    mean_off: float | None


class InsideAnswer(BaseModel):
    units: list[UnitFacts]
    features: list[str]


class ProblemDetails(BaseModel):
    """RFC 9457; `detail` is a sentence for a person, `field` the setting that it is about."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
