"""Training of a network of the YOLACT family: images on the device, four losses, COCO's AP to validate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from smearprep.images import RGB
from smearprep.models.costs import hollow
from smearprep.models.hardware import Hardware
from smearprep.models.instances.draws import Draw, draw
from smearprep.models.instances.pool import ScenePool
from smearprep.models.instances.scenes import Scene
from smearprep.models.instances.scoring import score_scenes
from smearprep.models.instances.showing import sample_sheet
from smearprep.models.modules import Batches, TrainingModule
from smearprep.models.recipes import InstanceRecipe, spread
from smearprep.models.yolact.anchors import priors
from smearprep.models.yolact.losses import instance_losses
from smearprep.models.yolact.matching import match

_SHOWN = 8  # images of a picture of samples


class SceneBatches:
    """The draws of one epoch, from the seed and the epoch alone: each image once, in random order.

    Args:
        scenes: To draw from.
        recipe: How.
        epoch: From 0.
        steps: Batches an epoch. What does not fill one is left out; too few images for one come again.
    """

    def __init__(self, scenes: Sequence[Scene], recipe: InstanceRecipe, epoch: int, steps: int) -> None:
        self._scenes = scenes
        self._recipe = recipe
        self._epoch = epoch
        self._steps = steps

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[list[Draw]]:
        recipe, scenes = self._recipe, self._scenes
        rng = np.random.default_rng((recipe.seed, self._epoch))
        order = np.resize(rng.permutation(len(scenes)), self._steps * recipe.batch).tolist()
        for first in range(0, len(order), recipe.batch):
            yield [
                draw(n, scenes[n].size, scenes[n].boxes, recipe.distortion, recipe.size, rng)
                for n in order[first : first + recipe.batch]
            ]


class InstanceTraining(TrainingModule):
    """A network of the YOLACT family in training.

    Args:
        network: Of `smearprep.models.yolact.network`.
        recipe: The training.
        categories: What it learns, in the order of its outputs.
        train: Images to learn from.
        val: Images to validate on.
        steps: Batches an epoch.
        hardware: Device and precision.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: InstanceRecipe,
        categories: Sequence[str],
        train: Sequence[Scene],
        val: Sequence[Scene],
        steps: int,
        hardware: Hardware,
    ) -> None:
        super().__init__(network, hardware.compile, recipe.average)
        self._recipe = recipe
        self._categories = tuple(categories)
        self._train_scenes = train
        self._val_scenes = val
        self._steps = steps
        self._hardware = hardware
        self._pool: ScenePool | None = None
        self._priors: Tensor | None = None
        self._map_size = (0, 0)

    def on_fit_start(self) -> None:
        """Put the images on the device, now that it is known which one this process has."""
        size = self._recipe.size
        self._pool = ScenePool(self._train_scenes, self._categories, size, self.device)
        self._map_size, levels = map_sizes(self.network, size)
        self._priors = priors(levels, (size, size)).to(self.device)

    def batches(self) -> Batches:
        """The draws of the current epoch."""
        # By the steps done: when a training goes on, Lightning asks for batches before it counts its epochs.
        epoch = self.trainer.global_step // self._steps
        return SceneBatches(self._train_scenes, self._recipe, epoch, self._steps)

    def batch_loss(self, batch: list[Draw]) -> Tensor:
        """The sum of the four losses."""
        share, rank = len(batch) // self.trainer.world_size, self.trainer.global_rank
        assert self._pool is not None and self._priors is not None
        images, truth = self._pool.batch(batch[rank * share : (rank + 1) * share], self._map_size)
        # Of the step alone, so that a training that goes on asks for the same masks.
        generator = torch.Generator().manual_seed(self.trainer.global_step)
        matches = match(truth, self._priors, generator=generator)
        outputs = self.run_network(images)
        return instance_losses(outputs, truth, matches, self._priors, self._recipe.loss_weights).total

    def batch_name(self, batch: list[Draw]) -> str:
        """The images of a batch."""
        return ", ".join(dict.fromkeys(self._train_scenes[one.image].source for one in batch))

    def configure_optimizers(self) -> Any:
        """Stochastic gradient descent with momentum; a linear warm-up, then steps down."""
        recipe = self._recipe
        optimizer = torch.optim.SGD(
            [parameter for parameter in self.network.parameters() if parameter.requires_grad],
            lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay,
        )  # fmt: skip
        steps = recipe.epochs * self._steps
        schedule = LambdaLR(optimizer, lambda step: recipe.factor(step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        """Shorten a gradient that is too long."""
        if self._recipe.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.clip)

    def validate(self) -> Mapping[str, float]:
        """COCO's AP of boxes and masks on whole validation images; "score" is that of masks."""
        chosen = [self._val_scenes[n] for n in spread(len(self._val_scenes), self._recipe.validation_images)]
        if not chosen:
            return {}
        scores = score_scenes(self.kept, self._recipe, self._categories, chosen, self._hardware)
        return {**{f"val_{name}": value for name, value in scores.items()}, "score": scores["mask_ap"]}

    def picture(self) -> RGB | None:
        """Some validation images (training images without such) with truth and finds."""
        scenes = self._val_scenes or self._train_scenes
        return sample_sheet(
            self.kept, self._recipe, self._categories, [scenes[n] for n in spread(len(scenes), _SHOWN)],
            self._hardware,
        )  # fmt: skip


def map_sizes(network: nn.Module, size: int) -> tuple[tuple[int, int], tuple[tuple[int, int], ...]]:
    """(height, width) of a network's prototypes, and of its levels, for an input of `size` px a side.

    The network says nothing for it: shapes alone pass through a copy without values.
    """
    with torch.no_grad():
        outputs = hollow(network)(torch.empty((1, 3, size, size), device="meta"))
    height, width = outputs.prototypes.shape[-2:]
    return (height, width), outputs.levels
