"""The nearest neighbour under dynamic time warping, as aeon has it.

Runs in an environment of its own (`make bench-forecast-peers`), as a process: bench/classify.py
sends a JSON request on standard input and gets a JSON answer on standard output. The request names
a .npz with `train` and `test` (series end to end [T, channels]), `train_lengths`, `test_lengths`
and `labels` of the training part; the answer holds the labels that are said of the test part.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier


def main() -> None:
    data = np.load(json.load(sys.stdin)["file"])

    def series(part: str) -> np.ndarray | list[np.ndarray]:
        """Return series [channels, T]: one array where all are as long, as aeon wants them."""
        ends = np.cumsum(data[f"{part}_lengths"])[:-1]
        found = [np.ascontiguousarray(one.T) for one in np.split(data[part], ends)]
        return np.stack(found) if len({one.shape for one in found}) == 1 else found

    # All channels together, no window: aeon's defaults, named so that they stay.
    neighbour = KNeighborsTimeSeriesClassifier(
        n_neighbors=1, distance="dtw", distance_params={"window": 1.0}, n_jobs=1
    )
    train, test = series("train"), series("test")
    neighbour.fit(train, data["labels"])
    neighbour.predict(test[:1])  # compiles
    before = time.process_time()
    said = neighbour.predict(test)
    facts = {
        "said": [str(one) for one in said],
        "cpu_seconds": time.process_time() - before,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
