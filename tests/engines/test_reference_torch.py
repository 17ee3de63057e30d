"""The reference engine against PyTorch's own LSTM, GRU and optimisers, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recurra.core.spec import Cell
from recurra.engines.base import OptimiserOptions
from recurra.engines.reference import ReferenceNetwork
from recurra.engines.reference.optimisers import Optimiser, clip
from tests.cases import make_spec, random_batch, random_params

EXACT = 1e-10


@pytest.mark.parametrize("gru", [False, True], ids=["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 3])
def test_outputs_and_gradients_equal_the_library_cell(gru, layers):
    rng = np.random.default_rng(1)
    spec = make_spec(Cell(gru=gru), sizes=(5,) * layers, reads="vector")
    params = random_params(spec, rng)
    window = random_batch(spec, rng, 11, 3)

    kind = torch.nn.GRU if gru else torch.nn.LSTM
    library = kind(4, 5, layers, dtype=torch.float64)
    head = torch.nn.Linear(5, 7, dtype=torch.float64)
    with torch.no_grad():
        for name, tensor in library.named_parameters():
            wanted = params.get(name, np.zeros(tensor.shape))  # bias_hh of an LSTM is zero
            tensor.copy_(torch.from_numpy(wanted))
        head.weight.copy_(torch.from_numpy(params["head.weight"]))
        head.bias.copy_(torch.from_numpy(params["head.bias"]))
    inputs = torch.from_numpy(window.inputs).requires_grad_()
    logits = head(library(inputs)[0])
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, 7), torch.from_numpy(window.targets).reshape(-1)
    )
    loss.backward()

    network = ReferenceNetwork(spec, params, dtype=np.float64)
    outputs, _ = network.forward(window.inputs, network.zero_state(3))
    np.testing.assert_allclose(outputs, logits.detach().numpy(), rtol=0, atol=EXACT)
    report, found = network.gradients(window, network.zero_state(3))
    assert report.loss_nats == pytest.approx(loss.item(), abs=EXACT)
    np.testing.assert_allclose(found.inputs, inputs.grad.numpy(), rtol=0, atol=EXACT)
    for name, tensor in library.named_parameters():
        if name in params:
            got, want = found.params[name], tensor.grad.numpy()
            np.testing.assert_allclose(got, want, rtol=0, atol=EXACT, err_msg=name)


RULES = {
    "sgd": ({}, lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.01)),
    "sgd with momentum": (
        {"momentum": 0.9},
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    ),
    "adagrad": ({}, lambda p: torch.optim.Adagrad(p, lr=0.1, weight_decay=0.01, eps=1e-8)),
    "rmsprop": ({}, lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.95, weight_decay=0.01)),
    "adam": (
        {},
        lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.9, 0.99), weight_decay=0.01),
    ),
    "adamw": (
        {},
        lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.9, 0.99), weight_decay=0.01),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_optimiser_follows_pytorch_for_a_hundred_steps(name):
    rng = np.random.default_rng(2)
    extra, make = RULES[name]
    options = OptimiserOptions(optimiser=name.split()[0], weight_decay=0.01, **extra)
    ours = {"weight": rng.normal(size=(4, 3))}
    theirs = torch.tensor(ours["weight"], requires_grad=True)
    library = make([theirs])
    rule = Optimiser(options, ours)
    for _ in range(100):
        grad = rng.normal(size=(4, 3))
        rule.update(ours, {"weight": grad}, 0.1)
        theirs.grad = torch.from_numpy(grad)
        library.step()
    np.testing.assert_allclose(ours["weight"], theirs.detach().numpy(), rtol=0, atol=1e-12)


def test_only_matrices_decay():
    shapes = {
        "weight_hh_l0": (2, 2),
        "bias_ih_l0": (2,),
        "peephole_l0": (3, 2),
        "norm_c_l0": (2, 2),
    }
    params = {name: np.ones(shape) for name, shape in shapes.items()}
    still = {name: np.zeros_like(array) for name, array in params.items()}
    for kind in ("sgd", "adamw"):
        rule = Optimiser(OptimiserOptions(optimiser=kind, weight_decay=0.5), params)
        rule.update(params, still, 0.1)
    assert params.pop("weight_hh_l0").max() < 1.0
    assert all((array == 1.0).all() for array in params.values())


def test_clipping_equals_pytorchs():
    rng = np.random.default_rng(3)
    grads = {"a": rng.normal(size=(3, 3)), "b": rng.normal(size=3)}
    tensors = [torch.tensor(g, requires_grad=True) for g in grads.values()]
    for tensor, grad in zip(tensors, grads.values(), strict=True):
        tensor.grad = torch.tensor(grad)
    wanted_norm = float(torch.nn.utils.clip_grad_norm_(tensors, 0.7))
    assert clip(grads, OptimiserOptions(clip_norm=0.7)) == pytest.approx(wanted_norm)
    for tensor, grad in zip(tensors, grads.values(), strict=True):
        np.testing.assert_allclose(grad, tensor.grad.numpy(), rtol=1e-12)
    clip(grads, OptimiserOptions(clip_norm=0, clip_value=0.1))
    assert max(np.abs(g).max() for g in grads.values()) <= 0.1
