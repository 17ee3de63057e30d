"""The peer: what a competent person writes with PyTorch's own LSTM in half an hour.

Embedding, `nn.LSTM`, linear head, truncated BPTT with carried state, Adam, gradient clipping at 1,
in float32 or under bfloat16 autocast. Run as a script it trains for a number of seconds and prints
one JSON line; imported, `PlainTorch` is a contestant of the speed benchmark.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path


class PlainTorch:
    """The network, its data and its training loop."""

    def __init__(
        self,
        text: str,
        *,
        hidden: int = 128,
        layers: int = 2,
        batch: int = 64,
        window: int = 64,
        learning_rate: float = 2e-3,
        bfloat16: bool = False,
        embedding: int = 64,
        seed: int = 0,
    ) -> None:
        import torch
        from torch import nn

        self.torch = torch
        torch.manual_seed(seed)
        self.characters = sorted(set(text))
        index = {character: k for k, character in enumerate(self.characters)}
        self.ids = torch.tensor([index[character] for character in text])
        self.size = len(self.characters)
        self.batch, self.window, self.bfloat16 = batch, window, bfloat16
        self.embedding = nn.Embedding(self.size, embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers)
        self.head = nn.Linear(hidden, self.size)
        modules = (self.embedding, self.lstm, self.head)
        self.parameters = [p for module in modules for p in module.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, learning_rate)
        length = int(0.9 * len(self.ids)) // batch
        self.streams = self.ids[: length * batch].view(batch, length).t().contiguous()
        self.at, self.state = 0, None

    def train(self, seconds: float) -> float:
        """Train for so long and return characters a second."""
        torch = self.torch
        start = time.perf_counter()
        seen = 0
        while time.perf_counter() - start < seconds:
            if self.at + self.window + 1 > len(self.streams):
                self.at, self.state = 0, None
            inputs = self.streams[self.at : self.at + self.window]
            targets = self.streams[self.at + 1 : self.at + self.window + 1]
            self.at += self.window
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
                hidden, state = self.lstm(self.embedding(inputs), self.state)
                logits = self.head(hidden)
            loss = torch.nn.functional.cross_entropy(
                logits.float().view(-1, self.size), targets.reshape(-1)
            )
            self.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimiser.step()
            self.state = tuple(part.detach() for part in state)
            seen += inputs.numel()
        return seen / (time.perf_counter() - start)

    def validation_loss(self) -> float:
        """Return nats per character of the 5 % after the training text, in one carried stream."""
        torch = self.torch
        text = self.ids[int(0.9 * len(self.ids)) : int(0.95 * len(self.ids))].unsqueeze(1)
        state, total = None, 0.0
        with torch.inference_mode():
            for at in range(0, len(text) - 1, 1000):
                inputs = text[at : at + 1000][: len(text) - 1 - at]
                hidden, state = self.lstm(self.embedding(inputs), state)
                targets = text[at + 1 : at + 1 + len(inputs)].reshape(-1)
                logits = self.head(hidden).view(-1, self.size)
                loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
                total += float(loss)
        return total / (len(text) - 1)

    def generate(self, seconds: float, streams: int = 1) -> float:
        """Generate for so long at temperature 0.8 and return characters a second."""
        torch = self.torch
        tokens = torch.zeros((1, streams), dtype=torch.long)
        state, made = None, 0
        start = time.perf_counter()
        with torch.inference_mode():
            while time.perf_counter() - start < seconds:
                hidden, state = self.lstm(self.embedding(tokens), state)
                shares = torch.softmax(self.head(hidden[0]) / 0.8, dim=-1)
                tokens = torch.multinomial(shares, 1).t()
                made += streams
        return made / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--bfloat16", action="store_true")
    options = parser.parse_args()
    peer = PlainTorch(
        options.text.read_text("utf-8"),
        hidden=options.hidden,
        batch=options.batch,
        window=options.window,
        bfloat16=options.bfloat16,
    )
    print("training", flush=True)
    speed = peer.train(options.seconds)
    print(
        json.dumps(
            {
                "characters_per_second": speed,
                "validation_nats": peer.validation_loss(),
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
