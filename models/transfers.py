"""Numbers on their way to the device."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """An array as a tensor on a device.

    A GPU of NVIDIA's takes it when it comes to it: the array is read before this returns, so that it may
    change then. Nothing waits for the steps that the GPU has yet to do, as it would at each copy.
    """
    return torch.from_numpy(array).to(device, non_blocking=device.type == "cuda")
