"""Training recipes: a training written down in YAML, read into frozen dataclasses, checked word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from smearprep.augmentation import Augmentation
from smearprep.counting import Parameters
from smearprep.errors import RecipeError
from smearprep.models import zoo
from smearprep.recipes import check_keys, recipe_text, shipped, validated, yaml_entries

PACKAGE = "smearprep.models"
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
class TrainingRecipe:
    """A whole training of a semantic network: same set and same recipe give the same weights on a CPU.

    Args:
        name: For people.
        network: Its name in the zoo.
        category: What is learned; "" takes the only category of the set.
        description: For people.
        phases: One after the other; each begins with the best weights of the one before.
        loss: Of all outputs, or of each by its name: one of `LOSS_NAMES`, or a sum, as "bce + dice".
        batch: Chips a step, over all devices.
        chips: Chips an epoch.
        augmentation: How chips are drawn and changed.
        equalise: CLAHE on the lightness of each image, as Overton & Tucker (2020).
        validate_every: Epochs from one validation to the next.
        validation_images: At most so many images are looked at in a validation, spread over the subset;
            0: all.
        samples_every: Epochs from one picture of sample predictions to the next; 0: none.
        counting: The figures by which cells are counted on what the network says; None: the category's.
        seed: Of weights and chips.
    """

    name: str
    network: str
    category: str = ""
    description: str = ""
    phases: tuple[Phase, ...] = (Phase(),)
    loss: str | Mapping[str, str] = "tversky"
    batch: int = 8
    chips: int = 1000
    augmentation: Augmentation = field(default_factory=Augmentation)
    equalise: bool = True
    validate_every: int = 1
    validation_images: int = 0
    samples_every: int = 5
    counting: Parameters | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        zoo.get(self.network)
        where = f"training recipe {self.name}"
        if not self.phases:
            raise RecipeError(f"{where}: it has no phase")
        for phase in self.phases:
            self._check_heads((*phase.heads, *phase.freeze, *phase.loss_weights))
            if not set(self.heads_of(phase)) - {h for h, w in phase.loss_weights.items() if not w}:
                raise RecipeError(f"{where}: a phase learns nothing: all its loss_weights are 0")
        if (
            min(self.batch, self.chips, self.validate_every) < 1
            or min(self.samples_every, self.validation_images, self.seed) < 0
        ):
            raise RecipeError(
                f"{where}: batch, chips and validate_every must be at least 1, the others 0 or more"
            )
        if self.chips < self.batch:
            raise RecipeError(f"{where}: {self.chips} chips an epoch do not fill a batch of {self.batch}")
        self._check_loss()

    def _check_loss(self) -> None:
        where = f"training recipe {self.name}"
        for text in [self.loss] if isinstance(self.loss, str) else self.loss.values():
            unknown = [part for part in text.split("+") if part.strip() not in LOSS_NAMES]
            if unknown:
                raise RecipeError(
                    f"{where}: loss {text!r}: choose of {', '.join(LOSS_NAMES)}, or a sum of them"
                )
        if not isinstance(self.loss, str):
            self._check_heads(tuple(self.loss))
            missing = [head for head in zoo.get(self.network).heads if head not in self.loss]
            if missing:
                raise RecipeError(f"{where}: loss: name that of the output {', '.join(missing)}, too")

    def _check_heads(self, heads: Sequence[str]) -> None:
        known = zoo.get(self.network).heads
        for head in heads:
            if head not in known:
                raise RecipeError(
                    f"training recipe {self.name}: network {self.network} has no output {head!r}; it has "
                    f"{', '.join(known)}"
                )

    def loss_of(self, head: str) -> str:
        """The loss of an output."""
        return self.loss if isinstance(self.loss, str) else self.loss[head]

    def heads_of(self, phase: Phase) -> tuple[str, ...]:
        """The outputs that a phase learns."""
        heads = zoo.get(self.network).heads
        return tuple(head for head in heads if head in phase.heads) if phase.heads else heads

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON values, defaults included."""
        return asdict(self)


def shipped_trainings() -> dict[str, str]:
    """The training recipes that come with the package: name -> YAML text, with comments."""
    return shipped(PACKAGE)


def training_text(name_or_file: str) -> str:
    """The YAML text of a shipped training recipe, by name, or of a file.

    Raises:
        RecipeError: No such recipe.
    """
    return recipe_text(name_or_file, PACKAGE)


def load_training(name_or_file: str) -> TrainingRecipe:
    """A shipped training recipe by name, a network by its name with the usual settings, or a YAML file.

    Raises:
        RecipeError: No such recipe, broken YAML, an unknown entry, a value of the wrong kind.
    """
    if name_or_file in zoo.NETWORKS:
        return TrainingRecipe(name_or_file, name_or_file)
    return parse_training(training_text(name_or_file), name_or_file)


def parse_training(text: str, where: str) -> TrainingRecipe:
    """A training recipe from YAML text; `where` is its name in messages.

    Raises:
        RecipeError: As `load_training`.
    """
    return training_from(yaml_entries(text, where), where)


def training_from(data: Mapping[str, Any], where: str) -> TrainingRecipe:
    """A training recipe from plain values, as YAML and run.json have them.

    Raises:
        RecipeError: An unknown entry, a value of the wrong kind.
    """
    check_keys(data, TrainingRecipe, where)
    for name, record in (("augmentation", Augmentation), ("counting", Parameters)):
        if isinstance(data.get(name), Mapping):
            check_keys(data[name], record, f"{where}: {name}")
    phases = data.get("phases", ())
    if not isinstance(phases, Sequence) or isinstance(phases, str):
        raise RecipeError(f"{where}: phases: list them, each as `- epochs: N` and its other entries")
    for n, phase in enumerate(phases):
        if not isinstance(phase, Mapping):
            raise RecipeError(f"{where}: phases[{n}]: write its entries as `entry: value` lines")
        check_keys(phase, Phase, f"{where}: phases[{n}]")
    return validated(TrainingRecipe, data, where)


def changed(
    recipe: TrainingRecipe,
    *,
    epochs: int | None = None,
    **entries: Any,
) -> TrainingRecipe:
    """A recipe with some entries changed; those that are None stay. `epochs` is of every phase.

    Raises:
        RecipeError: A value that cannot be used.
    """
    given = {name: value for name, value in entries.items() if value is not None}
    if epochs is not None:
        given["phases"] = tuple(replace(phase, epochs=epochs) for phase in recipe.phases)
    return replace(recipe, **given)
