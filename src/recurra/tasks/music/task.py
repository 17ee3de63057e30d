"""Music as a training task: pieces cut into windows, and results told in the words of music."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recurra.core.errors import FormatError
from recurra.core.sampling import SamplingOptions
from recurra.datasets.shelves import licence_of
from recurra.engines.base import Network, Report
from recurra.formats.abc_write import write_tune
from recurra.learning.task import Sample, Window
from recurra.tasks.music.corpus import Corpus, load_corpus
from recurra.tasks.music.generate import draw
from recurra.tasks.music.settings import Settings
from recurra.tasks.music.vocabulary import END, AbcVocabulary, Tokens, Vocabulary
from recurra.tasks.music.windows import Epochs, side_by_side

SHOWN = 60
"""Tokens that a sample of polyphony or of a performance shows."""


class MusicTask:
    """A set of pieces to learn. See `learning.task.Task` for the contract.

    Validation reads every held-out piece from its beginning, from the state zero.

    Args:
        corpus: the pieces, encoded and split.
        settings: every setting of the training.
        inputs: what a person called them, for the model's provenance.
    Raises:
        ConfigError: no piece is left to learn from.
    """

    kind = "music"

    def __init__(self, corpus: Corpus, settings: Settings, inputs: Sequence[str] = ()) -> None:
        self.corpus = corpus
        self.settings = settings
        self.inputs = list(inputs)
        self.vocabulary: Vocabulary = corpus.vocabulary
        self.unit = "token"
        self.spec = settings.spec(self.vocabulary.size)
        self.parts = settings.train.accumulate
        self.windows = Epochs(
            corpus.variants,
            batch=settings.windows.batch_size,
            window=settings.windows.window,
            seed=settings.train.seed,
        )
        self.steps_per_epoch = -(-self.windows.count // self.parts)
        self.held_out = [piece.tokens for piece in corpus.of("validation")]
        counted = self.held_out or [piece.tokens for piece in corpus.of("train")]
        steps = sum(self.vocabulary.steps(tokens) for tokens in counted)
        self._tokens_per_step = sum(len(tokens) + 1 for tokens in counted) / max(1, steps)

    def window(self, step: int, part: int = 0) -> Window:
        """Return the window of a step; the parts of a step follow each other."""
        return self.windows[step * self.parts + part]

    def validation(self) -> Iterator[Window]:
        """Yield windows over the held-out pieces."""
        for window, _ in side_by_side(self.held_out):
            yield window

    def measures(self, report: Report) -> dict[str, float]:
        """Return perplexity a token, and for polyphony nats a time step, as the field tells it."""
        found = {"perplexity": math.exp(min(700.0, report.loss_nats))}
        if self.vocabulary.unit == "step":
            found["nats_per_step"] = report.loss_nats * self._tokens_per_step
        return found

    def sample(self, network: Network, step: int) -> list[Sample]:
        """Return one piece a temperature, from its beginning: ABC, or the tokens by name."""
        found = []
        samples = self.settings.samples
        for lane, temperature in enumerate(samples.sample_temperatures):
            (tokens,) = draw(
                network, [[END]], SamplingOptions(temperature=temperature),
                length=samples.sample_length, seed=self.settings.train.seed + step, lanes=[lane],
            )  # fmt: skip
            found.append(Sample(temperature, shown(self.vocabulary, tokens)))
        return found

    def document(self) -> dict[str, Any]:
        """Return what the model file and `run.json` keep of the task."""
        return {
            "kind": self.kind,
            "options": self.settings.to_json(),
            "vocabulary": self.vocabulary.to_document(),
        }

    def provenance(self) -> dict[str, Any]:
        """Return where the pieces came from."""
        return {
            "inputs": self.inputs,
            "pieces": {split: len(self.corpus.of(split)) for split in self.corpus.splits},
            "tokens": sum(len(piece.tokens) for piece in self.corpus.pieces),
            "sha256": self.corpus.sha256,
            "licence": licence_of(self.inputs, "music"),
        }


def shown(vocabulary: Vocabulary, tokens: Tokens) -> str:
    """Return tokens as a person would read them: a tune in ABC, anything else by names."""
    if isinstance(vocabulary, AbcVocabulary):
        return write_tune(vocabulary.texts(tokens)).split("\n", 2)[2]
    names = [vocabulary.token_text(int(token)) for token in tokens[:SHOWN]]
    return " ".join("|" if name == "step" else name for name in names)


def restore(run: Mapping[str, Any]) -> MusicTask:
    """Return the task of a run as it was, from what `run.json` holds.

    Raises:
        FormatError: the run's files are gone or have changed.
        ConfigError: a setting that this version does not know.
    """
    task, inputs = run["task"], run.get("inputs") or []
    options = task.get("options")
    if not isinstance(options, Mapping) or not inputs:
        raise FormatError("run.json lacks the object 'task.options' or the list 'inputs'.")
    settings = Settings.from_json(options)
    corpus = load_corpus(inputs, settings.music)
    provenance = run.get("provenance") or {}
    wanted = provenance.get("sha256")
    if corpus.sha256 != wanted:
        raise FormatError(
            f"the music of this run has changed since it began ({', '.join(inputs[:3])} had "
            f"sha256 {str(wanted)[:12]}..., now {corpus.sha256[:12]}...); bring the old files "
            "back, or train anew."
        )
    return MusicTask(corpus, settings, provenance.get("inputs") or [])
