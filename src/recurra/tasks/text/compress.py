"""Files compressed by a model: arithmetic coding with the probabilities that it gives.

The file:

    8 bytes          b"recurra" and the version of this format, 1
    4 bytes          length of the header, little endian
    header           JSON, deflated
    the rest         the arithmetic code

The data are cut into streams, which are read side by side for speed, each from the state zero; they
are coded in turns, the first symbol of each, the second of each, and so on. For a model of
characters the data are read as UTF-8. A character that the model lacks, and a byte that is not
UTF-8, is an escape followed by its number, whose three bytes have odds of their own that adapt.

Probabilities are floats, and floats differ between machines: the file opens where it was written.
The header says with what (engine, versions, machine, the model's sha256, and the digest of
probabilities that were computed for the purpose), and opening refuses where any of it differs.
"""

from __future__ import annotations

import hashlib
import json
import platform
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError, FormatError, ResourceError
from recurra.core.parameters import Params
from recurra.core.sampling import log_softmax
from recurra.engines.base import Network
from recurra.insight.arithmetic import TOTAL, AdaptiveByte, Reader, Writer, cumulated
from recurra.tasks.text.vocabulary import (
    ByteVocabulary,
    CharacterVocabulary,
    Vocabulary,
    code_points,
)
from recurra.version import VERSION

Progress = Callable[[int, int], None]
"""Called with symbols done and symbols in all."""

MAGIC = b"recurra\x01"
STREAMS = 64
"""Most streams."""
SHORTEST = 4096
"""Fewest symbols a stream: each begins knowing nothing, which costs it some bytes."""
LARGEST_HEADER = 1 << 16
PROBE = 8
"""Steps that the digest of the probabilities is made of."""


def compress(
    data: bytes,
    network: Network,
    vocabulary: Vocabulary,
    start: int,
    *,
    made_by: Mapping[str, Any],
    streams: int | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Return `data` as a compressed file.

    Args:
        network: the model's. start: the token that it reads before a text.
        made_by: `fingerprint` of the network.
        streams: parts to code side by side; without it, as many as the length allows.
        progress: called as it goes on.
    Raises: `ConfigError` for a model of words or subwords.
    """
    symbols, escaped = _symbols(data, vocabulary)
    count = len(symbols)
    streams = streams or max(1, min(STREAMS, count // SHORTEST))
    if not 1 <= streams <= max(1, count):
        raise ConfigError(f"streams is {streams}, but the data have {count} symbols.", "streams")
    escape = 0
    if len(escaped):
        # As often as it is needed; at most half.
        escape = min(TOTAL // 2, max(1, round(TOTAL * len(escaped) / count)))
    header = {
        "symbols": count,
        "bytes": len(data),
        "streams": streams,
        "escape": escape,
        "sha256": hashlib.sha256(data).hexdigest(),
        "made_by": {**made_by, "probe": probe(network, start, streams) if count else ""},
    }
    writer = Writer()
    planes = [AdaptiveByte() for _ in range(3)]
    waiting = iter(escaped.tolist())
    # Escapes come in the order of the data, but are written in the order of coding.
    place_of_escape = np.flatnonzero(symbols == vocabulary.size)
    points = dict(zip(place_of_escape.tolist(), waiting, strict=True))
    layout = _Layout(count, streams)
    reader = _Predictor(network, vocabulary, start, streams, escape)
    for step, places in enumerate(layout):
        sums = reader.sums()
        these = symbols[places]
        rows = np.arange(len(places))
        starts, ends = sums[rows, these].tolist(), sums[rows, these + 1].tolist()
        for n, (low, high) in enumerate(zip(starts, ends, strict=True)):
            writer.put(low, high)
            if these[n] == vocabulary.size:
                point = points[int(places[n])]
                for plane, byte in zip(planes, point.to_bytes(3, "big"), strict=True):
                    plane.write(writer, byte)
        reader.feed(these)
        if progress is not None and step % 64 == 0:
            progress(step * streams, count)
    packed = zlib.compress(json.dumps(header, separators=(",", ":")).encode(), 9)
    return MAGIC + struct.pack("<I", len(packed)) + packed + writer.finish()


def decompress(
    file: bytes,
    network: Network,
    vocabulary: Vocabulary,
    start: int,
    *,
    made_by: Mapping[str, Any],
    anyway: bool = False,
    progress: Progress | None = None,
) -> bytes:
    """Return what `compress` was given.

    Args:
        made_by: `fingerprint` of the network here; compared with the file's.
        anyway: try even where they differ. The digest of the data decides in the end.
    Raises:
        FormatError: it is not such a file, it was made with something else than is here, or what
            comes out is not what went in.
    """
    header, code = read_header(file)
    streams, count = int(header["streams"]), int(header["symbols"])
    wanted = dict(header["made_by"])
    here = {**made_by, "probe": probe(network, start, streams) if count else ""}
    if not anyway:
        _same(wanted, here)
    try:
        symbols = np.zeros(count, np.int64)
    except MemoryError:
        raise ResourceError(
            f"the file says that it holds {count:,} symbols, more than fit into memory here."
        ) from None
    points: dict[int, int] = {}
    source = Reader(code)
    planes = [AdaptiveByte() for _ in range(3)]
    predictor = _Predictor(network, vocabulary, start, streams, int(header["escape"]))
    for step, places in enumerate(_Layout(count, streams)):
        sums = predictor.sums()
        these = np.zeros(len(places), np.int64)
        for n in range(len(places)):
            row = sums[n]
            symbol = int(row.searchsorted(source.value(), side="right")) - 1
            source.take(int(row[symbol]), int(row[symbol + 1]))
            these[n] = symbol
            if symbol == vocabulary.size:
                spelled = bytes(plane.read(source) for plane in planes)
                points[int(places[n])] = int.from_bytes(spelled, "big")
        symbols[places] = these
        predictor.feed(these)
        if progress is not None and step % 64 == 0:
            progress(step * streams, count)
    data = _data(symbols, points, vocabulary)
    if hashlib.sha256(data).hexdigest() != header["sha256"]:
        raise FormatError(
            "what came out is not what went in: the file is damaged, or this machine computes "
            "other probabilities than the one that wrote it."
        )
    return data


def read_header(file: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of a compressed file, checked, and the code after it.

    Raises: `FormatError` where it is not one.
    """
    if file[: len(MAGIC) - 1] != MAGIC[:-1] or len(file) < len(MAGIC) + 4:
        raise FormatError("this is no file that recurra compress wrote.")
    if file[len(MAGIC) - 1] != MAGIC[-1]:
        raise FormatError(
            f"this file has format {file[len(MAGIC) - 1]}, but this Recurra reads format "
            f"{MAGIC[-1]}; install a newer one."
        )
    body = file[len(MAGIC) + 4 :]
    (length,) = struct.unpack_from("<I", file, len(MAGIC))
    try:
        if length > len(body):
            raise ValueError
        unpack = zlib.decompressobj()
        header = json.loads(unpack.decompress(body[:length], LARGEST_HEADER))
        sizes = [header[name] for name in ("symbols", "bytes", "streams", "escape")]
        right = all(type(size) is int and size >= 0 for size in sizes)
        # A symbol costs at least 1.4e-6 bits, so a few bytes cannot claim to be a whole library.
        right = right and header["symbols"] <= (len(body) - length + 8) << 24
        right = right and 1 <= header["streams"] <= max(1, header["symbols"])
        right = right and header["streams"] <= 1 << 16 and header["escape"] <= TOTAL // 2
        right = right and isinstance(header["made_by"], dict) and isinstance(header["sha256"], str)
        if not right:
            raise ValueError
    except (ValueError, KeyError, TypeError, zlib.error):
        raise FormatError("the header of this compressed file is damaged.") from None
    return header, body[length:]


def fingerprint(weights: Params, document: Mapping[str, Any], engine: str) -> dict[str, str]:
    """Return what decides whether probabilities come out the same, as text.

    Args:
        engine: name and description of who computes.
    """
    digest = hashlib.sha256()
    meaning = {name: document[name] for name in ("spec", "task")}
    digest.update(json.dumps(meaning, sort_keys=True).encode())
    for name in sorted(weights):
        digest.update(name.encode() + np.ascontiguousarray(weights[name]).tobytes())
    return {
        "model": digest.hexdigest(),
        "engine": engine,
        "recurra": VERSION,
        "numpy": np.__version__,
        "torch": _version("torch") if "torch" in engine else "",
        "machine": f"{platform.system()} {platform.machine()} {_processor()}".strip(),
    }


def probe(network: Network, start: int, streams: int) -> str:
    """Return a digest of the probabilities of some fixed text, `streams` times side by side."""
    digest = hashlib.sha256()
    size = network.spec.head.outputs
    state = network.zero_state(streams)
    tokens = np.full(streams, start, np.int64)
    for step in range(PROBE):
        logits, state = network.forward(tokens[None], state)
        digest.update(np.exp(log_softmax(logits[0])).tobytes())
        tokens = (np.arange(streams) * 7 + step * 13 + 1) % size
    return digest.hexdigest()[:16]


class _Predictor:
    """The network, one symbol of each stream at a time."""

    def __init__(
        self, network: Network, vocabulary: Vocabulary, start: int, streams: int, escape: int
    ) -> None:
        self._network = network
        self._escape = escape
        self._size = vocabulary.size
        # What is read in place of a character that the model does not know.
        self._stand_in = start if vocabulary.unknown is None else vocabulary.unknown
        self._tokens = np.full(streams, start, np.int64)
        self._state = network.zero_state(streams)

    def sums(self) -> NDArray[np.int64]:
        """Return the cumulated frequencies of each stream's next symbol, [streams, V + 1 or 2]."""
        logits, self._state = self._network.forward(self._tokens[None], self._state)
        return cumulated(np.exp(log_softmax(logits[0])), self._escape)

    def feed(self, symbols: NDArray[np.int64]) -> None:
        """Tell what came; streams that have ended go on with what they had."""
        read = np.where(symbols == self._size, self._stand_in, symbols)
        self._tokens = np.concatenate([read, self._tokens[len(symbols) :]])


class _Layout:
    """Which symbols are coded at each step: one of each stream, longer streams first."""

    def __init__(self, count: int, streams: int) -> None:
        sizes = np.full(streams, count // streams)
        sizes[: count % streams] += 1
        self._sizes = sizes
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        for step in range(int(self._sizes.max(initial=0))):
            yield self._starts[self._sizes > step] + step


def _symbols(data: bytes, vocabulary: Vocabulary) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return data as symbols, `size` for an escape, and the code points of the escapes."""
    if isinstance(vocabulary, ByteVocabulary):
        return np.frombuffer(data, np.uint8).astype(np.int64), np.zeros(0, np.uint32)
    if not isinstance(vocabulary, CharacterVocabulary):
        raise ConfigError(
            f"this is a model of {vocabulary.kind}, which cannot spell every file; compress with a "
            "model of characters or bytes."
        )
    # Each byte that is not UTF-8 becomes half a surrogate pair of its own, and back (PEP 383).
    text = data.decode("utf-8", "surrogateescape")
    symbols = vocabulary.look_up(text).astype(np.int64)
    if vocabulary.unknown is not None:
        symbols[symbols == vocabulary.unknown] = vocabulary.size
    return symbols, code_points(text)[symbols == vocabulary.size]


def _data(symbols: NDArray[np.int64], points: Mapping[int, int], vocabulary: Vocabulary) -> bytes:
    """Return the bytes that symbols stand for. Raises `FormatError` for an impossible one."""
    if isinstance(vocabulary, ByteVocabulary):
        return symbols.astype(np.uint8).tobytes()
    if not isinstance(vocabulary, CharacterVocabulary):
        raise ConfigError("this file was compressed with a model of characters or bytes.")
    extra = 1 if vocabulary.unknown is None else 2  # The escape, and the unknown token.
    known = np.append(code_points(vocabulary.characters), [0] * extra)
    found = known[symbols].astype("<u4")
    for place, point in points.items():
        found[place] = point
    try:
        text = found.tobytes().decode("utf-32-le", "surrogatepass")
        return text.encode("utf-8", "surrogateescape")
    except UnicodeError:
        raise FormatError("the compressed data are damaged.") from None


def _same(wanted: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise `FormatError` where a file was made with something else than what is here."""
    if wanted.get("model") != here["model"]:
        raise FormatError(
            f"this file was compressed with another model (sha256 {str(wanted.get('model'))[:12]}, "
            f"this one has {here['model'][:12]}); only that one opens it."
        )
    for name, called in (("engine", "the engine"), ("recurra", "Recurra"), ("numpy", "NumPy"),
                         ("torch", "PyTorch"), ("machine", "the machine")):  # fmt: skip
        if wanted.get(name) != here[name]:
            raise FormatError(
                f"this file was compressed with {called} '{wanted.get(name)}', but here it is "
                f"'{here[name]}', which may compute other probabilities; open it where it was "
                "made, or try with --anyway."
            )
    if wanted.get("probe") != here["probe"]:
        raise FormatError(
            "this machine computes other probabilities than those that the file was compressed "
            "with; open it where it was made, with as many threads."
        )


@cache
def _processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(("model name", "Model")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
