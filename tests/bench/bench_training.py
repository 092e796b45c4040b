"""A training step: how much of it waits for chips, and what 16 bits, the memory format and compiling gain.

    SMEARPREP_DATA=... python -m tests.bench.bench_training [--device cuda] [--rounds N] [--compile]

DO-U-Net on the ten real images with outlines of red cells. All variants take turns in one process; a time is
the median of a step's. On a GPU, `results/training_cuda.*` is written.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from smearprep.augmentation import Augmentation, draw
from smearprep.models.building import seeded
from smearprep.models.hardware import Hardware
from smearprep.models.semantic import losses
from smearprep.models.semantic.pool import ImagePool
from smearprep.models.zoo import semantic
from smearprep.targets import EDGE, MASK
from tests.bench.bench_chips import Field, red_cells
from tests.bench.measuring import store

BATCH, TURN = 8, 5
INFO = semantic("do-unet")


@dataclass
class Variant:
    """A way to do a step."""

    name: str
    precision: torch.dtype | None
    memory: torch.memory_format
    compiled: bool
    chips: Callable[[], tuple[Tensor, Tensor]]

    def prepare(self, device: torch.device) -> Callable[[], None]:
        """The step as a function, on a network of its own."""
        network = seeded(INFO.build, 0).to(device, memory_format=self.memory)  # type: ignore[call-overload]
        run: nn.Module = torch.compile(network) if self.compiled else network  # type: ignore[assignment]
        optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=device.type == "cuda" or None)

        def step() -> None:
            images, targets = self.chips()
            with torch.autocast(device.type, self.precision, enabled=self.precision is not None):
                logits = run(images.contiguous(memory_format=self.memory))
            known = torch.ones_like(targets, dtype=torch.bool)
            loss = sum(
                losses.tversky(logits[:, n], (targets & bit).ne(0), known)
                for n, bit in enumerate((MASK, EDGE))
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[union-attr]
            optimizer.step()

        return step


def variants(field: Field, device: torch.device, compiled: bool) -> list[Variant]:
    """What is compared: the first is what `train` does, the second the same without making chips."""
    pool = ImagePool(field.images, field.targets, INFO.input_size, INFO.output_size, device)
    rng = np.random.default_rng(0)

    def fresh() -> tuple[Tensor, Tensor]:
        return pool.chips(draw(field.centres, Augmentation(), rng, BATCH))

    same = fresh()
    wide, last = torch.bfloat16, torch.channels_last
    rows = [
        Variant("as train does it", wide, last, False, fresh),
        Variant("the same chips each time", wide, last, False, lambda: same),
        Variant("float32", None, last, False, lambda: same),
        Variant("channels first", wide, torch.contiguous_format, False, lambda: same),
    ]
    if compiled:
        rows.append(Variant("compiled", wide, last, True, lambda: same))
    return rows


def measured(steps: Sequence[Callable[[], None]], device: torch.device, rounds: int) -> list[float]:
    """Median seconds a step of each, in turns of some steps."""
    times: list[list[float]] = [[] for _ in steps]
    for step in steps:
        for _ in range(2):
            step()
    for _ in range(rounds):
        for own, step in zip(times, steps, strict=True):
            _wait(device)
            begin = time.perf_counter()
            for _ in range(TURN):
                step()
            _wait(device)
            own.append((time.perf_counter() - begin) / TURN)
    return [float(np.median(own)) for own in times]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    device = torch.device(Hardware(device=arguments.device).kind)
    field = red_cells(Path(os.environ["SMEARPREP_DATA"]).resolve() / "ALL_IDB1")
    rows = variants(field, device, arguments.compile)
    seconds = measured([row.prepare(device) for row in rows], device, arguments.rounds)
    name = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    )
    table: list[dict[str, object]] = [
        {
            "step of 8 chips": row.name,
            "ms": round(1000 * one, 1),
            "chips/s": round(BATCH / one),
            "times as train does it": round(one / seconds[0], 2),
            "device": name,
        }
        for row, one in zip(rows, seconds, strict=True)
    ]
    wait = max(0.0, 1 - seconds[1] / seconds[0])
    table.append(
        {"step of 8 chips": "share that waits for chips, %", "ms": round(100 * wait, 1), "device": name}
    )
    store("training" if device.type == "cpu" else f"training_{device.type}", table)


if __name__ == "__main__":
    main()
