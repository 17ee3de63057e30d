"""Generation on a device: choose a token, read it, choose the next, without waiting for Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recurra.core import sampling
from recurra.core.sampling import SamplingOptions
from recurra.core.spec import Spec
from recurra.engines.base import Array, OptimiserOptions
from recurra.engines.reference import ReferenceNetwork
from recurra.engines.reference.layer import Layer
from recurra.engines.torch.capture import record

CAPTURE_FROM = 16
"""Draws from which on a CUDA graph of one draw repays its making (about ten plain draws)."""

StateTensors = dict[str, Tensor]
Read = Callable[[Tensor, StateTensors], tuple[Tensor, StateTensors]]
"""Reads tokens [B] from a state: logits [B, V] and the state after."""


def choose(log_probs: Tensor, uniforms: Tensor | None, options: SamplingOptions) -> Tensor:
    """Return one token [B] a row: `core.sampling.distribution` and `choose`, as tensors.

    Args:
        log_probs: [B, V] float64. uniforms: [B, 2] float64; None when greedy.
    """
    if uniforms is None:
        return log_probs.argmax(dim=-1)
    scaled = log_probs / options.temperature
    probs = torch.exp(scaled - scaled.amax(dim=-1, keepdim=True))
    if options.top_k or options.top_p < 1:
        ranked, order = torch.sort(probs, dim=-1, descending=True, stable=True)
        if options.top_k:
            ranked[:, options.top_k :] = 0.0
        if options.top_p < 1:
            before = ranked.cumsum(dim=-1) - ranked
            out = before >= options.top_p * ranked.sum(dim=-1, keepdim=True)
            ranked = ranked.masked_fill(out, 0.0)
        probs = torch.zeros_like(probs).scatter(1, order, ranked)
    if options.min_p:
        least = options.min_p * probs.amax(dim=-1, keepdim=True)
        probs = probs.masked_fill(probs < least, 0.0)
    probs = probs / probs.sum(dim=-1, keepdim=True)
    cumulated = probs.cumsum(dim=-1)
    drawn = (cumulated <= uniforms[:, :1] * cumulated[:, -1:]).sum(dim=-1)
    if options.resample:
        again = (cumulated <= uniforms[:, 1:2] * cumulated[:, -1:]).sum(dim=-1)
        drawn = torch.where(drawn == probs.argmax(dim=-1), drawn, again)
    return drawn.clamp(max=probs.shape[-1] - 1)


def draw_on_device(
    read: Read,
    tokens: Tensor,
    state: StateTensors,
    uniforms: Array | None,
    count: int,
    options: SamplingOptions,
) -> tuple[Array, Array, StateTensors]:
    """Draw `count` tokens a sequence; sampling runs in float64 beside the network.

    Args:
        tokens: [B], read first. uniforms: [count, B, 2]; None when greedy.
    Returns: tokens [count, B], their log-probabilities, and the state after the last but one.
    """
    device = tokens.device
    # Tensors that change in place, so that one captured draw can be replayed.
    token, state = tokens.clone(), {name: array.clone() for name, array in state.items()}
    drawn = torch.empty((count, len(tokens)), dtype=torch.int64, device=device)
    log_probs = torch.empty((count, len(tokens)), dtype=torch.float64, device=device)
    shares = None if uniforms is None else torch.from_numpy(uniforms).to(device)
    now = None if shares is None else torch.empty_like(shares[0])
    said = torch.empty(len(tokens), dtype=torch.float64, device=device)

    def once() -> None:
        logits, after = read(token, state)
        every = functional.log_softmax(logits.double(), dim=-1)
        chosen = choose(every, now, options)
        said.copy_(every.gather(1, chosen[:, None])[:, 0])
        token.copy_(chosen)
        for name, array in after.items():
            state[name].copy_(array)

    step: Callable[[], None] = once
    warm = 3
    for n in range(count):
        if n == warm and device.type == "cuda" and count >= CAPTURE_FROM:
            recorded = record(once)
            step = once if recorded is None else recorded[0]
        if now is not None and shares is not None:
            now.copy_(shares[n])
        step()
        drawn[n].copy_(token)
        log_probs[n].copy_(said)
    return drawn.cpu().numpy(), log_probs.cpu().numpy(), state


def draw_on_host(
    read: Read,
    tokens: Tensor,
    state: StateTensors,
    uniforms: Array | None,
    count: int,
    options: SamplingOptions,
) -> tuple[Array, Array, StateTensors]:
    """As `draw_on_device`, with the sampling in NumPy: for devices without float64."""
    device = tokens.device
    drawn = np.empty((count, len(tokens)), np.int64)
    log_probs = np.empty((count, len(tokens)))
    for n in range(count):
        logits, state = read(tokens, state)
        every = sampling.log_softmax(logits.cpu().numpy())
        if uniforms is None:
            chosen = every.argmax(axis=-1)
        else:
            left = sampling.distribution(every, options)
            chosen = sampling.choose(left, uniforms[n], resample=options.resample)
        drawn[n] = chosen
        log_probs[n] = every[np.arange(len(chosen)), chosen]
        tokens = torch.from_numpy(chosen).to(device)
    return drawn, log_probs, state


def reference_over(spec: Spec, weights: dict[str, Tensor]) -> ReferenceNetwork:
    """Return a reference network whose arrays are views of `weights`, tensors on the CPU.

    It follows them for as long as they change only in place.
    """
    views = {name: weight.detach().numpy() for name, weight in weights.items()}
    dtype = next(iter(views.values())).dtype
    # Plain SGD, because it remembers nothing: this network never learns.
    network = ReferenceNetwork(spec, views, OptimiserOptions(optimiser="sgd"), dtype)
    network.params = views
    network.layers = [Layer(spec.stack.cell, views, k) for k in range(len(spec.stack.sizes))]
    return network
