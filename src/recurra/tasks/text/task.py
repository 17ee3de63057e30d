"""Text as a training task: a corpus cut into windows, and results told in the words of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from recurra.core import random
from recurra.core.errors import ConfigError, FormatError
from recurra.core.sampling import SamplingOptions
from recurra.datasets.shelves import licence_of
from recurra.engines.base import Network, Report
from recurra.learning.task import Sample, Window
from recurra.learning.windows import LastPosition, Streams
from recurra.tasks.text.corpus import Corpus, load_corpus
from recurra.tasks.text.settings import Settings
from recurra.tasks.text.vocabulary import UNITS

VALIDATION_STREAM = 1000
"""Shortest stream of the validation split, in tokens, where it is long enough for several."""
VALIDATION_STREAMS = 32
VALIDATION_WINDOW = 256
VALIDATION_LIMIT = 1 << 18
"""Most positions that one validation reads, spread evenly over the split."""
LOGITS = 1 << 22
"""Most numbers that one window's distributions may hold in a validation."""
PRIME = 64
"""Tokens of the training text that a sample is primed with."""


class TextTask:
    """One text to learn. See `learning.task.Task` for the contract.

    Validation reads the split as up to 32 streams of a thousand tokens or more, side by side, with
    carried state. The first tokens of each stream are predicted with little or nothing before them,
    which a single stream would spare: 0.002 nats a character for `small` on tinyshakespeare,
    so `score`, which reads one stream, shows slightly better numbers.

    Args:
        corpus: the text, encoded and split.
        settings: every setting of the training.
        inputs: what a person called the text, for the model's provenance.
    Raises:
        ConfigError: a split is too short to learn from.
    """

    kind = "text"

    def __init__(self, corpus: Corpus, settings: Settings, inputs: Sequence[str] = ()) -> None:
        self.inputs = list(inputs)
        self.corpus = corpus
        self.settings = settings
        self.vocabulary = corpus.vocabulary
        self.unit = UNITS[self.vocabulary.kind]
        self.spec = settings.spec(self.vocabulary.size)
        self.parts = settings.train.accumulate
        train = corpus.split("train")
        windows = settings.windows
        self.windows: Streams | LastPosition
        if windows.objective == "every":
            self.windows = Streams(
                train.tokens,
                batch=windows.batch_size,
                window=windows.window,
                resets=train.resets,
            )
        else:
            self.windows = LastPosition(
                train.tokens,
                batch=windows.batch_size,
                window=windows.window,
                stride=windows.stride,
                seed=settings.train.seed,
                resets=train.resets,
            )
        self.steps_per_epoch = -(-self.windows.count // self.parts)
        self._train = train
        held_out = corpus.split("validation")
        self.held_out: Streams | None = None
        if len(held_out) >= 2:
            streams = min(VALIDATION_STREAMS, max(1, len(held_out) // VALIDATION_STREAM))
            rows = LOGITS // (self.vocabulary.size * streams)
            self.held_out = Streams(
                held_out.tokens,
                batch=streams,
                window=max(1, min(VALIDATION_WINDOW, rows)),
                resets=held_out.resets,
                limit=VALIDATION_LIMIT,
                what="validation",
            )
        counted = held_out if self.held_out else train
        self._characters_per_token = counted.characters / max(1, len(counted.tokens))
        self._tokens_per_word = len(counted.tokens) / max(1, counted.words)
        self.start = start_token(corpus)

    def window(self, step: int, part: int = 0) -> Window:
        """Return the window of a step; the parts of a step follow each other in the text."""
        return self.windows[step * self.parts + part]

    def validation(self) -> Iterator[Window]:
        """Yield the windows of the validation split, in order; none where nothing is held out."""
        if self.held_out is not None:
            for n in range(self.held_out.count):
                yield self.held_out[n]

    def measures(self, report: Report) -> dict[str, float]:
        """Return bits a character, perplexity a token, and for words nats and perplexity a word.

        A word is a run of characters between white space, as in published results, and not a token:
        punctuation marks are tokens of their own.
        """
        nats = report.loss_nats
        found = {
            "bits_per_char": nats / math.log(2) / self._characters_per_token,
            "perplexity": _exp(nats),
        }
        if self.vocabulary.kind == "words":
            found["nats_per_word"] = nats * self._tokens_per_word
            found["word_perplexity"] = _exp(nats * self._tokens_per_word)
        return found

    def sample(self, network: Network, step: int) -> list[Sample]:
        """Return one sample a temperature, going on from a passage of the training text.

        The passage ends at a line end, or else at a space, where one is near. It is not shown.
        """
        # Not before it is needed: a training starts sooner.
        from recurra.tasks.text.generate import generate_texts

        prime = self._passage(step)
        samples = []
        for lane, temperature in enumerate(self.settings.samples.sample_temperatures):
            (piece,) = generate_texts(
                network, self.vocabulary, [prime], SamplingOptions(temperature=temperature),
                length=self.settings.samples.sample_length,
                seed=self.settings.train.seed + step, lanes=[lane],
            )  # fmt: skip
            samples.append(Sample(temperature, piece.text))
        return samples

    def _passage(self, step: int) -> Any:
        tokens = self._train.tokens
        draw = random.uniforms(self.settings.train.seed, random.EVALUATE, 1, index=step)[0]
        first = int(draw * max(1, len(tokens) - 4 * PRIME))
        near = np.asarray(tokens[first : first + 4 * PRIME], np.int64)
        for mark in ("\n", " "):
            token = _token_of(self.vocabulary, mark)
            ends = np.flatnonzero(near == token) if token is not None else near[:0]
            if len(ends):
                end = int(ends[min(len(ends) - 1, int(np.searchsorted(ends, PRIME)))])
                return near[max(0, end + 1 - PRIME) : end + 1]
        return near[:PRIME]

    def document(self) -> dict[str, Any]:
        """Return what the model file and `run.json` keep of the task."""
        return {
            "kind": self.kind,
            "options": self.settings.to_json(),
            "vocabulary": self.vocabulary.to_document(),
            "start": self.start,
        }

    def provenance(self) -> dict[str, Any]:
        """Return where the text came from."""
        corpus = self.corpus
        return {
            "inputs": self.inputs,
            "documents": len(corpus.names),
            "sha256": corpus.sha256,
            "characters": corpus.characters,
            "bytes": corpus.bytes,
            "licence": licence_of(self.inputs, "text"),
        }


def start_token(corpus: Corpus) -> int:
    """Return the token that is read where there is no text yet: line end, space, or commonest."""
    for mark in ("\n", " "):
        token = _token_of(corpus.vocabulary, mark)
        if token is not None:
            return token
    counts = np.bincount(corpus.split("train").tokens[:1_000_000], minlength=1)
    return int(counts.argmax())


def _token_of(vocabulary: Any, mark: str) -> int | None:
    """Return the one token that writes `mark`, if there is one."""
    try:
        tokens = vocabulary.encode(mark, "refuse")
    except ConfigError:
        return None
    return int(tokens[0]) if len(tokens) == 1 and int(tokens[0]) != vocabulary.unknown else None


def restore(run: Mapping[str, Any]) -> TextTask:
    """Return the task of a run as it was, from what `run.json` holds.

    Raises:
        FormatError: the run's texts are gone or have changed.
        ConfigError: a setting that this version does not know.
    """
    task, inputs = run["task"], run.get("inputs") or []
    if not inputs or "-" in inputs:
        raise FormatError(
            "this run learned a text from standard input or from memory, which cannot be read "
            "again; train anew from a file."
        )
    options = task.get("options")
    if not isinstance(options, Mapping):
        raise FormatError("run.json lacks the object 'task.options'.")
    settings = Settings.from_json(options)
    corpus = load_corpus(inputs, settings.text)
    provenance = run.get("provenance") or {}
    wanted = provenance.get("sha256")
    if corpus.sha256 != wanted:
        raise FormatError(
            f"the text of this run has changed since it began ({', '.join(inputs[:3])} had sha256 "
            f"{str(wanted)[:12]}..., now {corpus.sha256[:12]}...); bring the old text back, or "
            "train anew."
        )
    return TextTask(corpus, settings, provenance.get("inputs") or [])


def _exp(nats: float) -> float:
    return math.exp(min(700.0, nats))
