"""Texts to be scored: files read as the model's own text was, or the part that it never saw."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError, RecurraError
from recurra.formats.sources import Document, find_documents
from recurra.formats.text import read_text
from recurra.tasks.text.corpus import Corpus, load_corpus
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.vocabulary import ByteVocabulary, Policy, Vocabulary

Input = str | os.PathLike[str] | Document
Inputs = Input | Sequence[Input]


@dataclass(frozen=True, slots=True)
class Passage:
    """A text and its tokens."""

    name: str
    """What to call it."""
    tokens: NDArray[Any]
    """[tokens], at least one."""
    characters: int
    words: int
    """Runs of characters between white space."""
    data: bytes
    """The text in UTF-8 (or as it is, for a model of bytes), for compressors to try."""
    resets: NDArray[np.int64] | None = None
    """Positions before which the model's own text began anew, where that is known."""


def passage_of(
    text: str, vocabulary: Vocabulary, *, unknown: Policy | None = None, name: str = "text"
) -> Passage:
    """Encode a text. Raises `ConfigError` where it is empty or outside the vocabulary."""
    tokens = vocabulary.encode(text, unknown)
    if not len(tokens):
        raise ConfigError("there is no text to score: it is empty.")
    data = text.encode("utf-8", "surrogatepass")
    return Passage(name, tokens, len(text), len(text.split()), data)


def passage_of_files(
    files: Sequence[str],
    vocabulary: Vocabulary,
    options: TextOptions,
    *,
    unknown: Policy | None = None,
) -> Passage:
    """Read files one after the other, decoded and normalised as `options` say.

    Raises:
        FormatError: a file is missing or not in the encoding.
        ConfigError: there is nothing in them, or it is outside the vocabulary.
    """
    from recurra.datasets.registry import resolve

    documents = find_documents(resolve(list(files), None)).documents
    name = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
    if isinstance(vocabulary, ByteVocabulary):
        return _of_bytes(b"".join(block for one in documents for block, _ in one.blocks()), name)
    text = read_files(files, options)
    return passage_of(text, vocabulary, unknown=unknown, name=name)


def read_files(files: Sequence[str], options: TextOptions) -> str:
    """Return the text of files, one after the other, decoded and normalised as `options` say.

    Raises: `FormatError` where a file is missing or not in the encoding.
    """
    from recurra.datasets.registry import resolve

    reading = options.replace(vocabulary="characters").reading()
    documents = find_documents(resolve(list(files), None)).documents
    return "".join(part for one in documents for part, _ in read_text(one, reading))


def passage_of_split(corpus: Corpus, name: str) -> Passage:
    """Return the test split of a corpus, or its validation split where no test split is.

    Raises: `ConfigError` where nothing was held out.
    """
    for split in ("test", "validation"):
        span = corpus.split(split)
        if len(span):
            break
    else:
        raise ConfigError("the model's text has no held-out part; name a file to score.")
    called = f"held-out {'part' if split == 'test' else 'validation part'} of {name}"
    if isinstance(corpus.vocabulary, ByteVocabulary):
        return _of_bytes(np.asarray(span.tokens, np.uint8).tobytes(), called, span.resets)
    data = corpus.vocabulary.decode(span.tokens).encode("utf-8", "surrogatepass")
    return Passage(called, span.tokens, span.characters, span.words, data, span.resets)


def held_out_passage(document: Mapping[str, Any], model_path: Path | None) -> Passage:
    """Find the text that a model was trained on, and return the part that it never saw.

    Raises: as `training_corpus`, and `ConfigError` where nothing was held out.
    """
    named = (document["provenance"].get("data") or {}).get("inputs") or []
    corpus = training_corpus(document, model_path)
    return passage_of_split(corpus, ", ".join(named[:3]) or "the text")


def training_corpus(document: Mapping[str, Any], model_path: Path | None) -> Corpus:
    """Find the text that a model was trained on, and read it as it was read then.

    It is looked for where the run folder beside the model says, then under the names that the
    model's provenance gives; only the very same text counts, by its sha256.

    Args:
        document: the model's. model_path: its file, where it has one.
    Raises:
        FormatError: the text is not there any more, or has changed.
    """
    data = document["provenance"].get("data") or {}
    wanted, named = data.get("sha256"), data.get("inputs") or []
    options = TextOptions.parse(document["task"].get("options", {}).get("text", {}))
    reason = "the model does not say what it was trained on"
    for inputs in (_inputs_beside(model_path), named):
        if not inputs:
            continue
        try:
            corpus = load_corpus(inputs, options)
        except RecurraError as error:
            reason = str(error).rstrip(".")
            continue
        if corpus.sha256 == wanted:
            return corpus
        reason = f"{', '.join(map(str, inputs[:3]))} has changed since"
    raise FormatError(
        f"the text that this model was trained on cannot be found again ({reason}); name a file to "
        "score."
    )


def recorded_inputs(inputs: Inputs) -> list[str]:
    """Return inputs as text that finds them again from any folder, for `run.json`.

    Paths become absolute; "-" and documents in memory stay names, which find nothing.
    """
    found = []
    for name in named_inputs(inputs):
        found.append(os.path.abspath(name) if _is_path(name) else name)
    return found


def named_inputs(inputs: Inputs) -> list[str]:
    """Return inputs as the person wrote them, for the model file."""
    listed = [inputs] if isinstance(inputs, str | os.PathLike | Document) else list(inputs)
    return [one.name if isinstance(one, Document) else os.fspath(one) for one in listed]


def _is_path(name: str) -> bool:
    """Whether a name means files here, as against standard input or a public corpus."""
    return name != "-" and (os.path.exists(name) or any(mark in name for mark in "*?["))


def _inputs_beside(model_path: Path | None) -> list[str]:
    """Return what the `run.json` beside a model says, or nothing."""
    if model_path is None:
        return []
    try:
        run = json.loads((model_path.parent / "run.json").read_bytes())
        return [str(one) for one in run["inputs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _of_bytes(data: bytes, name: str, resets: NDArray[np.int64] | None = None) -> Passage:
    if not data:
        raise ConfigError("there is no text to score: it is empty.")
    text = data.decode("utf-8", "replace")
    return Passage(name, np.frombuffer(data, np.uint8), len(text), len(text.split()), data, resets)
