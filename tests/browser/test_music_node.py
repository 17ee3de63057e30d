"""Music in TypeScript, in Node: the same seed composes the same piece as in Python."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from recurra.core.errors import ConfigError
from recurra.core.notes import TICKS, Note, Piece
from recurra.core.sampling import SamplingOptions
from recurra.engines import EngineOptions
from recurra.formats.abc import read_collection
from recurra.formats.abc_notes import onsets
from recurra.formats.midi import read_midi
from recurra.formats.music_files import to_json
from recurra.formats.musicxml import read_musicxml
from recurra.formats.musicxml_write import write_musicxml
from recurra.tasks.music.compose import ComposeOptions, compose
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.vocabulary import (
    AbcVocabulary,
    PerformanceVocabulary,
    PolyphonyVocabulary,
)
from tests.browser.conftest import run
from tests.tasks.music.test_compose import MORE
from tests.tasks.music.toy import chord_piece, collection, model_of

TUNES = read_collection(collection(8) + "\n" + MORE)[0]
VOCABULARIES = {
    "abc": AbcVocabulary.learn([tune.tokens for tune in TUNES], 1),
    "polyphony": PolyphonyVocabulary(48, 72, 2),
    "performance": PerformanceVocabulary(),
}
PRIMES = {
    "abc": Piece.of([], abc=" ".join(TUNES[2].tokens)),
    "polyphony": chord_piece((60, 64, 67), (62, 65, 69), (59, 62), (60,)),
}
EXACT = EngineOptions(engine="reference", precision="float32")

CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("abc", {}, {}),
    ("abc", {"key": "D", "metre": "6/8", "bars": 8, "tempo": 99.5}, {"temperature": 0.8}),
    ("abc", {"key": "Em", "bars": 3}, {"top_p": 0.8}),
    ("abc", {"rules": False, "length": 300}, {"temperature": 1.3}),
    ("abc", {"length": 60}, {"temperature": 0}),
    ("abc", {"prime": "abc"}, {"top_k": 5}),
    ("abc", {"prime": "abc", "prime_bars": 2, "bars": 6}, {"min_p": 0.02}),
    ("polyphony", {"length": 200}, {}),
    ("polyphony", {"bars": 3, "metre": "3/4", "key": "G"}, {"temperature": 0.7, "top_p": 0.9}),
    ("polyphony", {"rules": False, "length": 200}, {}),
    ("polyphony", {"prime": "polyphony", "prime_bars": 1, "length": 90}, {}),
    ("polyphony", {"prime": "polyphony", "given": (1,), "particles": 6}, {}),
    ("polyphony", {"prime": "polyphony", "given": (1, 3), "particles": 5, "key": "C",
                   "voices": 5}, {"temperature": 0.9}),
    ("performance", {"length": 500}, {}),
]  # fmt: skip
REFUSED = [
    ("abc", {"key": "F#"}), ("abc", {"metre": "11/8"}), ("abc", {"rules": False, "bars": 3}),
    ("polyphony", {"metre": "none"}), ("polyphony", {"given": (1,)}),
    ("polyphony", {"prime": "polyphony", "given": (5,)}),
    ("polyphony", {"prime": "polyphony", "given": (3,), "voices": 2}),
    ("performance", {"bars": 2}), ("abc", {"key": "H"}), ("polyphony", {"key": "none"}),
    ("polyphony", {"prime": "polyphony", "bars": 1}), ("abc", {"prime": "abc", "bars": 2}),
]  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name, words in VOCABULARIES.items():
        model = model_of(words, sizes=(24, 16), seed=5)
        # Weights of first guesses expect everything alike; larger ones have a will of their own.
        model.weights = {k: 3 * v for k, v in model.weights.items()}
        found[name] = folder / f"{name}.safetensors"
        model.save(found[name])
    return found


def played(node: str, dist: Path, tmp_path: Path, models: dict[str, Path], cases: Any) -> Any:
    """Return what TypeScript makes of the cases."""
    asked = []
    for seed, (name, how, sampling) in enumerate(cases):
        how = dict(how)
        if "prime" in how:
            how["prime"] = to_json(PRIMES[how["prime"]])
        asked.append(
            {"model": str(models[name]), "seed": str(seed), "how": how, "sampling": sampling}
        )
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(asked))
    return json.loads(run(node, str(dist / "tests" / "music.node.mjs"), str(path), str(dist)))


def wanted(models: dict[str, Path], seed: int, name: str, how: Any, sampling: Any) -> Any:
    """Return what Python makes of a case."""
    model = MusicModel.load(models[name], **EXACT.model_dump())
    how = dict(how)
    prime = PRIMES[how.pop("prime")] if "prime" in how else None
    return model, compose(
        model, ComposeOptions(seed=seed, **how), SamplingOptions(**sampling), prime=prime
    ).pieces[0]


def heard(piece: Piece) -> list[tuple[int, int, int]]:
    return sorted((n.start, n.end, n.pitch) for n in piece.cleaned().notes)


def test_the_same_seed_composes_the_same_piece(
    node: str, dist: Path, tmp_path: Path, models: dict[str, Path]
) -> None:
    results = played(node, dist, tmp_path, models, CASES)
    assert len(results) == len(CASES)
    assert sum(len(found.get("tokens", [])) for found in results) > 1000
    for seed, ((name, how, sampling), found) in enumerate(zip(CASES, results, strict=True)):
        model, want = wanted(models, seed, name, how, sampling)
        assert "error" not in found, (name, how, found)
        assert found["tokens"] == want.tokens.tolist(), (name, how)
        assert found["begun"] == want.begun
        told = to_json(want.piece)
        del told["split"]
        assert found["piece"] == json.loads(json.dumps(told)), (name, how)
        assert found["abc"] == want.abc
        assert found["names"] == [model.vocabulary.token_text(int(t)) for t in want.tokens]
        if name == "abc":
            texts = model.vocabulary.texts(want.tokens)
            assert found["ticks"] == pytest.approx([float(at) * TICKS / 2 for at in onsets(texts)])
        if not want.piece.notes:
            continue
        # The files are read by what the library reads files with.
        midi = read_midi(base64.b64decode(found["midi"]))
        assert heard(midi) == heard(want.piece)
        assert [n.velocity for n in midi.notes] == [n.velocity for n in want.piece.cleaned().notes]
        assert midi.metre == want.piece.metre
        score, ours = read_musicxml(found["musicxml"].encode()), write_musicxml(want.piece)
        assert heard(score) == heard(read_musicxml(ours))


def test_what_python_refuses_is_refused_in_the_same_words(
    node: str, dist: Path, tmp_path: Path, models: dict[str, Path]
) -> None:
    results = played(node, dist, tmp_path, models, [(name, how, {}) for name, how in REFUSED])
    for seed, ((name, how), found) in enumerate(zip(REFUSED, results, strict=True)):
        with pytest.raises(ConfigError) as refusal:
            wanted(models, seed, name, how, {})
        assert found.get("error") == str(refusal.value), (name, how)


def test_titles_and_chords_are_written_with_care(
    node: str, dist: Path, tmp_path: Path, models: dict[str, Path]
) -> None:
    title = 'Jig & <Reel> "one"'
    (found,) = played(
        node, dist, tmp_path, models, [("polyphony", {"bars": 1, "title": title}, {})]
    )
    root = ElementTree.fromstring(found["musicxml"])
    assert root.findtext("work/work-title") == title
    assert f"T:{title}\n" in found["abc"]
    assert all(Note(*row).pitch < 128 for row in found["piece"]["notes"])
