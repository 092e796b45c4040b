"""Recipes of networks that say where each single cell is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from smearprep.errors import RecipeError
from smearprep.models import zoo
from smearprep.models.recipes.base import Stage, TrainingRecipe
from smearprep.models.recipes.distortion import Distortion
from smearprep.models.yolact.design import Design
from smearprep.models.yolact.settings import DetectionLimits, LossWeights


@dataclass(frozen=True)
class InstanceRecipe(TrainingRecipe):
    """The training of a network of the YOLACT family, by stochastic gradient descent with momentum.

    Source: Luo et al. 2023, section 4.1; Bolya et al. 2019 and the code published with it, where that is
    silent.

    Args:
        categories: What is learned; none named: all of the set.
        design: What the network is built from; None: as its name says.
        size: Width and height, px, to which every image is resized.
        epochs: At most so many.
        patience: End after so many validations without a better result; 0: never.
        learning_rate: After the warm-up.
        warm_up: Steps during which the learning rate rises, from a tenth of it.
        drops: Shares of the training after which the learning rate falls to a tenth of what it was.
        momentum: Of the descent.
        weight_decay: Of all weights.
        clip: Largest norm of a gradient; larger ones are shortened to it. 0: none is.
        loss_weights: What each loss is multiplied by.
        distortion: How images are changed at random.
        limits: Which of the network's finds are kept.
    """

    categories: tuple[str, ...] = ()
    design: Design | None = None
    size: int = 550
    epochs: int = 600
    patience: int = 0
    learning_rate: float = 1e-3
    warm_up: int = 500
    drops: tuple[float, ...] = (0.35, 0.75, 0.875, 0.9375)
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip: float = 0.0
    loss_weights: LossWeights = field(default_factory=LossWeights)
    distortion: Distortion = field(default_factory=Distortion)
    limits: DetectionLimits = field(default_factory=DetectionLimits)
    batch: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        zoo.instances(self.network)
        if self.epochs < 1 or min(self.patience, self.warm_up) < 0:
            raise RecipeError(f"{self.where}: epochs must be at least 1, patience and warm_up 0 or more")
        if not 64 <= self.size <= 4096:
            raise RecipeError(f"{self.where}: size {self.size} px must lie between 64 and 4096")
        if not 0 < self.learning_rate < 1 or not 0 <= self.momentum < 1:
            raise RecipeError(f"{self.where}: learning_rate and momentum must lie between 0 and 1")
        if not 0 <= self.weight_decay < 1 or not 0 <= self.clip < float("inf"):
            raise RecipeError(f"{self.where}: weight_decay and clip must be 0 or more")
        if any(not 0 < drop < 1 for drop in self.drops) or list(self.drops) != sorted(self.drops):
            raise RecipeError(f"{self.where}: drops are shares between 0 and 1, in rising order")
        if len(set(self.categories)) < len(self.categories):
            raise RecipeError(f"{self.where}: a category is listed twice")

    @property
    def built(self) -> Design:
        """What the network is built from."""
        return self.design or zoo.instances(self.network).design

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The training is of one piece."""
        return (Stage(self.epochs, self.patience),)

    def lasting(self, epochs: int) -> InstanceRecipe:
        """The same recipe with so many epochs."""
        return replace(self, epochs=epochs)

    def learning(self, category: str) -> InstanceRecipe:
        """The same recipe for one category."""
        return replace(self, categories=(category,))

    def factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied by.

        Args:
            step: Of the training, from 0.
            steps: Of the whole training.
        """
        if step < self.warm_up:
            return 0.1 + 0.9 * step / self.warm_up
        # By whole numbers: 0.35 * 100 is 35 and nothing less
        return float(0.1 ** sum(step >= round(drop * steps) for drop in self.drops))
