"""Golden cases for the kernel in the browser, written by the reference engine in float64."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from recurra.core.parameters import initialise
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Cell, Embedding, OneHot, Softmax, Spec, Stack
from recurra.engines import EngineOptions, make
from recurra.engines.base import Batch, Gradients, OptimiserOptions
from recurra.learning.windows import LastPosition, Streams
from tests.cases import (
    VARIANTS,
    VOCABULARY,
    make_spec,
    random_batch,
    random_params,
    random_state,
)

STEPS = 3
RULES = (
    OptimiserOptions(optimiser="sgd", momentum=0.9),
    OptimiserOptions(optimiser="sgd", clip_value=0.05),
    OptimiserOptions(optimiser="adagrad"),
    OptimiserOptions(optimiser="rmsprop", clip_norm=0),
    OptimiserOptions(optimiser="adam", weight_decay=0.01),
    OptimiserOptions(optimiser="adamw", weight_decay=0.1, clip_norm=0.5),
)
SAMPLINGS = (
    SamplingOptions(),
    SamplingOptions(temperature=0),
    SamplingOptions(temperature=0.7, top_k=3),
    SamplingOptions(temperature=1.3, top_p=0.8, resample=True),
    SamplingOptions(min_p=0.2),
)


def pack(array: Any, kind: str) -> dict[str, str]:
    data = np.ascontiguousarray(array, {"f4": "<f4", "f8": "<f8", "i4": "<i4", "u1": "u1"}[kind])
    return {"type": kind, "data": base64.b64encode(data.tobytes()).decode()}


def pack_all(arrays: Any, kind: str = "f8") -> dict[str, Any]:
    return {name: pack(array, kind) for name, array in arrays.items()}


def write(path: Path) -> int:
    """Write every case and return how many there are."""
    rng = np.random.default_rng(11)
    networks = [
        *(
            network_case(f"{variant} {sizes}", make_spec(cell, sizes=sizes), rng, resets=True)
            for variant, cell in VARIANTS.items()
            for sizes in ((5,), (17, 6))
        ),
        *(
            network_case(f"{reads} {cell.gates}", make_spec(cell, sizes=(13, 4), reads=reads), rng)
            for reads in ("one_hot", "embedding", "vector")
            for cell in (Cell(), Cell(gru=True))
        ),
        *(
            network_case(f"rule {rule.optimiser} {n}", make_spec(sizes=(8, 3)), rng, rule=rule)
            for n, rule in enumerate(RULES)
        ),
        *(
            network_case(f"window {time} x {width}", make_spec(sizes=(16, 19)), rng, time, width)
            for time, width in ((1, 1), (1, 7), (64, 1), (64, 5))
        ),
        network_case("tied", make_spec(sizes=(9, 5), tied=True), rng, weights=True),
        network_case("residual", make_spec(sizes=(7, 7, 7), residual=True), rng),
        network_case(
            "dropout", make_spec(sizes=(33, 20), dropout=0.3, recurrent_dropout=0.2), rng, 6, 3
        ),
        network_case("large", large(), rng, 16, 8),
    ]
    document = {
        "networks": networks,
        "windows": windows_cases(rng),
        "initial": [
            initial_case(make_spec(cell, sizes=(6, 9), tied=tied), seed)
            for cell in (Cell(), Cell(gru=True), Cell(layer_norm=True, peephole=True))
            for tied in (False, True)
            for seed in (0, 2**63 - 1)
        ]
        + [initial_case(large(), 5)],
    }
    path.write_text(json.dumps(document))
    return len(networks)


def large() -> Spec:
    return Spec(
        input=Embedding(vocabulary_size=71, size=24),
        stack=Stack(sizes=(128, 96)),
        head=Softmax(vocabulary_size=71),
    )


def network_case(
    name: str,
    spec: Spec,
    rng: np.random.Generator,
    time: int = 7,
    width: int = 3,
    *,
    rule: OptimiserOptions | None = None,
    resets: bool = False,
    weights: bool = False,
) -> dict[str, Any]:
    """Compute one network's answers. Weights and inputs are float32 numbers, the sums float64."""
    rule = rule or OptimiserOptions()
    scale = 0.6 if spec.head.outputs == VOCABULARY else 0.1
    # float32 on the way in, so that both sides start from the same numbers.
    params = {n: a.astype(np.float32) for n, a in random_params(spec, rng, scale).items()}
    window = single(random_batch(spec, rng, time, width, resets=resets, weights=weights))
    arrays = {n: a.astype(np.float32) for n, a in random_state(spec, rng, width).items()}
    doutputs = rng.normal(size=(time, width, spec.head.outputs)).astype(np.float32)
    reference = make("reference", EngineOptions(engine="reference", precision="float64"))
    network = reference.build(spec, {n: a.astype(np.float64) for n, a in params.items()}, rule)
    state = network.import_state(arrays)
    outputs, after = network.forward(window.inputs, state, window.resets)
    report, log_probs, _ = network.evaluate(window, state)
    _, gradients = network.gradients(window, state)
    backward = network.backward(window.inputs, state, doutputs, window.resets)
    trace = network.trace(window.inputs, state, window.resets)
    generated = []
    if window.inputs.ndim == 2:
        for n, sampling in enumerate(SAMPLINGS):
            drawn = network.generate(window.inputs[0], state, 50, sampling, seed=n)
            generated.append(
                {
                    "sampling": sampling.model_dump(),
                    "seed": n,
                    "tokens": pack(drawn.tokens, "i4"),
                    "log_probs": pack(drawn.log_probs, "f8"),
                }
            )
    carried, losses = state, []
    rate = 0.01
    for step in range(STEPS):
        pending, carried = network.train_step(
            window, carried, learning_rate=rate, step=step, seed=3
        )
        losses.append(pending.read().loss_nats)
    described = {"time": time, "batch": width, "targets": pack(window.targets, "i4")}
    described["inputs"] = pack(window.inputs, "i4" if window.inputs.ndim == 2 else "f4")
    if window.weights is not None:
        described["weights"] = pack(window.weights, "f4")
    if window.resets is not None:
        described["resets"] = pack(window.resets, "u1")
    return {
        "name": name,
        "spec": spec.model_dump(mode="json"),
        "optimiser": rule.model_dump(),
        "weights": pack_all(params, "f4"),
        "state": pack_all(arrays, "f4"),
        "window": described,
        "doutputs": pack(doutputs, "f4"),
        "rate": rate,
        "seed": 3,
        "steps": STEPS,
        "want": {
            "outputs": pack(outputs, "f8"),
            "after": pack_all(network.export_state(after)),
            "log_probs": pack(log_probs, "f8"),
            "report": {
                "loss_nats": report.loss_nats,
                "accuracy": report.accuracy,
                "mean_posterior": report.mean_posterior,
                "positions": report.positions,
            },
            "gradients": pack_gradients(gradients),
            "backward": pack_gradients(backward),
            "trace": pack_all(trace),
            "losses": pack(losses, "f8"),
            "trained": pack_all(network.weights()),
            "generated": generated,
        },
    }


def single(batch: Batch) -> Batch:
    """Round vectors to float32."""
    inputs = batch.inputs
    inputs = inputs.astype(np.float32) if inputs.ndim == 3 else inputs
    return Batch(inputs, batch.targets, batch.weights, batch.resets)


def pack_gradients(gradients: Gradients) -> dict[str, Any]:
    return {
        "params": pack_all(gradients.params),
        "inputs": pack(gradients.inputs, "f8"),
        "state": pack_all(gradients.state),
    }


def windows_cases(rng: np.random.Generator) -> list[dict[str, Any]]:
    tokens = rng.integers(0, 250, 3001).astype(np.uint8)
    resets = np.flatnonzero(rng.random(3001) < 0.01)
    short = tokens[:37]
    cases = []
    for name, text, batch, window, limit, last in (
        ("streams", tokens, 4, 16, None, False),
        ("streams, limited", tokens, 7, 10, 900, False),
        ("streams, prime", tokens[:2003], 5, 13, None, False),
        ("streams, short", short, 8, 64, None, False),
        ("streams, joined end", tokens[:122], 3, 9, None, False),
        ("last", tokens, 8, 12, None, True),
        ("last, short", short, 64, 5, None, True),
    ):
        near = resets[resets < len(text)]
        made: Streams | LastPosition
        if last:
            made = LastPosition(text, batch=batch, window=window, stride=3, seed=9, resets=near)
        else:
            made = Streams(text, batch=batch, window=window, resets=near, limit=limit)
        numbers = sorted({0, 1, 31, 32, 33, made.count - 1, made.count, 2 * made.count + 1})
        cases.append(
            {
                "name": name,
                "tokens": pack(text, "u1"),
                "resets": pack(near, "i4"),
                "options": {
                    "batch": batch, "window": window, "stride": 3, "seed": 9, "limit": limit,
                },
                "last": last,
                "count": made.count,
                "at": [window_case(made, n) for n in numbers],
            }
        )  # fmt: skip
    return cases


def window_case(made: Streams | LastPosition, n: int) -> dict[str, Any]:
    window = made[n]
    batch = window.batch
    case = {
        "n": n,
        "time": batch.inputs.shape[0],
        "batch": batch.inputs.shape[1],
        "inputs": pack(batch.inputs, "i4"),
        "targets": pack(batch.targets, "i4"),
        "carries": window.carries,
        "tokens": window.tokens,
    }
    if batch.weights is not None:
        case["weights"] = pack(batch.weights, "f4")
    if batch.resets is not None:
        case["resets"] = pack(batch.resets, "u1")
    return case


def initial_case(spec: Spec, seed: int) -> dict[str, Any]:
    return {
        "name": f"first weights of {spec.stack.sizes} from {seed}",
        "spec": spec.model_dump(mode="json"),
        "seed": str(seed),
        "want": pack_all(initialise(spec, seed), "f4"),
    }


def one_hot(vocabulary: int, sizes: tuple[int, ...]) -> Spec:
    return Spec(
        input=OneHot(vocabulary_size=vocabulary),
        stack=Stack(sizes=sizes),
        head=Softmax(vocabulary_size=vocabulary),
    )
