"""What matching and losses cost of a training step of YOLACT-CIS, and what a plain restatement would.

    python -m tests.bench.bench_yolact [--cells N] [--size PX] [--batch N] [--rounds N] [--device D] [--write]

Matching and losses are measured at batch 16. The network is measured at `--batch`, and its time multiplied
up to 16, since 16 images of 550 px ask for hours or a GPU. All jobs take turns in one process; a time is the
least of a job's. The restatement goes image by image and gives each cell its prior one after the other
(`tests/models/yolact/reference.py`); its network multiplies each map by each basis of the attention, and has
its channels first. With `--write`, `results/yolact.*` or `results/yolact_cuda.*` is written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from smearprep.models.hardware import Hardware
from smearprep.models.yolact import YOLACT_CIS
from smearprep.models.yolact.anchors import priors
from smearprep.models.yolact.attention import CosinePooling
from smearprep.models.yolact.losses import instance_losses
from smearprep.models.yolact.matching import match
from smearprep.models.yolact.network import build
from smearprep.models.yolact.outputs import Outputs
from smearprep.models.yolact.truth import Truth
from tests.bench.measuring import store
from tests.models.yolact import reference

BATCH = 16


class PlainPooling(nn.Module):
    """Each component as it is written: a map times a basis of its size, summed.

    Args:
        components: Of Y00, Y01, Y10, Y11.
    """

    def __init__(self, components: Sequence[str]) -> None:
        super().__init__()
        self.components = tuple(components)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, n, C)."""
        height, width = x.shape[2:]
        sums = []
        for name in self.components:
            down, across = self._wave(int(name[1]), height, x), self._wave(int(name[2]), width, x)
            sums.append((x * down[:, None] * across).sum((2, 3)) / (height * width))
        return torch.stack(sums, 1)

    @staticmethod
    def _wave(frequency: int, length: int, like: Tensor) -> Tensor:
        at = torch.arange(length, device=like.device) + 0.5
        return torch.cos(torch.pi * frequency / length * at) * (2**0.5 if frequency else 1)


@dataclass(frozen=True)
class Case:
    """What the jobs work on.

    Args:
        truth: Of as many images as `outputs`.
        outputs: Noise of a network's sizes.
        own: The priors.
    """

    truth: Truth
    outputs: Outputs
    own: Tensor

    def ours(self, outputs: Outputs) -> Tensor:
        """The loss by the package."""
        found = match(self.truth, self.own)
        return instance_losses(outputs, self.truth, found, self.own).total

    def plain(self, outputs: Outputs) -> Tensor:
        """The loss by the restatement."""
        found = reference.match(self.truth, self.own)
        return reference.losses(outputs, self.truth, found, self.own).total


def case(batch: int, cells: int, size: int, device: torch.device) -> Case:
    """Discs of 30 to 150 px of 550 on inputs of `size` px."""
    levels = reference.levels_of(size)
    mask = 2 * levels[0][0]
    here = reference.truth(0, batch, cells, mask=mask, labels=1, side=0.27)
    truth = Truth(*(part.to(device) for part in here))
    noise = reference.outputs(0, batch, levels, mask=mask, labels=1, k=32)
    parts = (part.detach().to(device).requires_grad_() for part in noise[:5] if part is not None)
    return Case(truth, Outputs(*parts, levels), priors(levels, (size, size)).to(device))


def network(plain: bool, device: torch.device) -> nn.Module:
    """YOLACT-CIS in training, of the same weights either way."""
    torch.manual_seed(0)
    built = build(YOLACT_CIS, 1).to(device).train()
    if not plain:
        return built.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
    for attention in built.attentions:
        for parent in list(attention.modules()):
            for name, part in list(parent.named_children()):
                if isinstance(part, CosinePooling):
                    setattr(parent, name, PlainPooling(part.components))
    return built


def losses_alone(loss: Callable[[Outputs], Tensor], outputs: Outputs) -> Callable[[], None]:
    """Loss and its gradient by the outputs."""

    def job() -> None:
        given = [part for part in outputs[:5] if isinstance(part, Tensor)]
        torch.autograd.grad(loss(outputs), given)

    return job


def step(net: nn.Module, images: Tensor, loss: Callable[[Outputs], Tensor]) -> Callable[[], None]:
    """Forward and backward, without the optimizer."""

    def job() -> None:
        net.zero_grad()
        loss(net(images)).backward()

    return job


def forward(net: nn.Module, images: Tensor) -> Callable[[], None]:
    """The outputs alone."""

    def job() -> None:
        with torch.no_grad():
            net(images)

    return job


def measured(jobs: Sequence[Callable[[], None]], device: torch.device, rounds: int) -> list[float]:
    """Least seconds of each, in turns."""
    times: list[list[float]] = [[] for _ in jobs]
    for turn in range(rounds + 1):
        for own, job in zip(times, jobs, strict=True):
            _wait(device)
            begin = time.perf_counter()
            job()
            _wait(device)
            if turn:  # the first one warms up
                own.append(time.perf_counter() - begin)
    return [min(own) for own in times]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _anything(outputs: Outputs) -> Tensor:
    """A loss that costs nothing, to measure the network alone."""
    return torch.stack([part.float().mean() for part in outputs[:5] if isinstance(part, Tensor)]).sum()


def main() -> None:
    """Measure, and store if asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=int, default=20)
    parser.add_argument("--size", type=int, default=550)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    device = torch.device(Hardware(device=arguments.device).kind)
    rows = measured_rows(arguments, device)
    where = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    )
    table: list[dict[str, object]] = [{**row, "device": where} for row in rows]
    if arguments.write:
        store("yolact" if device.type == "cpu" else f"yolact_{device.type}", table)
    for row in [] if arguments.write else table:
        print(row)


def measured_rows(arguments: argparse.Namespace, device: torch.device) -> list[dict[str, object]]:
    """One row a comparison, and the share of a step."""
    full = case(BATCH, arguments.cells, arguments.size, device)
    part = case(arguments.batch, arguments.cells, arguments.size, device)
    difference = float((full.ours(full.outputs) - full.plain(full.outputs)).detach().abs())
    assert difference < 1e-3, f"the two losses differ by {difference}"
    images = torch.randn(
        (arguments.batch, 3, arguments.size, arguments.size), generator=torch.Generator().manual_seed(0)
    ).to(device)
    last, plain = network(False, device), network(True, device)
    ours = images.contiguous(memory_format=torch.channels_last)
    jobs = {
        f"matching, batch {BATCH}": (
            lambda: match(full.truth, full.own),
            lambda: reference.match(full.truth, full.own),
        ),
        f"matching and losses with gradients, batch {BATCH}": (
            losses_alone(full.ours, full.outputs),
            losses_alone(full.plain, full.outputs),
        ),
        f"forward, batch {arguments.batch}": (forward(last, ours), forward(plain, images)),
        f"step, batch {arguments.batch}": (step(last, ours, part.ours), step(plain, images, part.plain)),
        f"step of the network alone, batch {arguments.batch}": (
            step(last, ours, _anything),
            step(plain, images, _anything),
        ),
    }
    seconds = measured([job for pair in jobs.values() for job in pair], device, arguments.rounds)
    rows: list[dict[str, object]] = [
        {
            "what": name,
            "ours, ms": round(1000 * own),
            "plain, ms": round(1000 * other),
            "times": f"{other / own:.2f}",
        }
        for name, own, other in zip(jobs, seconds[::2], seconds[1::2], strict=True)
    ]
    scale = BATCH / arguments.batch
    share = [one / (one + scale * alone) for one, alone in zip(seconds[2:4], seconds[8:10], strict=True)]
    told = f"share of matching and losses in a step of batch {BATCH}, %"
    rows.append({"what": told, "ours, ms": f"{100 * share[0]:.1f}", "plain, ms": f"{100 * share[1]:.1f}"})
    return rows


if __name__ == "__main__":
    main()
