"""The whole way in a few seconds: train, save, load, write, judge. Run it before every commit."""

from __future__ import annotations

import numpy as np

import recurra


def test_a_model_is_trained_saved_loaded_and_sampled(tmp_path):
    text = tmp_path / "alphabet.txt"
    text.write_text("abcdefghijklmnopqrstuvwxyz\n" * 150)
    model = recurra.train(
        text, run=tmp_path / "run", engine="reference", sizes=[32], embedding=0, batch_size=8,
        window=40, steps=250, learning_rate=2e-2, seed=1,
    )  # fmt: skip
    model.save(tmp_path / "alphabet.safetensors")
    loaded = recurra.load(tmp_path / "alphabet.safetensors")
    assert loaded.generate("abc", length=24, temperature=0) == "defghijklmnopqrstuvwxyz\n"
    assert loaded.generate(length=60, seed=1) == model.generate(length=60, seed=1)
    # A text that is known by heart costs next to nothing after its first letter.
    assert np.median(loaded.probabilities("abcdefghij")[1:]) > 0.9
    assert loaded.score(text.read_text()).bits_per_char < 0.3
    assert recurra.load(tmp_path / "run").perplexity("klm") == loaded.perplexity("klm")
