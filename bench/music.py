"""Music: likelihood on chorales and folk tunes, and what composed tunes are worth.

    python bench/music.py [--only jsb,nottingham,abc] [--seconds 170] [--tunes 200]

Trains the preset small for `--seconds` on each set and measures, in ten minutes for all three:

    jsb          nats a time step on the 77 test chorales (jsb-roll, quarter notes)
    nottingham   the same on the 170 test tunes (nottingham-roll)
    abc          of tunes composed by a model of ABC: how many an independent library (music21)
                 reads, in how many the bars add up, how many end on the tonic, how long the runs
                 are that stand in the training tunes (in any key), beside tunes that were held
                 out; all of them through MIDI and back; free, by the rules, and of 16 bars

Published figures are told beside. Writes bench/out/music.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.common import ForeignTime, print_plain, write_json  # noqa: E402
from recurra.core.notes import Piece  # noqa: E402
from recurra.core.sampling import SamplingOptions  # noqa: E402
from recurra.formats.abc_keys import Key  # noqa: E402
from recurra.formats.abc_notes import bars  # noqa: E402
from recurra.formats.midi import read_midi, write_midi  # noqa: E402
from recurra.learning.run_folder import RunFolder  # noqa: E402
from recurra.tasks.music.compose import ComposeOptions, compose  # noqa: E402
from recurra.tasks.music.copies import Melodies  # noqa: E402
from recurra.tasks.music.corpus import encode_for  # noqa: E402
from recurra.tasks.music.model import MusicModel  # noqa: E402
from recurra.tasks.music.training import Training, prepare  # noqa: E402
from recurra.tasks.music.wishes import USUAL  # noqa: E402

SETS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "jsb": (("jsb-roll",), {"transpose": 6}),
    "nottingham": (("nottingham-roll",), {"transpose": 3, "dropout": 0.2}),
    "abc": (("nottingham", "irish-abc"), {"transpose": 3, "dropout": 0.3}),
}
PUBLISHED = {
    "jsb": [("LSTM, independent notes (Bai et al. 2018)", 8.45),
            ("RNN-NADE (Boulanger-Lewandowski et al. 2012)", 5.56)],
    "nottingham": [("LSTM, independent notes (Bai et al. 2018)", 3.29),
                   ("RNN-NADE (Boulanger-Lewandowski et al. 2012)", 2.31)],
}  # fmt: skip


def trained(name: str, seconds: float, runs: Path) -> tuple[Training, MusicModel, float]:
    """Train on a set and return the model with the cores that others kept busy."""
    sets, settings = SETS[name]
    training = prepare(sets, {**settings, "seconds": seconds, "sample_every": 0})
    with ForeignTime() as foreign, RunFolder.create(runs / name, training.describe()) as folder:
        training.run(folder)
    return training, MusicModel.load(runs / name), foreign.cores


def likelihood(name: str, seconds: float, runs: Path) -> list[dict[str, Any]]:
    """Return the rows of a set of piano rolls."""
    training, model, foreign = trained(name, seconds, runs)
    pieces = [one.tokens for one in training.task.corpus.of("test")]
    score = model.score(pieces)
    ours = {
        "model": f"Recurra, {seconds:.0f} s", "nats a step": round(score.nats_per_step, 3),
        "pieces": score.pieces, "steps": score.steps, "parameters": model.parameters,
        "foreign cores": round(foreign, 2),
    }  # fmt: skip
    return [ours, *({"model": who, "nats a step": value} for who, value in PUBLISHED[name])]


def tunes(
    seconds: float, runs: Path, count: int, model_path: str | None = None
) -> list[dict[str, Any]]:
    """Return what composed tunes are worth, free and under the rules, beside held-out ones."""
    if model_path is None:
        training, model, foreign = trained("abc", seconds, runs)
    else:
        sets, settings = SETS["abc"]
        training = prepare(sets, {**settings, "steps": 1})
        model, foreign = MusicModel.load(model_path), None
    corpus = training.task.corpus
    source = Melodies([one.piece for one in corpus.of("train")])
    held_out = [one.piece for part in ("validation", "test") for one in corpus.of(part)]
    # By the model's own vocabulary; of tunes that have a token that it never learned, nothing.
    tokens, _ = encode_for(model.vocabulary, [one.piece for one in corpus.of("test")])
    test = model.score(tokens).nats_per_token
    rows = [judged("held-out tunes", held_out, source)]
    wishes: dict[str, dict[str, Any]] = {
        "no rules, temperature 1": {"rules": False, "temperature": 1.0},
        "no rules, temperature 0.9": {"rules": False, "temperature": 0.9},
        "no rules": {"rules": False},
        "by the rules, one drawn": {"endings": 1},
        "by the rules": {},
        "16 bars, one drawn": {"bars": 16, "endings": 1, "samples": -(-count // 4)},
        "16 bars": {"bars": 16, "samples": -(-count // 4)},
    }
    for label, asked in wishes.items():
        warm = SamplingOptions(temperature=asked.pop("temperature", USUAL.temperature))
        how = ComposeOptions.parse({"samples": count, "seed": 1, "length": 1000, **asked})
        made = compose(model, how, warm)
        rows.append(judged(label, [one.piece for one in made.pieces], source))
    rows[1] |= {
        "test nats a token": round(test, 3), "parameters": model.parameters,
        "training steps": model.provenance["steps"],
    }  # fmt: skip
    if foreign is not None:
        rows[1] |= {"foreign cores": round(foreign, 2)}
    return rows


def judged(label: str, pieces: Sequence[Piece], source: Melodies) -> dict[str, Any]:
    """Return the row of some tunes."""
    right = [all(bar.adds_up for bar in bars(piece.abc.split(" "))) for piece in pieces]
    heard = [by_music21(piece) for piece in pieces]
    copies = [source.longest(piece) for piece in pieces]
    return {
        "tunes": label,
        "count": len(pieces),
        "music21 reads": share(one is not None for one in heard),
        "bars add up": share(right),
        "bars add up (music21)": share(one is True for one in heard),
        "same through MIDI": share(map(through_midi, pieces)),
        "end on the tonic": share(map(ends_on_the_tonic, pieces)),
        "notes": statistics.median(copy.length for copy in copies),
        "longest copy, notes": statistics.median(copy.notes for copy in copies),
        "largest": max(copy.notes for copy in copies),
    }


def share(flags: Any) -> float:
    listed = list(flags)
    return round(sum(listed) / max(1, len(listed)), 3)


def through_midi(piece: Piece) -> bool:
    """Whether a piece as MIDI is read as the same notes."""
    piece = piece.cleaned()
    if not piece.notes:
        return False
    return [n[:3] for n in read_midi(write_midi(piece)).notes] == [n[:3] for n in piece.notes]


def ends_on_the_tonic(piece: Piece) -> bool:
    """Whether the last note is the key's first."""
    keys = [t.strip("[]")[2:] for t in piece.abc.split(" ") if t.startswith(("K:", "[K:"))]
    return bool(piece.notes) and piece.notes[-1].pitch % 12 == Key.parse((keys or ["C"])[-1]).tonic


def by_music21(piece: Piece) -> bool | None:
    """Return None where music21 cannot read a tune, else whether it too finds its bars right."""
    import music21

    from recurra.formats.abc_score import write_abc

    try:
        score = music21.converter.parse(write_abc(replace(piece, name="T")), format="abc")
        measures = list(score.recurse().getElementsByClass(music21.stream.Measure))
        if not list(score.recurse().notes):
            return None
    except Exception:  # whatever it stumbles over, it has not read the tune
        return None
    right = True
    for place, measure in enumerate(measures):
        time = measure.getContextByClass(music21.meter.TimeSignature)
        if time is None:
            continue
        length = sum(Fraction(n.quarterLength) for n in measure.notesAndRests)
        full = Fraction(time.barDuration.quarterLength)
        edges = (measures[place - 1].rightBarline if place else "begin", measure.rightBarline,
                 measure.leftBarline)  # fmt: skip
        edge = place == len(measures) - 1 or any(bar is not None for bar in edges)
        right = right and (length == full or (edge and length < full))
    return right


def main() -> None:
    """Run what was asked for, print and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(SETS), help="sets, with commas between them")
    parser.add_argument("--seconds", type=float, default=170.0, help="training a set (170)")
    parser.add_argument("--tunes", type=int, default=200, help="tunes to compose (200)")
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder")
    parser.add_argument("--model", help="judge this model of ABC instead of training one")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    lists: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = asked.runs or Path(folder)
        for name in asked.only.split(","):
            if name == "abc":
                rows = tunes(asked.seconds, runs, asked.tunes, asked.model)
                title = "Composed tunes"
            else:
                rows = likelihood(name, asked.seconds, runs)
                title = {"jsb": "JSB chorales", "nottingham": "Nottingham"}[name]
            print_plain(title, rows)
            lists[title] = rows
    path = write_json("music", {}, lists=lists, keep=True)
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
