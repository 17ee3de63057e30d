"""The peer: the network and training of Keras's character-level LSTM example, in Keras.

One LSTM of 128 units on one-hot windows of 40 characters taken every 3, softmax of the character
after each window, RMSprop at 0.01, batches of 128. Needs an environment of its own with `keras` and
a backend; prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path

WINDOW, STRIDE, BATCH = 40, 3, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()

    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import numpy as np

    text = options.text.read_text("utf-8")
    characters = sorted(set(text))
    index = {character: k for k, character in enumerate(characters)}
    ids = np.array([index[character] for character in text])
    size = len(characters)
    train, held_out = ids[: int(0.9 * len(ids))], ids[int(0.9 * len(ids)) : int(0.95 * len(ids))]
    one_hot = np.eye(size, dtype="float32")

    model = keras.Sequential(
        [
            keras.Input(shape=(WINDOW, size)),
            keras.layers.LSTM(128),
            keras.layers.Dense(size, activation="softmax"),
        ]
    )
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.RMSprop(learning_rate=0.01),
    )

    def windows(data: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return one_hot[data[starts[:, None] + np.arange(WINDOW)]], data[starts + WINDOW]

    rng = np.random.default_rng(0)
    starts = np.arange(0, len(train) - WINDOW, STRIDE)
    print("training", flush=True)
    model.train_on_batch(*windows(train, starts[:BATCH]))  # tracing is not training
    begin, seen = time.perf_counter(), 0
    while time.perf_counter() - begin < options.seconds:
        model.train_on_batch(*windows(train, rng.choice(starts, BATCH)))
        seen += BATCH
    speed = seen / (time.perf_counter() - begin)

    probe = np.arange(0, len(held_out) - WINDOW, 7)
    loss = float(model.evaluate(*windows(held_out, probe), batch_size=512, verbose=0))
    seed, made = held_out[:WINDOW].tolist(), 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < 3:
        shares = model.predict(one_hot[seed][None], verbose=0)[0].astype("float64")
        seed = [*seed[1:], int(rng.choice(size, p=shares / shares.sum()))]
        made += 1
    print(
        json.dumps(
            {
                "characters_per_second": speed,
                "validation_nats": loss,
                "generated_per_second": made / (time.perf_counter() - begin),
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
