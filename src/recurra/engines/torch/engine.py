"""Where and how the torch engine computes. Importing this module does not import torch."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from recurra.core.parameters import Params
from recurra.core.spec import Spec
from recurra.engines.base import Network, OptimiserOptions
from recurra.engines.memory import keep_freed_memory

if TYPE_CHECKING:
    import torch

    from recurra.engines import EngineOptions


class TorchEngine:
    """Builds networks that run on PyTorch.

    Precision: weights, optimiser and loss are float32 (float64 when asked for). `bfloat16` rounds
    the factors of matrix products, through autocast; `auto` does so where it is known to gain:
    fused cells (LSTM; on CUDA also the GRU) on CUDA, and on CPUs with AVX-512 BF16 or AMX when
    every layer is a multiple of 32 wide. Without it, CUDA products are IEEE float32: TensorFloat-32
    is switched off in cuDNN's recurrent kernels for the whole process, because its 10-bit
    mantissa breaks the bound of 1e-4 that engines promise one another. Generation always runs in
    the precision of the weights.
    """

    name = "torch"

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    def available(self) -> str | None:
        if importlib.util.find_spec("torch") is None:
            return "PyTorch is not installed here; install it with: pip install 'recurra[torch]'."
        import torch

        asked = self.options.device
        if asked == "cuda" and not torch.cuda.is_available():
            return "PyTorch sees no CUDA device here; take device 'cpu' or 'auto'."
        if asked == "mps" and not torch.backends.mps.is_available():
            return "PyTorch sees no Apple GPU here; take device 'cpu' or 'auto'."
        if self.options.precision == "float64" and self._device().type == "mps":
            return "Apple GPUs do not compute in float64; take device 'cpu'."
        return None

    def unsupported(self, spec: Spec) -> str | None:
        if self.options.precision == "int8":
            return "the torch engine computes in float32, bfloat16 or float64, not in int8."
        return None

    def describe(self) -> str:
        import torch

        device = self._device()
        products = self.options.precision
        if products == "auto":
            products = "bfloat16" if _gains_by_bfloat16(device) else "float32"
        if device.type == "cuda":
            where = torch.cuda.get_device_name(device)
        elif device.type == "mps":
            where = "Apple GPU"
        else:
            threads = self.options.threads or torch.get_num_threads()
            where = f"CPU, {threads} thread{'' if threads == 1 else 's'}"
        version = torch.__version__.partition("+")[0]
        return f"torch {version}, {where}, {products} products"

    def build(
        self, spec: Spec, params: Params, optimiser: OptimiserOptions | None = None
    ) -> Network:
        """Return a network on this engine's device, with a copy of `params`.

        Sets, for the whole process, PyTorch's thread count, on CUDA its float32 precision, and on
        a CPU how much freed memory the C library keeps.
        Raises `FormatError` where `params` do not fit `spec`.
        """
        import torch

        from recurra.engines.torch.network import TorchNetwork

        device = self._device()
        if self.options.threads and torch.get_num_threads() != self.options.threads:
            torch.set_num_threads(self.options.threads)
        if device.type == "cpu":
            keep_freed_memory()
        if device.type == "cuda":
            setattr(torch.backends.cudnn.rnn, "fp32_precision", "ieee")  # noqa: B010
        return TorchNetwork(
            spec,
            params,
            optimiser or OptimiserOptions(),
            device=device,
            dtype=np.dtype("float64" if self.options.precision == "float64" else "float32"),
            bfloat16=self._bfloat16(spec, device),
        )

    def _device(self) -> torch.device:
        import torch

        if self.options.device != "auto":
            return torch.device(self.options.device)
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available() and self.options.precision != "float64":
            return torch.device("mps")
        return torch.device("cpu")

    def _bfloat16(self, spec: Spec, device: torch.device) -> bool:
        """Return whether the products of this network are computed in bfloat16."""
        if self.options.precision != "auto":
            return self.options.precision == "bfloat16"
        cell = spec.stack.cell
        if not _gains_by_bfloat16(device):
            return False
        if device.type == "cuda":
            return cell.is_vanilla or cell.gru
        # A Python loop over small products loses more by casting than bfloat16 gives.
        fused = cell.is_vanilla and not spec.stack.recurrent_dropout
        return fused and all(units % 32 == 0 for units in spec.stack.sizes)


def sees_cuda() -> bool:
    """Whether PyTorch sees an NVIDIA GPU."""
    import torch

    return torch.cuda.is_available()


def _gains_by_bfloat16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
