"""Recipes of networks that say of every pixel whether a cell is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from smearprep.augmentation import Augmentation
from smearprep.counting import Parameters
from smearprep.errors import RecipeError
from smearprep.models import zoo
from smearprep.models.recipes.base import Stage, TrainingRecipe

LOSS_NAMES = ("tversky", "focal_tversky", "dice", "bce", "mse")
"""Those of `semantic.losses`, told here without torch."""


@dataclass(frozen=True)
class Phase:
    """A part of a training, with an optimiser of its own.

    Args:
        epochs: At most so many.
        heads: The outputs that are learned; none named: all of the network.
        loss_weights: Of each head, its weight in the loss; one that is not named weighs 1.
        freeze: Outputs whose own layer keeps the weights it has.
        images: "all" that show the category, or only those with "drawn" outlines.
        learning_rate: Of Adam, at the beginning.
        schedule: "constant", or "cosine": down to a hundredth at the end of the phase.
        patience: End after so many validations without a better result; 0: never.
    """

    epochs: int = 100
    heads: tuple[str, ...] = ()
    loss_weights: Mapping[str, float] = field(default_factory=dict)
    freeze: tuple[str, ...] = ()
    images: Literal["all", "drawn"] = "all"
    learning_rate: float = 1e-4
    schedule: Literal["constant", "cosine"] = "constant"
    patience: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 0:
            raise RecipeError(
                f"phase: {self.epochs} epochs, patience {self.patience}: give 1 or more, and 0 or more"
            )
        if not 0 < self.learning_rate < 1:
            raise RecipeError(f"phase: learning_rate {self.learning_rate} must lie between 0 and 1")
        if any(weight < 0 for weight in self.loss_weights.values()):
            raise RecipeError(f"phase: loss_weights {dict(self.loss_weights)} must be 0 or more")


@dataclass(frozen=True)
class SemanticRecipe(TrainingRecipe):
    """The training of a semantic network.

    Args:
        category: What is learned; "" takes the only category of the set.
        phases: One after the other; each begins with the best weights of the one before.
        loss: Of all outputs, or of each by its name: one of `LOSS_NAMES`, or a sum, as "bce + dice".
        chips: Chips an epoch.
        augmentation: How chips are drawn and changed.
        equalise: CLAHE on the lightness of each image, as Overton & Tucker (2020).
        counting: The figures by which cells are counted on what the network says; None: the category's.
    """

    category: str = ""
    phases: tuple[Phase, ...] = (Phase(),)
    loss: str | Mapping[str, str] = "tversky"
    chips: int = 1000
    augmentation: Augmentation = field(default_factory=Augmentation)
    equalise: bool = True
    counting: Parameters | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        zoo.semantic(self.network)
        if not self.phases:
            raise RecipeError(f"{self.where}: it has no phase")
        for phase in self.phases:
            self._check_heads((*phase.heads, *phase.freeze, *phase.loss_weights))
            if not set(self.heads_of(phase)) - {h for h, w in phase.loss_weights.items() if not w}:
                raise RecipeError(f"{self.where}: a phase learns nothing: all its loss_weights are 0")
        if self.chips < self.batch:
            raise RecipeError(
                f"{self.where}: {self.chips} chips an epoch do not fill a batch of {self.batch}"
            )
        self._check_loss()

    def _check_loss(self) -> None:
        for text in [self.loss] if isinstance(self.loss, str) else self.loss.values():
            unknown = [part for part in text.split("+") if part.strip() not in LOSS_NAMES]
            if unknown:
                raise RecipeError(
                    f"{self.where}: loss {text!r}: choose of {', '.join(LOSS_NAMES)}, or a sum of them"
                )
        if not isinstance(self.loss, str):
            self._check_heads(tuple(self.loss))
            missing = [head for head in self.info.heads if head not in self.loss]
            if missing:
                raise RecipeError(f"{self.where}: loss: name that of the output {', '.join(missing)}, too")

    def _check_heads(self, heads: Sequence[str]) -> None:
        known = self.info.heads
        for head in heads:
            if head not in known:
                raise RecipeError(
                    f"{self.where}: network {self.network} has no output {head!r}; it has {', '.join(known)}"
                )

    @property
    def info(self) -> zoo.SemanticNetwork:
        """The network that is trained."""
        return zoo.semantic(self.network)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The phases."""
        return tuple(Stage(phase.epochs, phase.patience) for phase in self.phases)

    def lasting(self, epochs: int) -> SemanticRecipe:
        """The same recipe with so many epochs in every phase."""
        return replace(self, phases=tuple(replace(phase, epochs=epochs) for phase in self.phases))

    def learning(self, category: str) -> SemanticRecipe:
        """The same recipe for another category."""
        return replace(self, category=category)

    def loss_of(self, head: str) -> str:
        """The loss of an output."""
        return self.loss if isinstance(self.loss, str) else self.loss[head]

    def heads_of(self, phase: Phase) -> tuple[str, ...]:
        """The outputs that a phase learns."""
        heads = self.info.heads
        return tuple(head for head in heads if head in phase.heads) if phase.heads else heads
