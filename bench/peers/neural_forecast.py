"""The LSTM or DeepAR of neuralforecast on the same histories, for as many CPU seconds as ours had.

Runs in an environment of its own (`make bench-forecast-peers`), as a process: bench/forecast.py
sends a JSON request on standard input and gets a JSON answer on standard output. The request names
a .npz with `y` (histories end to end), `lengths` and `truth` [S, h], of which the first `first` are
learned from and all are forecast; `quantiles` [S, h, 9] are written to the .npz named `answer`.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import DistributionLoss, MQLoss
from neuralforecast.models import LSTM, DeepAR
from pytorch_lightning import Callback

LEVELS = [20, 40, 60, 80]


SPENT = {"started": 0.0, "train_cpu_seconds": 0.0, "steps": 0}
"""Filled in by `Budget`, of which neuralforecast makes copies."""


class Budget(Callback):
    """Stops a training after so many CPU seconds of this process."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_train_start(self, trainer, module) -> None:
        SPENT["started"] = time.process_time()

    def on_train_batch_end(self, trainer, module, *_) -> None:
        SPENT["steps"] += 1
        SPENT["train_cpu_seconds"] = time.process_time() - SPENT["started"]
        if SPENT["train_cpu_seconds"] >= self.seconds:
            trainer.should_stop = True


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    request = json.load(sys.stdin)
    data = np.load(request["file"])
    horizon, lengths = data["truth"].shape[1], data["lengths"]
    torch.set_num_threads(request["threads"])
    every = pd.DataFrame(
        {
            "unique_id": np.repeat([f"{n:05d}" for n in range(len(lengths))], lengths),
            "ds": np.concatenate([np.arange(length) for length in lengths]),
            "y": data["y"],
        }
    )
    learned = every[: int(lengths[: request["first"]].sum())]
    budget = Budget(request["cpu_seconds"])
    common = {
        "h": horizon, "input_size": request["window"], "max_steps": 1_000_000, "random_seed": 1,
        "scaler_type": "robust", "batch_size": 32, "callbacks": [budget], "accelerator": "cpu",
        "enable_progress_bar": False, "enable_model_summary": False, "logger": False,
        "enable_checkpointing": False, "start_padding_enabled": True,
    }  # fmt: skip
    name = request["model"]
    if name == "LSTM":
        made = LSTM(loss=MQLoss(level=LEVELS), encoder_hidden_size=128, encoder_n_layers=1,
                    inference_input_size=request["window"], **common)  # fmt: skip
    else:
        loss = DistributionLoss("StudentT", level=LEVELS, return_params=False)
        made = DeepAR(loss=loss, lstm_hidden_size=128, lstm_n_layers=1, **common)
    forecaster = NeuralForecast(models=[made], freq=1)
    started = time.perf_counter()
    forecaster.fit(learned, val_size=0)
    trained = time.perf_counter() - started
    before = time.process_time()
    found = forecaster.predict(df=every)
    columns = [
        *(f"{name}-lo-{level}" for level in reversed(LEVELS)), f"{name}-median",
        *(f"{name}-hi-{level}" for level in LEVELS),
    ]  # fmt: skip
    found.columns = [column.replace(".0", "") for column in found.columns]
    quantiles = found[columns].to_numpy().reshape(len(lengths), horizon, 9)
    np.savez(request["answer"], quantiles=np.sort(quantiles, axis=-1))
    facts = {
        "train_seconds": trained, "train_cpu_seconds": SPENT["train_cpu_seconds"],
        "steps": SPENT["steps"],
        "predict_cpu_seconds": time.process_time() - before,
        "parameters": sum(p.numel() for p in made.parameters()),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
