"""A network in training, as the engine sees it: what a family of networks brings to a training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, cast

import lightning
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from smearprep.errors import TrainingError
from smearprep.images import RGB

_LOOK_EVERY = 25
"""Steps from one look at the losses to the next on a GPU: each look waits for the device."""


class Batches(Protocol):
    """The batches of an epoch, the same ones each time they are asked for."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...


class TrainingModule(lightning.LightningModule):
    """A network in training.

    Args:
        network: The network; its weights are what the run keeps.
        compiled: Let torch.compile make it faster.
        average: Keep a running mean of the weights, of which each step forgets 1 - average (Polyak and
            Juditsky 1992, exponentially weighted); 0: none.
    """

    def __init__(self, network: nn.Module, compiled: bool = False, average: float = 0.0) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # A part of the module: so checkpoints have it, and a training that goes on has it again.
        self._mean = (
            AveragedModel(
                network,
                multi_avg_fn=get_ema_multi_avg_fn(average),  # type: ignore[no-untyped-call]
                use_buffers=True,
            )
            if average
            else None
        )
        if self._mean is not None:
            self._mean.requires_grad_(False)
        # In a tuple, or torch would take it for a further part of the module, and a checkpoint would fit only
        # with, or only without compiling.
        self._runner = (cast(Callable[[Tensor], Any], torch.compile(network) if compiled else network),)
        self._losses: list[tuple[int, Tensor, str]] = []
        self._summed: Tensor | None = None

    @property
    def run_network(self) -> Callable[[Tensor], Any]:
        """The network as it is trained: compiled, or as it is."""
        return self._runner[0]

    @property
    def kept(self) -> nn.Module:
        """The network that is validated and written: of the running mean of the weights, if there is one."""
        return self.network if self._mean is None else self._mean.module

    @abstractmethod
    def batches(self) -> Batches:
        """The batches of the current epoch."""

    @abstractmethod
    def batch_loss(self, batch: Any) -> Tensor:
        """The loss of a batch, a scalar."""

    @abstractmethod
    def batch_name(self, batch: Any) -> str:
        """What is in a batch, for the message that its loss is no number."""

    @abstractmethod
    def validate(self) -> Mapping[str, float]:
        """Metrics on the validation subset; "score" decides which weights are best. Empty without one."""

    @abstractmethod
    def picture(self) -> RGB | None:
        """What the network now says on some validation images, or None."""

    # ------------------------------------------------ what Lightning calls

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave a batch where it is: the module makes its pixels on the device."""
        return batch

    def on_train_epoch_start(self) -> None:
        """Begin to sum up the losses of an epoch."""
        self._losses, self._summed = [], torch.zeros((), device=self.device)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss of a batch; it is looked at at once on a CPU, every few steps on a GPU.

        Raises:
            TrainingError: It is no number.
        """
        loss = self.batch_loss(batch)
        assert self._summed is not None
        self._summed += loss.detach().float()
        self._losses.append((batch_idx, loss.detach(), self.batch_name(batch)))
        if self.device.type == "cpu" or len(self._losses) >= _LOOK_EVERY:
            self.look_at_losses()
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Take a step's weights into their mean."""
        if self._mean is not None:
            self._mean.update_parameters(self.network)

    def look_at_losses(self) -> None:
        """Stop at a loss that is no number.

        Raises:
            TrainingError: There is one; its batch is named.
        """
        losses, self._losses = self._losses, []
        if not losses:
            return
        finite = torch.isfinite(torch.stack([loss for _, loss, _ in losses]).float()).tolist()
        for (step, loss, name), good in zip(losses, finite, strict=True):
            if not good:
                raise TrainingError(
                    f"the loss became {float(loss)} in epoch {self.current_epoch + 1}, batch {step + 1} "
                    f"({name}). The best weights so far are kept. Try a smaller learning rate, or look at "
                    "these images"
                )

    def mean_loss(self, steps: int) -> float:
        """The mean loss of the epoch."""
        self.look_at_losses()
        assert self._summed is not None
        return float(self._summed) / max(steps, 1)
