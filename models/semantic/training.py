"""Training of a semantic network: chips of images on the device, a loss a head, whole images to validate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from smearprep.augmentation import Augmentation, Centres, Draws, centres_of, draw
from smearprep.images import RGB
from smearprep.labelled import LabelledImage
from smearprep.models.hardware import Hardware
from smearprep.models.modules import Batches, TrainingModule
from smearprep.models.recipes import Phase, SemanticRecipe, spread
from smearprep.models.semantic import losses
from smearprep.models.semantic.pool import ImagePool
from smearprep.models.semantic.scoring import BITS, score_images
from smearprep.models.semantic.showing import sample_sheet


class ChipBatches:
    """The draws of one epoch, from a seed, the phase and the epoch alone.

    Args:
        centres: Where chips may lie.
        augmentation: How they are drawn.
        key: (seed, phase, epoch).
        steps: Batches an epoch.
        batch: Chips a batch.
    """

    def __init__(
        self, centres: Centres, augmentation: Augmentation, key: tuple[int, int, int], steps: int, batch: int
    ) -> None:
        self._centres = centres
        self._augmentation = augmentation
        self._key = key
        self._steps = steps
        self._batch = batch

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[Draws]:
        rng = np.random.default_rng(self._key)
        for _ in range(self._steps):
            yield draw(self._centres, self._augmentation, rng, self._batch)


class SemanticTraining(TrainingModule):
    """A semantic network in one phase of its training.

    Args:
        network: (n, 3, h, w) in [-1, 1] -> logits (n, heads, h', w').
        recipe: The training.
        number: The phase's, from 1.
        train: Images to learn from.
        val: Images to validate on.
        hardware: Device and precision.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: SemanticRecipe,
        number: int,
        train: Sequence[LabelledImage],
        val: Sequence[LabelledImage],
        hardware: Hardware,
    ) -> None:
        super().__init__(network, hardware.compile, recipe.average)
        self._info = info = recipe.info
        self._recipe = recipe
        self._phase: Phase = recipe.phases[number - 1]
        self._number = number
        self._train_images = train
        self._val_images = val
        self._hardware = hardware
        self._heads = recipe.heads_of(self._phase)
        self._centres = centres_of((image.target for image in train), info.output_size)
        self._pool: ImagePool | None = None
        for head in info.heads:
            for parameter in cast(Any, network).heads[head].parameters():
                parameter.requires_grad_(head not in self._phase.freeze and head in self._heads)

    def on_fit_start(self) -> None:
        """Put the images on the device, now that it is known which one this process has."""
        pixels, targets = [i.image for i in self._train_images], [i.target for i in self._train_images]
        info = self._info
        self._pool = ImagePool(pixels, targets, info.input_size, info.output_size, self.device)

    def batches(self) -> Batches:
        """The draws of the current epoch."""
        steps = self._recipe.chips // self._recipe.batch
        # By the steps done: when a training goes on, Lightning asks for batches before it counts its epochs.
        key = (self._recipe.seed, self._number, self.trainer.global_step // steps)
        return ChipBatches(self._centres, self._recipe.augmentation, key, steps, self._recipe.batch)

    def batch_loss(self, batch: Draws) -> Tensor:
        """The weighted sum of the heads' losses on a batch of chips."""
        share, rank = len(batch) // self.trainer.world_size, self.trainer.global_rank
        own = batch.part(rank * share, (rank + 1) * share)  # of this device
        assert self._pool is not None
        images, targets = self._pool.chips(own)  # (n, 3, in, in), (n, out, out)
        logits = self.run_network(images)  # (n, heads, out, out)
        return self.head_losses(logits, targets)

    def head_losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The weighted sum of the heads' losses.

        Args:
            logits: (n, heads, h, w).
            targets: (n, h, w) uint8, bits of `smearprep.targets`.
        """
        own = {}
        for n, head in enumerate(self._info.heads):
            if head in self._heads:
                bit, unknown = BITS[head]
                target = (targets & bit).ne(0)
                known = (targets & unknown).eq(0)
                own[head] = losses.get(self._recipe.loss_of(head))(logits[:, n], target, known)
        return losses.total(own, {head: self._phase.loss_weights.get(head, 1.0) for head in own})

    def batch_name(self, batch: Draws) -> str:
        """The images of a batch."""
        names = dict.fromkeys(self._train_images[i].source for i in batch.image.tolist())
        return ", ".join(names)

    def configure_optimizers(self) -> Any:
        """Adam (Kingma & Ba 2015), with the phase's schedule."""
        trained = [p for p in self.network.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(
            trained, lr=self._phase.learning_rate, fused=self._hardware.kind == "cuda" or None
        )
        if self._phase.schedule == "constant":
            return optimizer
        steps = self._phase.epochs * (self._recipe.chips // self._recipe.batch)

        def factor(step: int) -> float:
            return 0.01 + 0.99 * (1 + float(np.cos(np.pi * min(step / steps, 1)))) / 2

        schedule = {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def validate(self) -> Mapping[str, float]:
        """The metrics of the learned heads on whole validation images; "score" is their mean Dice."""
        most = self._recipe.validation_images
        chosen = [self._val_images[n] for n in spread(len(self._val_images), most)]
        if not chosen:
            return {}
        scores = score_images(self.kept, self._recipe, chosen, self._hardware)
        found = {f"val_{head}_{name}": value for head in self._heads for name, value in scores[head].items()}
        return {**found, "score": float(np.mean([scores[head]["dice"] for head in self._heads]))}

    def picture(self) -> RGB | None:
        """Crops of validation images (training images without such) with truth and prediction."""
        images = self._val_images or self._train_images
        return sample_sheet(self.kept, self._info, images[:4], self._hardware)
