"""SegNet with one output, and its form with two."""

from __future__ import annotations

from smearprep.models.segnet.network import SegNet

__all__ = ["SegNet"]
