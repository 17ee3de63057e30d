"""Files found and read: all kinds, several processes, and a word on what is left out."""

import gzip
import os

import pytest

from recurra.core.errors import ConfigError, FormatError
from recurra.formats.midi import write_midi
from recurra.formats.musicxml_write import write_musicxml
from recurra.tasks.music import reading
from recurra.tasks.music.corpus import encode_for, load_corpus
from recurra.tasks.music.settings import MusicOptions
from tests.tasks.music.toy import chorales, chord_piece, collection, tune


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "tunes.abc").write_text(collection(5), "utf-8")
    (tmp_path / "sub" / "a.mid").write_bytes(write_midi(chord_piece((60, 64), (62,))))
    (tmp_path / "b.musicxml").write_bytes(write_musicxml(chord_piece((60,), (67,))))
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(chorales(3).encode()))
    (tmp_path / "bad.mid").write_bytes(b"MThd nothing")
    (tmp_path / "notes.txt").write_text("no music")
    (tmp_path / ".hidden.mid").write_text("no music")
    return tmp_path


def test_a_folder_is_read_by_processes_and_each_file_is_reported(folder):
    told = []
    music = reading.read_music([folder], progress=lambda *done: told.append(done))
    names = {os.path.basename(report.name): report for report in music.files}
    assert {name: report.pieces for name, report in names.items()} == {
        "tunes.abc": 5, "a.mid": 1, "b.musicxml": 1, "c.json.gz": 3, "bad.mid": 0,
    }  # fmt: skip
    assert "film frames" in names["bad.mid"].error or "MIDI" in names["bad.mid"].error
    assert told[-1] == (5, 5)
    assert music.kinds == {"abc", "midi", "musicxml", "json"}
    assert music.sha256 == reading.read_music([folder]).sha256


def test_processes_read_what_this_one_reads(folder, monkeypatch):
    apart = reading.read_music([folder])
    monkeypatch.setattr(reading, "FEW_FILES", 100)
    assert reading.read_music([folder]) == apart


def test_a_file_that_takes_too_long_is_left_out_and_the_rest_is_read(folder, monkeypatch):
    class Hasty(reading._Reader):
        def read(self, path):
            self.seconds = 0.001 if path.endswith("tunes.abc") else 60.0
            return super().read(path)

    # Long enough to pass the limit by far, however coarsely a system counts.
    (folder / "tunes.abc").write_text(collection(500), "utf-8")
    monkeypatch.setattr(reading, "_Reader", Hasty)
    music = reading.read_music([folder])
    (lost,) = [report for report in music.files if report.name.endswith("tunes.abc")]
    assert "was left out" in lost.error
    assert sum(report.pieces for report in music.files) == 5


@pytest.mark.parametrize("patience", [10_000, 0.1])
def test_the_time_limit_ends_a_process(folder, monkeypatch, patience):
    if patience > 1 and not reading.COUNTS_WORK:
        pytest.skip("this system does not end processes by their computing time")
    monkeypatch.setattr(reading, "PATIENCE", patience)
    with reading._Reader({"resolution": None, "pedal": False}, 0.01) as reader:
        (folder / "tunes.abc").write_text(collection(1000), "utf-8")
        _, report = reader.read(str(folder / "tunes.abc"))
    assert "takes more than 0.01 s to read and was left out" in report.error


def test_a_busy_machine_changes_nothing_of_what_is_read(folder, monkeypatch):
    if not reading.COUNTS_WORK:
        pytest.skip("this system does not end processes by their computing time")
    # A process that starts slowly, as on a busy machine: the clock runs, no computing is done.
    slow = "import time, runpy; time.sleep(0.7); runpy.run_module('recurra.tasks.music.worker', "
    slow += "run_name='__main__')"
    popen = reading.subprocess.Popen

    def start(command, **how):
        return popen([command[0], "-c", slow], **how)

    monkeypatch.setattr(reading.subprocess, "Popen", start)
    monkeypatch.setattr(reading, "PATIENCE", 10_000)
    with reading._Reader({"resolution": None, "pedal": False}, 0.5) as reader:
        pieces, report = reader.read(str(folder / "tunes.abc"))
    assert (len(pieces), report.error) == (5, "")


@pytest.mark.parametrize(
    ("name", "sentence"), [("missing.mid", "there is no file"), ("*.kar", "there is no music")]
)
def test_a_wrong_name_is_told(folder, name, sentence):
    with pytest.raises(FormatError, match=sentence):
        reading.read_music([folder / name])


def test_where_nothing_can_be_read_the_reason_is_told(folder):
    with pytest.raises(FormatError, match=r"bad\.mid"):
        reading.read_music([folder / "bad.mid"])
    with pytest.raises(FormatError, match=r"its name has to end in \.mid"):
        reading.read_music([folder / "notes.txt"])


class TestCorpus:
    def test_tunes_are_split_for_good_and_learned_in_every_key(self, tmp_path):
        (tmp_path / "t.abc").write_text(collection(12))
        options = MusicOptions(transpose=2, validation=0.2, test=0.1, minimum_count=1)
        corpus = load_corpus([tmp_path / "t.abc"], options)
        assert corpus.vocabulary.kind == "abc"
        sizes = [len(corpus.of(split)) for split in corpus.splits]
        assert sum(sizes) == len(corpus.pieces)
        assert sizes[1:] == [2, 1]
        assert all(1 < len(variants) <= 5 for variants in corpus.variants)
        assert all(
            (one.tokens == v[0]).all() for one, v in zip(corpus.of("train"), corpus.variants)
        )
        again = load_corpus([tmp_path / "t.abc"], options)
        assert [p.split for p in again.pieces] == [p.split for p in corpus.pieces]

    def test_the_same_melody_in_another_key_is_learned_once(self, tmp_path):
        second = tune(3).replace("X:3", "X:9").replace("K:Em", "K:Bm").replace("K:Am", "K:Em")
        (tmp_path / "t.abc").write_text("\n".join([tune(3), tune(3), tune(4), second]))
        all_ = {"minimum_count": 1, "validation": 0, "test": 0}
        kept = load_corpus([tmp_path / "t.abc"], MusicOptions(**all_, duplicates="keep"))
        once = load_corpus([tmp_path / "t.abc"], MusicOptions(**all_))
        assert len(once.pieces) < len(kept.pieces) == 4
        assert "melody of another one" in once.notes[0]

    def test_rolls_keep_their_split_and_their_steps(self, tmp_path):
        (tmp_path / "c.json").write_text(chorales(9, steps=5))
        corpus = load_corpus([tmp_path / "c.json"], MusicOptions(transpose=1))
        assert corpus.vocabulary.to_document()["resolution"] == 1
        assert [len(corpus.of(split)) for split in corpus.splits] == [3, 3, 3]
        assert {corpus.vocabulary.steps(one.tokens) for one in corpus.pieces} == {5}
        assert [len(one) for one in corpus.variants] == [3, 3, 3]

    def test_rare_tokens_take_their_tunes_with_them(self, tmp_path):
        odd = "X:99\nM:4/4\nL:1/8\nK:C\n^^c'17/4 A B c d e f g|\n"
        (tmp_path / "t.abc").write_text(collection(20) + "\n" + odd)
        corpus = load_corpus([tmp_path / "t.abc"], MusicOptions(minimum_count=2, transpose=0))
        assert any("rarer" in note for note in corpus.notes)

    def test_pieces_outside_a_vocabulary_are_told(self, tmp_path):
        (tmp_path / "t.abc").write_text(collection(8))
        corpus = load_corpus([tmp_path / "t.abc"], MusicOptions(minimum_count=1, transpose=0))
        tokens, notes = encode_for(corpus.vocabulary, [chord_piece((20,))])
        assert not tokens
        assert "occurs in none" in notes[0]

    def test_nothing_left_to_train_on_is_told(self, tmp_path):
        (tmp_path / "c.json").write_text('{"test": [[[60]]]}')
        with pytest.raises(ConfigError, match="none to train on"):
            load_corpus([tmp_path / "c.json"], MusicOptions())
