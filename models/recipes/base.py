"""What every training recipe says, whatever family of networks it trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

from smearprep.errors import RecipeError
from smearprep.models import zoo


@dataclass(frozen=True)
class Stage:
    """How long a part of a training lasts.

    Args:
        epochs: At most so many.
        patience: End after so many validations without a better result; 0: never.
    """

    epochs: int
    patience: int


@dataclass(frozen=True)
class TrainingRecipe(ABC):
    """A whole training: same set and same recipe give the same weights on a CPU.

    Args:
        name: For people.
        network: Its name in the zoo.
        description: For people.
        batch: Images or chips a step, over all devices.
        validate_every: Epochs from one validation to the next.
        validation_images: At most so many images are looked at in a validation, spread over the subset;
            0: all.
        samples_every: Epochs from one picture of sample predictions to the next, drawn at validations;
            0: none.
        average: Keep a running mean of the weights, of which each step forgets 1 - average; 0: none.
        seed: Of weights and of what is random in images.
    """

    name: str
    network: str
    description: str = ""
    batch: int = 8
    validate_every: int = 1
    validation_images: int = 0
    samples_every: int = 5
    average: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        zoo.get(self.network)
        if min(self.batch, self.validate_every) < 1:
            raise RecipeError(f"{self.where}: batch and validate_every must be at least 1")
        if min(self.samples_every, self.validation_images, self.seed) < 0:
            raise RecipeError(f"{self.where}: samples_every, validation_images and seed must be 0 or more")
        if not 0 <= self.average < 1:
            raise RecipeError(f"{self.where}: average {self.average} must be at least 0 and less than 1")

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"training recipe {self.name}"

    @property
    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The parts of the training, one after the other; each begins with the best weights before it."""

    @abstractmethod
    def lasting(self, epochs: int) -> TrainingRecipe:
        """The same recipe with another number of epochs, in each part."""

    @abstractmethod
    def learning(self, category: str) -> TrainingRecipe:
        """The same recipe for one category."""

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON values, defaults included."""
        return asdict(self)


def spread(number: int, most: int) -> list[int]:
    """Places of at most so many of a number of things, spread evenly over them; 0: all."""
    if not most or number <= most:
        return list(range(number))
    return [n * number // most for n in range(most)]
