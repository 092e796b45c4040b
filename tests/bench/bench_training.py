"""A training step of each network: what 16 bits and the memory format gain, and whether it waits for chips.

    SMEARPREP_DATA=... python -m tests.bench.bench_training [--networks NAME ...] [--device cuda] [--rounds N]
        [--turn N] [--compile]

Semantic networks on the ten real images with outlines of red cells (those of the YOLACT family:
bench_yolact). All variants of a network take turns in one process; a time is the median of a step's. On a
GPU, `results/training_cuda.*` is written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from smearprep.augmentation import Augmentation, centres_of, draw
from smearprep.models import zoo
from smearprep.models.building import seeded
from smearprep.models.hardware import Hardware
from smearprep.models.semantic import losses
from smearprep.models.semantic.pool import ImagePool
from smearprep.targets import EDGE, MASK
from tests.bench.bench_chips import Field, red_cells
from tests.bench.measuring import raw_data, store

BATCH = 8
NETWORKS = tuple(name for name, info in zoo.NETWORKS.items() if isinstance(info, zoo.SemanticNetwork))
BITS = {"mask": MASK, "edge": EDGE}


@dataclass
class Variant:
    """A way to do a step."""

    name: str
    info: zoo.SemanticNetwork
    precision: torch.dtype | None
    memory: torch.memory_format
    compiled: bool
    chips: Callable[[], tuple[Tensor, Tensor]]

    def prepare(self, device: torch.device) -> Callable[[], None]:
        """The step as a function, on a network of its own."""
        network = seeded(self.info.build, 0).to(device, memory_format=self.memory)  # type: ignore[call-overload]
        run: nn.Module = torch.compile(network) if self.compiled else network  # type: ignore[assignment]
        optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=device.type == "cuda" or None)

        def step() -> None:
            images, targets = self.chips()
            with torch.autocast(device.type, self.precision, enabled=self.precision is not None):
                logits = run(images.contiguous(memory_format=self.memory))
            known = torch.ones_like(targets, dtype=torch.bool)
            loss = sum(
                losses.tversky(logits[:, n], (targets & BITS[head]).ne(0), known)
                for n, head in enumerate(self.info.heads)
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[union-attr]
            optimizer.step()

        return step


def variants(info: zoo.SemanticNetwork, field: Field, device: torch.device, compiled: bool) -> list[Variant]:
    """What is compared: the first is what `train` does, the second the same without making chips."""
    pool = ImagePool(field.images, field.targets, info.input_size, info.output_size, device)
    centres, rng = centres_of(field.targets, info.output_size), np.random.default_rng(0)

    def fresh() -> tuple[Tensor, Tensor]:
        return pool.chips(draw(centres, Augmentation(), rng, BATCH))

    same = fresh()
    wide, last = torch.bfloat16, torch.channels_last
    rows = [
        Variant("as train does it", info, wide, last, False, fresh),
        Variant("the same chips each time", info, wide, last, False, lambda: same),
        Variant("float32", info, None, last, False, lambda: same),
        Variant("channels first", info, wide, torch.contiguous_format, False, lambda: same),
        Variant("float32, channels first", info, None, torch.contiguous_format, False, lambda: same),
    ]
    if compiled:
        rows.append(Variant("compiled", info, wide, last, True, lambda: same))
    return rows


def measured(
    steps: Sequence[Callable[[], None]], device: torch.device, rounds: int, turn: int
) -> list[float]:
    """Median seconds a step of each, in turns of some steps."""
    times: list[list[float]] = [[] for _ in steps]
    for step in steps:
        for _ in range(2):
            step()
    for _ in range(rounds):
        for own, step in zip(times, steps, strict=True):
            _wait(device)
            begin = time.perf_counter()
            for _ in range(turn):
                step()
            _wait(device)
            own.append((time.perf_counter() - begin) / turn)
    return [float(np.median(own)) for own in times]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def rows_of(name: str, rows: Sequence[Variant], seconds: Sequence[float]) -> list[dict[str, object]]:
    """The rows of a network."""
    table: list[dict[str, object]] = [
        {
            "network": name,
            "step of 8 chips": row.name,
            "ms": round(1000 * one, 1),
            "chips/s": round(BATCH / one),
            "times as train does it": round(one / seconds[0], 2),
        }
        for row, one in zip(rows, seconds, strict=True)
    ]
    wait = max(0.0, 1 - seconds[1] / seconds[0])
    share = {"step of 8 chips": "share that waits for chips, %", "ms": round(100 * wait, 1)}
    return [*table, {"network": name, **share}]


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn", type=int, default=5, help="steps that one variant does before the next")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    device = torch.device(Hardware(device=arguments.device).kind)
    field = red_cells(raw_data() / "ALL_IDB1")
    table: list[dict[str, object]] = []
    for name in arguments.networks:
        rows = variants(zoo.semantic(name), field, device, arguments.compile)
        steps = [row.prepare(device) for row in rows]
        table += rows_of(name, rows, measured(steps, device, arguments.rounds, arguments.turn))
    where = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    )
    stored = [{**row, "device": where} for row in table]
    store("training" if device.type == "cpu" else f"training_{device.type}", stored)


if __name__ == "__main__":
    main()
