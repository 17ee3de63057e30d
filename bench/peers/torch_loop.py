"""The peer of the kernel: PyTorch's own LSTM, and its cell in a loop, as they are documented."""

from __future__ import annotations

import time
from typing import Any

from bench.clock import LAYERS, VOCABULARY, WINDOW, rate


class TorchLoop:
    """One-hot input, `nn.LSTM` and `nn.Linear`; Adam (fused), gradients clipped at norm 5.

    Args:
        bfloat16: train under autocast.
        cell: generate with `nn.LSTMCell`, layer by layer, instead of `nn.LSTM`.
    """

    def __init__(
        self, *, hidden: int, threads: int, bfloat16: bool = False, cell: bool = False
    ) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.torch, self.threads, self.bfloat16 = torch, threads, bfloat16
        self.eye = torch.eye(VOCABULARY)
        self.lstm = torch.nn.LSTM(VOCABULARY, hidden, LAYERS)
        self.head = torch.nn.Linear(hidden, VOCABULARY)
        self.weights = [*self.lstm.parameters(), *self.head.parameters()]
        self.rule = torch.optim.Adam(self.weights, fused=True)
        self.cells = None
        if cell:
            sizes = [VOCABULARY] + [hidden] * (LAYERS - 1)
            self.cells = [torch.nn.LSTMCell(size, hidden) for size in sizes]

    def train(self, seconds: float, batch: int) -> float:
        tokens = self.torch.randint(0, VOCABULARY, (WINDOW, batch))
        return rate(lambda: self._step(tokens), WINDOW * batch, seconds, self.threads)

    def _step(self, tokens: Any) -> None:
        torch = self.torch
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            outputs, _ = self.lstm(self.eye[tokens])
            logits = self.head(outputs)
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), tokens.flatten())
        self.rule.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 5.0)
        self.rule.step()

    def generate(self, seconds: float, streams: int) -> float:
        draw = self._draw if self.cells is None else self._draw_with_cells
        with self.torch.inference_mode():
            return rate(lambda: draw(streams, 32), 32 * streams, seconds, self.threads)

    def _draw(self, streams: int, count: int) -> None:
        torch = self.torch
        token, state = torch.ones(streams, dtype=torch.long), None
        for _ in range(count):
            output, state = self.lstm(self.eye[token][None], state)
            shares = torch.softmax(self.head(output[0]) / 0.8, dim=-1)
            token = torch.multinomial(shares, 1)[:, 0]

    def _draw_with_cells(self, streams: int, count: int) -> None:
        torch = self.torch
        token = torch.ones(streams, dtype=torch.long)
        states: list[Any] = [None for _ in self.cells or ()]
        for _ in range(count):
            x = self.eye[token]
            for k, cell in enumerate(self.cells or ()):
                states[k] = cell(x, states[k])
                x = states[k][0]
            shares = torch.softmax(self.head(x) / 0.8, dim=-1)
            token = torch.multinomial(shares, 1)[:, 0]

    def gemm(self, seconds: float, bfloat16: bool) -> float:
        """Return the GFLOP/s of a product of two matrices of 1,024 x 1,024."""
        torch, size = self.torch, 1024
        kind = torch.bfloat16 if bfloat16 else torch.float32
        a, b = (torch.rand(size, size, dtype=torch.float32).to(kind) for _ in range(2))
        torch.mm(a, b)
        begin, best = time.perf_counter(), 0.0
        while time.perf_counter() - begin < seconds:
            best = max(best, rate(lambda: torch.mm(a, b), 2 * size**3, 0.05, self.threads))
        return best / 1e9
