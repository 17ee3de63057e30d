"""The peer: a from-scratch NumPy LSTM as such scripts are written, one sequence at a time.

Two layers, one-hot input, softmax, BPTT over windows of 50 with carried state, Adagrad, gradients
clipped by value at 5. No batch: every product is a matrix times a vector.
"""

from __future__ import annotations

import time

import numpy as np


class NumpyScratch:
    """The network, its data and its training loop."""

    def __init__(self, text: str, *, hidden: int = 100, layers: int = 2, window: int = 50) -> None:
        characters = sorted(set(text))
        index = {character: k for k, character in enumerate(characters)}
        self.ids = [index[character] for character in text]
        self.size, self.hidden, self.layers, self.window = len(characters), hidden, layers, window
        rng = np.random.default_rng(0)
        self.weights = {}
        for k in range(layers):
            width = self.size if k == 0 else hidden
            self.weights[f"W{k}"] = rng.normal(0, 0.08, (4 * hidden, width + hidden))
            self.weights[f"b{k}"] = np.zeros(4 * hidden)
            self.weights[f"b{k}"][hidden : 2 * hidden] = 1.0
        self.weights["Wy"] = rng.normal(0, 0.08, (self.size, hidden))
        self.weights["by"] = np.zeros(self.size)
        self.memory = {name: np.zeros_like(w) for name, w in self.weights.items()}
        self.h = [np.zeros(hidden) for _ in range(layers)]
        self.c = [np.zeros(hidden) for _ in range(layers)]
        self.at = 0

    def step(self) -> None:
        """Learn from one window."""
        if self.at + self.window + 1 > len(self.ids):
            self.at = 0
        read = self.ids[self.at : self.at + self.window + 1]
        self.at += self.window
        n, hidden, w = self.layers, self.hidden, self.weights
        tape, probs = [], []
        h, c = [x.copy() for x in self.h], [x.copy() for x in self.c]
        for t in range(self.window):
            x = np.zeros(self.size)
            x[read[t]] = 1.0
            rows = []
            for k in range(n):
                joined = np.concatenate([x, h[k]])
                z = w[f"W{k}"] @ joined + w[f"b{k}"]
                gates = 1.0 / (1.0 + np.exp(-z))
                i, f, o = gates[:hidden], gates[hidden : 2 * hidden], gates[3 * hidden :]
                g = np.tanh(z[2 * hidden : 3 * hidden])
                c_prev = c[k]
                c[k] = f * c_prev + i * g
                squashed = np.tanh(c[k])
                h[k] = o * squashed
                rows.append((joined, i, f, g, o, c_prev, squashed))
                x = h[k]
            y = w["Wy"] @ x + w["by"]
            p = np.exp(y - y.max())
            probs.append(p / p.sum())
            tape.append((rows, x))
        self.h, self.c = h, c

        grads = {name: np.zeros_like(weight) for name, weight in w.items()}
        dh_next = [np.zeros(hidden) for _ in range(n)]
        dc_next = [np.zeros(hidden) for _ in range(n)]
        for t in reversed(range(self.window)):
            rows, top = tape[t]
            dy = probs[t].copy()
            dy[read[t + 1]] -= 1.0
            grads["Wy"] += np.outer(dy, top)
            grads["by"] += dy
            dx = w["Wy"].T @ dy
            for k in reversed(range(n)):
                joined, i, f, g, o, c_prev, squashed = rows[k]
                dh = dx + dh_next[k]
                dc = dc_next[k] + dh * o * (1 - squashed**2)
                dz = np.concatenate(
                    [
                        dc * g * i * (1 - i),
                        dc * c_prev * f * (1 - f),
                        dc * i * (1 - g**2),
                        dh * squashed * o * (1 - o),
                    ]
                )
                grads[f"W{k}"] += np.outer(dz, joined)
                grads[f"b{k}"] += dz
                back = w[f"W{k}"].T @ dz
                dh_next[k], dc_next[k] = back[-hidden:], dc * f
                dx = back[:-hidden]
        for name, weight in w.items():
            grad = np.clip(grads[name], -5, 5)
            self.memory[name] += grad * grad
            weight -= 0.1 * grad / np.sqrt(self.memory[name] + 1e-8)

    def train(self, seconds: float) -> float:
        """Train for so long and return characters a second."""
        start, seen = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            self.step()
            seen += self.window
        return seen / (time.perf_counter() - start)
