"""What a computer has for networks: which device, how many, which precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from smearprep.errors import RecipeError

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "bf16", "float32"]
_FASTEST_FIRST: tuple[Device, ...] = ("cuda", "mps", "cpu")


@dataclass(frozen=True)
class Hardware:
    """Where a network runs.

    Args:
        device: "auto" takes a GPU where there is one.
        devices: How many of them a training uses.
        precision: "bf16" computes convolutions in 16 bits, weights and losses stay in 32; "auto" takes it
            where the processor has it.
        compile: Let torch.compile make the network faster; it takes a minute and a C++ compiler on a CPU.
    """

    device: Device = "auto"
    devices: int = 1
    precision: Precision = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise RecipeError(f"{self.devices} devices: give 1 or more")

    @property
    def kind(self) -> str:
        """The device's kind: "cpu", "cuda" or "mps".

        Raises:
            RecipeError: The device that was asked for is not there.
        """
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        kind = self.device
        if kind == "auto":
            kind = next(name for name in _FASTEST_FIRST if there[name])
        elif not there[kind]:
            raise RecipeError(f"device {kind}: this computer, or this build of torch, has none")
        most = {"cuda": torch.cuda.device_count(), "mps": 1}.get(kind, self.devices)
        if most < self.devices:
            raise RecipeError(f"{self.devices} devices: this computer has {most} of kind {kind}")
        return kind

    @property
    def autocast(self) -> torch.dtype | None:
        """The type in which convolutions are computed, or None for float32."""
        if self.precision == "float32":
            return None
        if self.precision == "bf16":
            return torch.bfloat16
        if self.kind == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
        fast = self.kind == "cpu" and torch.cpu._is_avx512_bf16_supported()
        return torch.bfloat16 if fast else None
