"""What an eye sees in a text, and what a text model shows of itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import recurra
from recurra.cli.main import app
from recurra.core.errors import ConfigError
from recurra.core.sampling import log_softmax
from recurra.insight.trace import Unit
from recurra.tasks.text.features import text_features, token_ends
from recurra.tasks.text.inside import InsideOptions, look_inside
from recurra.tasks.text.inside_page import saliency_of_all
from recurra.tasks.text.vocabulary import ByteVocabulary, CharacterVocabulary
from recurra.tasks.text.words import WordVocabulary
from tests.tasks.text.test_model import model

# Features


def marks(text: str, feature: str, pattern: str | None = None) -> str:
    """Return ^ under every character where a feature holds."""
    return "".join(" ^"[int(bool(one))] for one in text_features(text, pattern)[feature]).rstrip()


@pytest.mark.parametrize(
    ("feature", "text", "want"),
    [
        ("inside quotes", 'He said "go on" twice.', "        ^^^^^^"),
        ("inside quotes", "x = 'a' + r'b\\'c'", "    ^^     ^^^^^"),
        ("inside quotes", "don't say 'it's no' to dogs'", "          ^^^^^^^^"),
        ("inside quotes", 'a """b"c\n\nd""" e', "  ^^^^^^^^^^^"),
        ("inside quotes", "“Go ‘on’” now", "^^^^^^^^"),
        ("inside quotes", 'an " alone\n\n and " again', ""),
        ("inside round brackets", "f(a, (b), c) + d)", " ^^^^^^^^^^"),
        ("inside round brackets", "a ( b } c) d ( e", "  ^^^^^^^"),
        ("inside square brackets", "a[b[0]](c)", " ^^^^^"),
        ("inside braces", "f(x) { y }", "     ^^^^"),
        ("inside markup", "a <b>x</b> [[y z]] {{q}} 1 < 2 > 1",
         "  ^^  ^^^  ^^^^^^  ^^^^"),
        ("leading space", "a b\n  c\n\td e\n   \n", "    ^^  ^"),
        ("word start", "Don't do-so 2nd", "^   ^ ^  ^  ^"),
        ("capital run", "A NASA I Am ÄÖ", "  ^^^^      ^^"),
        ("digit", "a1 22b", " ^ ^^"),
        ("vowel", "Apple Eye", "^   ^ ^ ^"),
        ("matches [a-c]+", "xabcx b", " ^^^  ^"),
    ],
)  # fmt: skip
def test_features_by_hand(feature, text, want):
    pattern = feature.removeprefix("matches ") if feature.startswith("matches") else None
    assert marks(text, feature, pattern) == want


def test_the_place_in_a_line_begins_anew_with_it():
    found = text_features("ab\ncde\n\nf")["position in line"]
    assert found.tolist() == [1, 2, 0, 1, 2, 3, 0, 0, 1]


def test_an_empty_text_has_empty_features():
    assert {len(values) for values in text_features("").values()} == {0}


def test_a_pattern_that_is_none_gets_a_sentence():
    with pytest.raises(ConfigError, match="no regular expression"):
        text_features("abc", "(")


@pytest.mark.parametrize(
    ("vocabulary", "text", "ends"),
    [
        (CharacterVocabulary("abc"), "abca", [0, 1, 2, 3]),
        (ByteVocabulary(), "aé€", [0, 1, 1, 2, 2, 2]),
        (WordVocabulary(["the", " ", "cat", "."]), "the cat.", [2, 6, 7]),
    ],
)
def test_tokens_end_where_their_last_character_stands(vocabulary, text, ends):
    tokens, found = token_ends(text, vocabulary)
    assert found.tolist() == ends
    assert len(tokens) == len(ends)


# The model's methods

TEXT = "abc (de) fgh " * 30


@pytest.fixture(scope="module")
def letters():
    return model(CharacterVocabulary("\n abcdefgh()"))


def test_a_trace_has_one_row_a_character(letters):
    found = letters.trace(TEXT)
    assert list(found.labels) == list(TEXT)
    np.testing.assert_allclose(np.exp(-found.surprise), letters.probabilities(TEXT), atol=1e-12)
    np.testing.assert_allclose(
        np.exp(log_softmax(found.logits)), letters.distributions(TEXT)[1:], atol=1e-12
    )


def test_saliency_asks_for_the_character_at_a_position(letters):
    found = letters.saliency(TEXT, 5)
    assert found.score == pytest.approx(np.log(letters.probabilities(TEXT)[5]), abs=1e-12)
    assert len(found.inputs) == len(found.dot) == len(found.states["c_l0"]) == 5
    other = letters.saliency(TEXT, 5, "h")
    assert other.score == pytest.approx(
        np.log(letters.distributions(TEXT)[5][letters.vocabulary.encode("h")[0]]), abs=1e-12
    )
    # After the end nothing stands: the likeliest character is asked for.
    last = letters.saliency(TEXT, len(TEXT))
    assert last.target == letters.distributions(TEXT)[-1].argmax()


def test_going_back_less_far_changes_nothing_within(letters):
    whole, short = letters.saliency(TEXT, 40), letters.saliency(TEXT, 40, reach=12)
    assert len(short.inputs) == 12
    assert short.score == pytest.approx(whole.score, abs=1e-12)
    np.testing.assert_allclose(short.inputs, whole.inputs[-12:], atol=1e-12)
    np.testing.assert_allclose(short.states["h_l0"], whole.states["h_l0"][-12:], atol=1e-12)


@pytest.mark.parametrize(
    ("position", "target", "sentence"),
    [(0, None, "position is 0"), (391, None, "391"), (3, "ab", "2 tokens"), (3, "", "0 tokens")],
)
def test_what_cannot_be_asked_gets_a_sentence(letters, position, target, sentence):
    with pytest.raises(ConfigError, match=sentence):
        letters.saliency(TEXT, position, target)


@pytest.mark.parametrize("back", [1, 6, 60])
def test_the_page_traces_back_what_saliency_traces_back(letters, back):
    tokens = letters.vocabulary.encode(TEXT[:50]).astype(np.int64)
    found = saliency_of_all(letters, tokens, letters.trace(TEXT[:50]), back)
    for place in (1, 5, 6, 7, 8, 49):
        want = letters.saliency(TEXT, place).dot[::-1][:back]
        np.testing.assert_allclose(found[place, : len(want)], want, atol=1e-5)
        assert not found[place, len(want) :].any()


def test_ablation_is_measured_on_the_text(letters):
    found = letters.ablate(TEXT, [(0, 3)], "inside round brackets")
    nats = -np.log(letters.probabilities(TEXT))
    assert found.intact.whole == pytest.approx(nats.mean(), abs=1e-10)
    assert (found.inside, found.outside) == (90, 300)
    assert found.values[0] == pytest.approx(letters.trace(TEXT)["c"].at(layer=0, unit=3)
                                            .values.mean())  # fmt: skip
    assert letters.ablate(TEXT, [(0, 3)], "vowel", value="zero").values == (0.0,)
    with pytest.raises(ConfigError, match="no feature 'verbs'"):
        letters.ablate(TEXT, [(0, 3)], "verbs")


def test_looking_inside_answers_every_question_at_once(letters):
    found = letters.inside(TEXT, permutations=9, distance=20, pattern="de", ablations=1)
    facts = json.loads(json.dumps(found.facts(), allow_nan=False))
    assert facts["tokens"] == len(TEXT)
    assert facts["nats_per_token"] == pytest.approx(np.log(letters.perplexity(TEXT)))
    assert [one["unit"] for one in facts["units"]].count("0:3") == 1
    assert len(facts["units"]) == 9
    assert {"inside round brackets", "vowel", "matches de"} <= {
        one["feature"] for one in facts["detectors"]
    }
    assert "digit" in facts["not_tested"]
    assert len(facts["reach"]["divergence_nats"]) == 21
    assert [one["feature"] for one in facts["ablations"]] == [facts["detectors"][0]["feature"]]


def test_a_unit_asked_for_is_taken_out_in_its_context_and_the_pattern(letters):
    options = InsideOptions(permutations=9, distance=20, pattern="de", ablations=0)
    found = look_inside(letters, TEXT, options, units=[Unit(0, 2)])
    contexts = [one.feature for one, _, _ in found.ablations]
    assert contexts[-1] == "matches de"
    assert {one.unit for one, _, _ in found.ablations} == {Unit(0, 2)}


def test_an_empty_text_is_refused(letters):
    with pytest.raises(ConfigError, match="empty"):
        letters.trace("")


# The verb


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inside")
    (folder / "poem.txt").write_text('the cat (a "big" one) sat on the mat,\nthe dog lay.\n\n' * 60)
    recurra.train(
        folder / "poem.txt", run=folder / "run", steps=10, engine="reference", sizes=[8],
        embedding=0, batch_size=8, window=32, learning_rate=2e-2, test=0.2,
    )  # fmt: skip
    return folder / "run"


def inside(*words: object):
    return CliRunner().invoke(app, ["inside", *map(str, words)])


def test_the_verb_prints_its_tables_and_writes_its_page(run, tmp_path):
    done = inside(
        run, "--text", run.parent / "poem.txt", "--unit", "0:3", "--permutations", 9,
        "--html", tmp_path / "page.html", "--shown", 300, "--characters", 800,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    for words in ("the units asked for", "inside round brackets", "taken out", "half-life",
                  "steps later"):  # fmt: skip
        assert words in done.stdout
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Inside run" in html
    assert "page.html" in done.stderr


def test_without_a_text_the_held_out_part_is_read(run):
    done = inside(run, "--json", "--permutations", 9)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert "held-out" in facts["text"]
    assert facts["tokens"] == pytest.approx(0.2 * 60 * 53, rel=0.1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--unit", "1:0"], "no unit 1:0"),
        (["--pattern", "("], "no regular expression"),
        (["--characters", "10"], "--characters"),
    ],
)
def test_what_the_verb_cannot_do_gets_a_sentence(run, words, sentence):
    done = inside(run, *words)
    assert done.exit_code == 2
    assert sentence in done.stderr
