"""Which trainings are compared: recipes, or lists of what differs from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from smearprep.errors import RecipeError
from smearprep.models.recipes import TrainingRecipe, changed, load_training, training_from
from smearprep.recipes import check_keys, recipe_text, shipped, validated, yaml_entries

PACKAGE = "smearprep.models.ablation"


@dataclass(frozen=True)
class AblationRow:
    """One training of an ablation.

    Args:
        name: Of its row in the table.
        recipe: The training.
        paper: Published figures, by name.
    """

    name: str
    recipe: TrainingRecipe
    paper: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class _List:
    """A list as people write it: a recipe, and what differs from it row by row."""

    name: str
    recipe: str
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class _Paper:
    paper: Mapping[str, float] = field(default_factory=dict)


def shipped_ablations() -> dict[str, str]:
    """The lists that come with the package: name -> YAML text, with comments."""
    return shipped(PACKAGE)


def load_rows(names_or_files: Sequence[str], **changes: Any) -> tuple[AblationRow, ...]:
    """The trainings that are meant.

    Args:
        names_or_files: Each a list (a shipped one by name, or a YAML file with `rows`), or a training recipe.
        changes: Entries that are changed in all of them, as by `recipes.changed`.

    Raises:
        RecipeError: No such recipe or list, something wrong in it, or two rows of one name.
    """
    rows: list[AblationRow] = []
    for given in names_or_files:
        text = _list_text(given)
        if text is None:
            recipe = load_training(given)
            rows.append(AblationRow(recipe.name, recipe))
        else:
            rows += _rows_of(text, given)
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RecipeError(f"two rows have the name {twice[0]!r}; give them names of their own")
    return tuple(replace(row, recipe=changed(row.recipe, **changes)) for row in rows)


def _list_text(given: str) -> str | None:
    """The text of a list; None if something else is meant."""
    if given in shipped_ablations() and not Path(given).is_file():
        return shipped_ablations()[given]
    if not Path(given).is_file():
        return None
    text = recipe_text(given, PACKAGE)
    return text if "rows" in yaml_entries(text, given) else None


def _rows_of(text: str, where: str) -> list[AblationRow]:
    data = yaml_entries(text, where)
    check_keys(data, _List, where)
    listed = validated(_List, data, where)
    shared = load_training(listed.recipe).as_dict()
    rows = []
    for n, row in enumerate(listed.rows):
        place = f"{where}: rows[{n}]"
        if not isinstance(row.get("name"), str) or not row["name"].strip():
            raise RecipeError(f"{place}: give it a name")
        own = {key: value for key, value in row.items() if key != "paper"}
        paper = validated(_Paper, {"paper": row.get("paper", {})}, place).paper
        rows.append(AblationRow(row["name"], training_from({**shared, **own}, place), paper))
    if not rows:
        raise RecipeError(f"{where}: lists no rows")
    return rows
