"""PyTorch on a CPU, an NVIDIA or an Apple GPU. The only package that imports torch.

`engine` knows devices and precision, `network` keeps the contract of `engines.base`, `stack` runs a
window through all layers (fused library calls where the cell allows), `layer` holds the equations
of every cell, `loss` and `optimiser` are what their names say, `capture` makes a training step one
CUDA graph, `draw` generates.
"""

from __future__ import annotations

from recurra.engines.torch.engine import TorchEngine

__all__ = ["TorchEngine"]
