"""A trained text model: its weights and what they mean, ready to write, to judge and to be kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.core.sampling import SamplingOptions, log_softmax
from recurra.engines import select
from recurra.insight.copying import MINIMUM
from recurra.learning.priming import draw_seed
from recurra.learning.trained import TrainedModel
from recurra.tasks.text import score as scoring
from recurra.tasks.text.generate import (
    Generated,
    GenerateOptions,
    Piece,
    generate,
    generate_texts,
    split_options,
)
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.passages import (
    Passage,
    held_out_passage,
    passage_of,
    passage_of_files,
)
from recurra.tasks.text.reading import CHUNK, Progress, read_stream
from recurra.tasks.text.vocabulary import (
    UNITS,
    Policy,
    Vocabulary,
    vocabulary_from_document,
)

if TYPE_CHECKING:
    from recurra.insight.ablation import Ablation
    from recurra.insight.dynamic import DynamicOptions
    from recurra.insight.saliency import Saliency
    from recurra.insight.trace import Trace
    from recurra.tasks.text.copies import Copies
    from recurra.tasks.text.inside import Inside
    from recurra.tasks.text.judge import Judgement

"""What one token of a vocabulary is called."""


Texts = list[str] | tuple[str, ...]


class Model(TrainedModel):
    """A text model.

    Every method reads a text from the state zero. What comes first in an empty prime, or predicts
    the first token of a text that is judged, is the model's start token: the line end, or where the
    vocabulary has none the space, or the commonest token of the training text. It is not part of
    any text that is returned.

    Built and loaded as every `TrainedModel` is.
    """

    KIND = "text"
    CALLED = "of text"

    def _open(self, task: Mapping[str, Any]) -> None:
        self.vocabulary: Vocabulary = vocabulary_from_document(task["vocabulary"])
        self.start = int(task["start"])
        if self.vocabulary.size != self.spec.head.outputs or not (
            0 <= self.start < self.vocabulary.size
        ):
            raise self._refusal(
                f"the vocabulary has {self.vocabulary.size} tokens and the start token is "
                f"{self.start}, but the network predicts {self.spec.head.outputs} tokens."
            )

    @property
    def text_options(self) -> TextOptions:
        """How its own text was read."""
        return TextOptions.parse(self.document["task"].get("options", {}).get("text", {}))

    @property
    def unit(self) -> str:
        """What one token is: character, byte, word, subword."""
        return UNITS[self.vocabulary.kind]

    def __repr__(self) -> str:
        sizes = ",".join(map(str, self.spec.stack.sizes))
        return (
            f"<Model of text: {sizes} units, {self.parameters:,} parameters, "
            f"{self.vocabulary.size:,} {self.vocabulary.kind}>"
        )

    # Writing

    @overload
    def generate(self, prime: str = "", *, samples: None = None, **options: Any) -> str: ...
    @overload
    def generate(self, prime: str = "", *, samples: int, **options: Any) -> list[str]: ...
    @overload
    def generate(
        self, prime: Texts, *, samples: int | None = None, **options: Any
    ) -> list[str]: ...
    def generate(
        self, prime: str | Texts = "", *, samples: int | None = None, **options: Any
    ) -> str | list[str]:
        """Return text that goes on from `prime`, without the prime.

        A list of texts comes back where `samples` is given or several primes are, prime by prime.
        Sample k of a prime is the same text whatever is generated beside it.

        Args:
            options: settings of `GenerateOptions` and `SamplingOptions`: length, seed, stop, beam,
                temperature, top_k, top_p, min_p, resample.
        Raises:
            ConfigError: a setting that cannot be, or a prime outside the vocabulary.
        """
        if samples is not None:
            options["samples"] = samples
        how, sampling = split_options(options)
        texts = self.samples(prime, how, sampling).texts()
        return texts[0] if samples is None and isinstance(prime, str) else texts

    def samples(
        self,
        prime: str | Texts = "",
        how: GenerateOptions | None = None,
        sampling: SamplingOptions | None = None,
        *,
        alternatives: int = 0,
    ) -> Generated:
        """Return samples with their tokens, probabilities and seed; `generate` is its short form.

        Args:
            alternatives: how many of the likeliest tokens to tell at each place.
        """
        how, sampling = how or GenerateOptions(), sampling or SamplingOptions()
        if not how.length:
            raise ConfigError(
                "length is 0, a text without end, which only a stream can give; say how long.",
                "length",
            )
        primes = [prime] if isinstance(prime, str) else list(prime)
        read = [self.prime_tokens(one, how.unknown) for one in primes]
        every = [one for one in primes for _ in range(how.samples)]
        if how.beam:
            found = [piece for one in read for piece in self._searched(one, how)]
            return Generated(None, every, found)
        seed = draw_seed(how.seed)
        pieces = generate_texts(
            self.network(), self.vocabulary, [one for one in read for _ in range(how.samples)],
            sampling, length=how.length, seed=seed, stop=how.stop, alternatives=alternatives,
            lanes=[n for _ in read for n in range(how.samples)],
        )  # fmt: skip
        return Generated(None if sampling.greedy else seed, every, pieces)

    def _searched(self, prime: NDArray[Any], how: GenerateOptions) -> list[Piece]:
        from recurra.tasks.text.beam import beam_search

        if how.samples > how.beam:
            raise ConfigError(
                f"samples is {how.samples}, but a beam of {how.beam} finds at most {how.beam} "
                "texts; widen the beam.",
                "samples",
            )
        found = beam_search(
            self.network(), self.vocabulary, prime, width=how.beam, length=how.length, stop=how.stop
        )
        return [
            Piece(n, one.text, one.tokens, one.log_probs, ended=True)
            for n, one in enumerate(found[: how.samples])
        ]

    def stream(self, prime: str = "", **options: Any) -> Iterator[str]:
        """Return the text that `generate` would give, piece by piece as it is drawn.

        With length=0 it goes on until the caller stops asking.
        """
        how, sampling = split_options(options)
        return (piece.text for piece in self.pieces(prime, how, sampling) if piece.text)

    def pieces(
        self, prime: str, how: GenerateOptions, sampling: SamplingOptions, *, alternatives: int = 0
    ) -> Iterator[Piece]:
        """Return the pieces of one sample, chunk by chunk (without samples and beam).

        Raises, before the first piece:
            ConfigError: the prime is outside the vocabulary, or more than one text is wanted.
        """
        if how.samples > 1 or how.beam:
            raise ConfigError(
                "a stream is one text as it is drawn; leave out samples and beam, or use generate.",
                "beam" if how.beam else "samples",
            )
        read = self.prime_tokens(prime, how.unknown)
        chunks = generate(
            self.network(), self.vocabulary, [read], sampling, length=how.length,
            seed=draw_seed(how.seed), stop=how.stop, alternatives=alternatives,
        )  # fmt: skip
        return (piece for chunk in chunks for piece in chunk)

    def prime_tokens(self, prime: str, unknown: Policy | None = None) -> NDArray[Any]:
        """Return the tokens that a text starts from: those of `prime`, or the start token."""
        tokens = self.vocabulary.encode(prime, unknown)
        return tokens if len(tokens) else np.array([self.start])

    # Judging

    @overload
    def probabilities(self, text: str) -> NDArray[np.float64]: ...
    @overload
    def probabilities(self, text: Texts) -> list[NDArray[np.float64]]: ...
    def probabilities(self, text: str | Texts) -> NDArray[np.float64] | list[NDArray[np.float64]]:
        """Return the probability of each token given those before it, [tokens].

        Several texts are read side by side and give a list.
        """
        found = [np.exp(one) for one in self._log_probs(_listed(text))]
        return found[0] if isinstance(text, str) else found

    def distributions(self, text: str) -> NDArray[np.float64]:
        """Return the whole distribution before each token and after the last, [tokens + 1, V].

        Row n is what the model expects after the first n tokens; `vocabulary.token_text` names its
        columns.
        """
        read = np.concatenate([[self.start], self.vocabulary.encode(text)]).astype(np.int64)
        network = self.network()
        state = network.zero_state(1)
        rows = []
        for first in range(0, len(read), CHUNK):
            logits, state = network.forward(read[first : first + CHUNK, None], state)
            rows.append(np.exp(log_softmax(logits[:, 0])))
        return np.concatenate(rows)

    @overload
    def perplexity(self, text: str) -> float: ...
    @overload
    def perplexity(self, text: Texts) -> list[float]: ...
    def perplexity(self, text: str | Texts) -> float | list[float]:
        """Return the perplexity a token: exp of the mean -log p. An empty text has none (nan)."""
        found = [
            float(np.exp(-one.mean())) if len(one) else float("nan")
            for one in self._log_probs(_listed(text))
        ]
        return found[0] if isinstance(text, str) else found

    def _log_probs(self, texts: Sequence[str]) -> list[NDArray[np.float64]]:
        tokens = [self.vocabulary.encode(text) for text in texts]
        return scoring.log_probs_of(self.network(), tokens, self.start)

    def score(
        self,
        text: str | Passage,
        *,
        unknown: Policy | None = None,
        xz: bool = True,
        detail: bool = False,
        dynamic: DynamicOptions | None = None,
        streams: int = 0,
        progress: Progress | None = None,
    ) -> scoring.Score:
        """Return how well the model predicts a text; see `Score` for how it is read.

        Args:
            text: or a passage that was read from files.
            unknown: what to do with characters outside the vocabulary.
            xz: whether to compress the text with `xz -9e` too, for comparison.
            detail: whether to look by kind of character and by position too, and to set a
                Kneser-Ney model of the training text beside it, where that is found.
            dynamic: score with dynamic evaluation too, as these options say.
            streams: parts of the text to read side by side; 0 takes as many as pay. Only speed
                depends on it; see `tasks.text.reading`.
            progress: called with tokens done and tokens in all.
        Raises:
            ConfigError: the text is empty, or outside the vocabulary.
        """
        if isinstance(text, str):
            text = passage_of(text, self.vocabulary, unknown=unknown)
        tokens = text.tokens
        # Engines that train read long texts faster; for short ones they take longer to load.
        network = self.network("train" if len(tokens) > 20_000 else "generate")
        if not streams and self.engine.precision == "int8":
            streams = 1  # states that are rounded so far hardly ever meet again
        reading = read_stream(network, tokens, self.start, streams=streams, progress=progress)
        outside = self.vocabulary.unknown
        found = scoring.Score(
            tokens=len(tokens),
            characters=text.characters,
            words=text.words,
            unit=self.unit,
            nats=reading.nats,
            accuracy=reading.accuracy,
            mean_posterior=reading.mean_posterior,
            vocabulary_size=self.vocabulary.size,
            xz_bytes=scoring.xz_size(text.data) if xz else None,
            unknown=0 if outside is None else int((tokens == outside).sum()),
            streams=reading.parts,
            reading=reading,
        )
        if not detail and dynamic is None:
            return found
        from recurra.tasks.text.detail import detail_of

        return replace(found, detail=detail_of(self, text, found, detail, dynamic, progress))

    def judge(
        self,
        n: int = 20,
        *,
        length: int = 1000,
        seed: int | None = 0,
        sampling: SamplingOptions | None = None,
        minimum: int = MINIMUM,
        progress: Progress | None = None,
    ) -> Judgement:
        """Write `n` samples and judge them as text, beside human text of the same length.

        Args:
            length: characters of each sample.
            seed: the same seed gives the same samples; None draws one.
            minimum: characters from which on what stands in the training text is a copy.
            progress: called while copies are looked for.
        Raises:
            FormatError: the model's own text is not where it was.
            ConfigError: a number that cannot be, or too little text is held out.
        """
        from recurra.tasks.text.judging import judge

        return judge(
            self, n, length, draw_seed(seed), sampling or SamplingOptions(), minimum, progress
        )

    def copies(
        self,
        text: str | Sequence[str],
        *,
        minimum: int = MINIMUM,
        progress: Progress | None = None,
    ) -> Copies:
        """Return what a text, or each of several, has word for word from the training text.

        Args:
            minimum: characters from which on it is a copy.
            progress: called with characters of the training text searched, and in all.
        Raises:
            FormatError: the model's own text is not where it was.
        """
        from recurra.tasks.text.copies import TrainingText, find_text_copies
        from recurra.tasks.text.passages import training_corpus

        source = TrainingText(training_corpus(self.document, self.path))
        texts = [text] if isinstance(text, str) else list(text)
        return find_text_copies(source, texts, minimum=minimum, progress=progress)

    def compress(
        self,
        data: bytes,
        *,
        streams: int | None = None,
        progress: Progress | None = None,
    ) -> bytes:
        """Return any bytes as a smaller file, if they are like the text that the model learned.

        It opens on this machine, with this model and the same versions; see `decompress`.

        Args:
            streams: parts that are coded side by side; more are faster and take some bytes each.
        Raises:
            ConfigError: the model's tokens are words or subwords.
        """
        from recurra.tasks.text.compress import compress, fingerprint

        engine = select(self.spec, self.engine, "generate")
        made_by = fingerprint(self.weights, self.document, f"{engine.name}: {engine.describe()}")
        return compress(
            data, self.network(), self.vocabulary, self.start, made_by=made_by, streams=streams,
            progress=progress,
        )  # fmt: skip

    def decompress(
        self, data: bytes, *, anyway: bool = False, progress: Progress | None = None
    ) -> bytes:
        """Return the bytes that `compress` was given.

        Args:
            anyway: try even where engine, versions or machine are not those that compressed it.
        Raises:
            FormatError: it is no such file, or was made elsewhere, or is damaged.
        """
        from recurra.tasks.text.compress import decompress, fingerprint

        engine = select(self.spec, self.engine, "generate")
        made_by = fingerprint(self.weights, self.document, f"{engine.name}: {engine.describe()}")
        return decompress(
            data, self.network(), self.vocabulary, self.start, made_by=made_by, anyway=anyway,
            progress=progress,
        )  # fmt: skip

    def passage(self, files: Sequence[str] = (), *, unknown: Policy | None = None) -> Passage:
        """Read files as the model's own text was read; without files, find its held-out part.

        Raises:
            FormatError: a file is missing, or the model's text is not where it was.
            ConfigError: the text is empty, or outside the vocabulary.
        """
        if not files:
            return held_out_passage(self.document, self.path)
        return passage_of_files(files, self.vocabulary, self.text_options, unknown=unknown)

    # Looking inside

    def trace(self, text: str) -> Trace:
        """Return what every unit did while the text was read, with named axes.

        Row n belongs to token n: the gates and states that reading it left behind, what was then
        expected next (`logits`), and how unexpected it had been itself (`surprise`, in nats).
        """
        from recurra.tasks.text.inside import trace_text

        return trace_text(self, text)

    def saliency(
        self,
        text: str,
        position: int,
        target: str | None = None,
        *,
        method: Literal["gradient", "integrated"] = "gradient",
        score: Literal["logit", "log_probability"] = "log_probability",
        reach: int | None = None,
        parts: int = 512,
    ) -> Saliency:
        """Return what moved the score of one token: the inputs and states before it.

        Rows are the tokens before `position`, oldest first, computed in float64. Row n of a state
        is the derivative with respect to the state in which token n was read.

        Args:
            position: a token of the text, from 1; the text's length means what follows it.
            target: another token to ask for at this place; by default the one that stands there,
                or the likeliest after the end.
            method: the gradient, or integrated gradients from the zero vector.
            score: what of the target is differentiated.
            reach: only go so many tokens back; everything where nothing is said.
            parts: points of the integral. See `Saliency.gap` for whether they were enough.
        Raises:
            ConfigError: there is no such position, or the target is not one token.
        """
        from recurra.tasks.text.inside import saliency_of_text

        return saliency_of_text(
            self, text, position, target, method=method, score=score, reach=reach, parts=parts
        )

    def ablate(
        self,
        text: str,
        units: Sequence[tuple[int, int]],
        feature: str,
        *,
        value: Literal["mean", "zero"] = "mean",
        pattern: str | None = None,
    ) -> Ablation:
        """Return what holding some units' memories still costs, in and out of a feature.

        Args:
            units: (layer, unit) pairs, both from 0.
            feature: a name that `tasks.text.features.text_features` gives.
            value: where each memory is held: its mean over the text, or zero.
            pattern: a regular expression, which adds the feature "matches PATTERN".
        """
        from recurra.tasks.text.inside import ablate_in_text

        return ablate_in_text(self, text, units, feature, value=value, pattern=pattern)

    def inside(self, text: str, **options: Any) -> Inside:
        """Return what the units respond to, how long they remember and what they are worth.

        Args:
            options: settings of `InsideOptions`: pattern, characters, distance, permutations.
        """
        from recurra.tasks.text.inside import InsideOptions, look_inside

        return look_inside(self, text, InsideOptions(**options))


def _listed(text: str | Texts) -> Sequence[str]:
    return [text] if isinstance(text, str) else text
