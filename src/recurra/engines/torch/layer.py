"""One recurrent layer in equations, for the cells that no library fuses, and for traces.

The equations are those of `core.spec`; this file writes them with PyTorch's operators and leaves
their derivatives to autograd. It is correct first: a loop over time in Python.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from recurra.core.spec import Cell

LayerState = dict[str, Tensor]
"""h [B, H]; c [B, H]; gates [B, P*H] with full gate recurrence."""

EPSILON = 1e-5  # of layer normalisation, as in torch.nn.LayerNorm


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one layer, named and shaped as in `core.parameters`; None where absent."""

    cell: Cell
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor | None = None
    peephole: Tensor | None = None
    weight_gg: Tensor | None = None
    norm_ih: Tensor | None = None
    norm_hh: Tensor | None = None
    norm_c: Tensor | None = None

    @classmethod
    def of(cls, cell: Cell, weights: dict[str, Tensor], k: int) -> Layer:
        """Gather the weights of layer k out of those of a whole network."""
        names = [name for name in cls.__slots__ if name != "cell"]
        return cls(cell, *(weights.get(f"{name}_l{k}") for name in names))  # type: ignore[arg-type]

    def input_sums(self, product: Tensor) -> Tensor:
        """Return the input's share of the gate sums [T, B, G*H], from the product W x."""
        product = product.to(self.bias_ih.dtype)
        if self.norm_ih is not None:
            product = self.norm_ih * functional.layer_norm(product, product.shape[-1:], eps=EPSILON)
        return product + self.bias_ih

    def step(
        self, sums: Tensor, state: LayerState, mask: Tensor | None = None
    ) -> tuple[LayerState, dict[str, Tensor]]:
        """Advance one time step.

        Args:
            sums: [B, G*H], what `input_sums` gave for this time.
            state: of the step before. Not modified.
            mask: [B, H] of recurrent dropout; multiplies h in the recurrent product only.
        Returns: the new state, and every gate [B, H] after its activation.
        """
        h = state["h"] if mask is None else state["h"] * mask
        recurrent = functional.linear(h, self.weight_hh).to(sums.dtype)
        return (
            self._gru(sums, recurrent, state)
            if self.cell.gru
            else self._lstm(sums, recurrent, state)
        )

    def _gru(
        self, sums: Tensor, recurrent: Tensor, state: LayerState
    ) -> tuple[LayerState, dict[str, Tensor]]:
        x_r, x_z, x_n = sums.chunk(3, dim=-1)
        if self.bias_hh is not None:
            recurrent = recurrent + self.bias_hh
        h_r, h_z, h_n = recurrent.chunk(3, dim=-1)
        r = torch.sigmoid(x_r + h_r)
        z = torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        return {"h": (1 - z) * n + z * state["h"]}, {"r": r, "z": z, "n": n}

    def _lstm(
        self, sums: Tensor, recurrent: Tensor, state: LayerState
    ) -> tuple[LayerState, dict[str, Tensor]]:
        cell, c_prev = self.cell, state["c"]
        if self.norm_hh is not None:
            recurrent = self.norm_hh * functional.layer_norm(
                recurrent, recurrent.shape[-1:], eps=EPSILON
            )
        blocks = (sums + recurrent).chunk(len(cell.gates), dim=-1)
        block = dict(zip(cell.gates, blocks, strict=True))
        if self.weight_gg is not None:
            from_gates = functional.linear(state["gates"], self.weight_gg).to(sums.dtype)
            shares = from_gates.chunk(len(cell.sigmoid_gates), dim=-1)
            for name, share in zip(cell.sigmoid_gates, shares, strict=True):
                block[name] = block[name] + share

        def gate(name: str, c: Tensor) -> Tensor:
            total = block[name]
            if self.peephole is not None:
                total = total + self.peephole[cell.sigmoid_gates.index(name)] * c
            return torch.sigmoid(total)

        gates: dict[str, Tensor] = {}
        for name in ("i", "f"):
            if name in cell.gates:
                gates[name] = gate(name, c_prev)
        g = block["g"] if cell.no_input_activation else torch.tanh(block["g"])
        gates["g"] = g

        written = gates["i"] * g if "i" in gates else g
        if cell.coupled:
            c = (1 - gates["i"]) * c_prev + written
        elif "f" in gates:
            c = gates["f"] * c_prev + written
        else:
            c = c_prev + written

        read = c
        if self.norm_c is not None:
            read = (
                self.norm_c[0] * functional.layer_norm(c, c.shape[-1:], eps=EPSILON)
                + self.norm_c[1]
            )
        if not cell.no_output_activation:
            read = torch.tanh(read)
        if "o" in cell.gates:
            gates["o"] = gate("o", c)
            read = gates["o"] * read
        new = {"h": read, "c": c}
        if cell.full_gate_recurrence:
            kept = [gates[name] for name in cell.sigmoid_gates]
            new["gates"] = torch.cat(kept, dim=-1) if kept else state["gates"]
        return new, gates

    def loop(
        self, product: Tensor, state: LayerState, mask: Tensor | None = None
    ) -> tuple[Tensor, LayerState]:
        """Run over time: W x [T, B, G*H] to h [T, B, H] and the state after the last step."""
        outputs = []
        for sums in self.input_sums(product).unbind(0):
            state, _ = self.step(sums, state, mask)
            outputs.append(state["h"])
        return torch.stack(outputs), state
