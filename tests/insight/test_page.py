"""The page holds what was found, needs nothing from anywhere, and takes text for text."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from recurra.insight.ablation import ablate
from recurra.insight.forgetting import forgetting, reach
from recurra.insight.page import Page, render, write_page
from recurra.insight.trace import Unit, trace
from recurra.insight.units import explain
from tests.insight.networks import BRACKET, LETTERS, bracket_detector, bracket_text, build, ids
from tests.insight.networks import is_inside as inside_of

TEXT = bracket_text(400)


def page(pieces=None, **changes):
    spec, params = bracket_detector()
    network = build(spec, params)
    tokens = ids(TEXT)
    traced = trace(network, tokens, start=0)
    found = explain(traced, {"inside": inside_of(TEXT)}, permutations=19)
    best = found.ranking()[0]
    one = ablate(
        lambda changed: build(spec, changed), network, [best.unit], [0.0],
        tokens[:-1], tokens[1:], inside_of(TEXT)[:-1],
    )  # fmt: skip
    values = {
        "title": "Inside <b>brackets</b>", "network": "1 layer", "text": "made up",
        "token": "character", "pieces": list(TEXT) if pieces is None else pieces,
        "tokens": tokens, "vocabulary": list(LETTERS), "trace": traced,
        "saliency": np.random.default_rng(0).normal(size=(400, 7)), "analysed": 400, "nats": 1.0,
        "explanations": found, "forgetting": forgetting(traced),
        "reach": reach(network, tokens, traced, distance=5, positions=4),
        "ablations": [(best, one, one)],
    }  # fmt: skip
    return Page(**{**values, **changes})


def data_of(html: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    return json.loads(found[1])


def numbers(text: str, dtype: str):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_memories_come_back_within_a_step_of_their_range():
    made = page()
    data = data_of(render(made))
    states = numbers(data["states"], "u1").reshape(4, 400)
    low, high = np.array(data["low"])[:, None], np.array(data["high"])[:, None]
    want = np.clip(made.trace.memory.T, low, high)
    error = np.abs(low + states / 255 * (high - low) - want)
    assert (error <= (high - low) / 255 + 1e-3 * np.abs(want)).all()


def test_gates_and_saliency_come_back():
    made = page()
    data = data_of(render(made))
    names = data["gateNames"]
    assert names == ["i", "f", "g", "o"]
    assert data["gated"][0] == data["first"] == BRACKET
    gates = numbers(data["gates"], "u1").reshape(4, 4, 400) / 255
    np.testing.assert_allclose(gates[0, 1], made.trace.units["f"][:, BRACKET], atol=0.003)
    np.testing.assert_allclose(2 * gates[0, 2] - 1, made.trace.units["g"][:, BRACKET], atol=0.005)
    scale = np.array(data["saliencyScale"])[:, None]
    saliency = numbers(data["saliency"], "i1").reshape(400, 7) / 127 * scale
    np.testing.assert_allclose(saliency, made.saliency, atol=0.02)
    assert numbers(data["surprise"], "<u2")[5] == int(1000 * made.trace.surprise[5])


def test_what_was_expected_comes_back_likeliest_first():
    made = page()
    data = data_of(render(made))
    shares = numbers(data["likelyShare"], "<u2").reshape(400, 5) / 65535
    assert (np.diff(shares, axis=1) <= 0).all()
    likely = numbers(data["likely"], "<u4").reshape(400, 5)
    logits = made.trace.logits[8]
    assert likely[9, 0] == logits.argmax()
    assert shares[9, 0] == pytest.approx(np.exp(logits.max()) / np.exp(logits).sum(), abs=1e-4)


def test_text_cannot_leave_its_place():
    nasty = ["</script><script>alert(1)</script>", "<!--", "\u2028", "\ud800", "@@DATA@@", '"'] * 50
    html = render(page(nasty + list(TEXT)[300:]))
    assert html.count("</script>") == 2
    assert data_of(html)["pieces"][0] == nasty[0]
    html.encode("utf-8")


def test_the_page_asks_nobody_for_anything():
    html = render(page())
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", html))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in html
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
    ):
        assert word not in html


def test_five_thousand_characters_of_two_layers_of_256_stay_under_six_megabytes():
    rng = np.random.default_rng(0)
    made = page()
    units = {name: rng.random((5000, 512), np.float32) for name in ("i", "f", "g", "o", "c", "h")}
    wide = type(made.trace)(
        labels=range(5000), sizes=(256, 256), cell=made.trace.cell, units=units,
        logits=rng.random((5000, 97)), surprise=rng.random(5000),
    )  # fmt: skip
    feature = {"x": np.arange(5000) % 7 < 3}
    html = render(
        page(
            list("abcde" * 1000), trace=wide, tokens=np.zeros(5000, int),
            saliency=rng.normal(size=(5000, 40)), forgetting=forgetting(wide),
            explanations=explain(wide, feature, permutations=1), ablations=[],
        )
    )  # fmt: skip
    assert len(html.encode()) < 6_000_000
    assert len(data_of(html)["gated"]) >= 64


def test_the_unit_asked_for_is_shown_first():
    data = data_of(render(page(first=Unit(0, 3))))
    assert data["first"] == 3
    assert data["gated"][0] == 3


def test_the_page_is_written_whole(tmp_path):
    write_page(tmp_path / "page.html", page())
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert (tmp_path / "page.html").read_text(encoding="utf-8").endswith("</html>\n")
