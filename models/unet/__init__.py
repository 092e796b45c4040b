"""DO-U-Net, its scale-invariant form, and the U-Net with one output."""

from __future__ import annotations

from smearprep.models.unet.network import DOUNet

__all__ = ["DOUNet"]
