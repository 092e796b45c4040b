"""The folder of a run: what was trained, on what, how far, and the weights.

RUN/  run.json                              recipe, digest of the data, versions, metrics; no clock
      best.safetensors, last.safetensors    weights
      log.csv, curves.png                   one row a validation
      samples/*.png                         what the network said on validation images
      .state/                               what an interrupted training needs to go on
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smearprep.counting import DEFAULTS, Parameters
from smearprep.errors import DataError, LayoutError, OutputError, RecipeError
from smearprep.images import read_bytes, write_atomic
from smearprep.jsonfiles import dump_json, read_json, write_json
from smearprep.models import zoo
from smearprep.models.recipes import InstanceRecipe, SemanticRecipe, TrainingRecipe, training_from
from smearprep.set_files import package_version

if TYPE_CHECKING:
    from torch import Tensor, nn

RUN_FILE = "run.json"
STATE = ".state"
WEIGHTS = ("best", "last")
_LIBRARIES = ("torch", "lightning", "numpy", "opencv-python-headless", "safetensors")


@dataclass(frozen=True)
class Run:
    """A run folder, read.

    Args:
        folder: Where it lies.
        recipe: What was trained.
        categories: What its outputs show.
        data: Digest of the training data.
        status: "running" (or killed), "interrupted" or "finished".
        record: All of run.json.
    """

    folder: Path
    recipe: TrainingRecipe
    categories: tuple[str, ...]
    data: str
    status: str
    record: Mapping[str, Any]

    @property
    def category(self) -> str:
        """The only category, or the first."""
        return self.categories[0]

    @property
    def counting(self) -> Parameters:
        """The figures by which its cells are counted: the recipe's, else the category's, else the usual."""
        own = self.recipe.counting if isinstance(self.recipe, SemanticRecipe) else None
        return own or DEFAULTS.get(self.category, Parameters())

    @property
    def network(self) -> zoo.NetworkInfo:
        """What was trained."""
        return zoo.get(self.recipe.network)


def is_run(folder: Path) -> bool:
    """True if a training has written to a folder."""
    return (folder / RUN_FILE).is_file()


def read_run(folder: Path) -> Run:
    """Read run.json.

    Raises:
        LayoutError: The folder is no run.
        DataError: run.json is broken, or of a version with other entries.
    """
    path = folder / RUN_FILE
    if not folder.is_dir():
        raise LayoutError(f"{folder}: is not there; give the folder that `smearprep train --run` has written")
    if not is_run(folder):
        raise LayoutError(f"{folder}: is no run of `smearprep train`: it holds no {RUN_FILE}")
    record = read_json(path)
    try:
        entries, categories = record["recipe"], tuple(str(name) for name in record["categories"])
        if not isinstance(entries, dict) or not categories:
            raise TypeError("recipe or categories")
        recipe = training_from(entries, RUN_FILE)
        return Run(folder, recipe, categories, str(record["data"]), str(record["status"]), record)
    except (KeyError, TypeError) as error:
        raise DataError(path, f"is not as `smearprep train` writes it (entry {error}); train again") from None
    except RecipeError as error:
        raise DataError(path, f"has a recipe that cannot be used: {error}") from None


def run_digest(recipe: TrainingRecipe, data: str) -> str:
    """What makes a run that very run: its recipe and its data."""
    return sha256(dump_json([recipe.as_dict(), data])).hexdigest()


def open_run(folder: Path, recipe: TrainingRecipe, data: str, force: bool) -> Run | None:
    """Make a run folder ready for a training.

    Returns:
        What an earlier run of the same recipe and data has left there, or None.

    Raises:
        OutputError: It holds something else (another run only if `force` is not set), or cannot be written.
    """
    try:
        if is_run(folder):
            try:
                earlier = read_run(folder)
                same = run_digest(earlier.recipe, earlier.data) == run_digest(recipe, data)
            except DataError:
                same = False
            if same:
                return earlier
            if not force:
                raise OutputError(
                    f"{folder}: holds a run of another recipe or other data; choose another folder, or "
                    "replace it with --force"
                )
            _clear(folder)
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(f"{folder}: is not empty, and what is in it is no run; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from None
    return None


def _clear(folder: Path) -> None:
    """Remove what a training has written, and nothing else."""
    for name in (STATE, "samples", "evaluation"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (RUN_FILE, "log.csv", "curves.png", *(f"{kind}.safetensors" for kind in WEIGHTS)):
        (folder / name).unlink(missing_ok=True)


def write_run(
    folder: Path,
    recipe: TrainingRecipe,
    categories: Sequence[str],
    data: str,
    status: str,
    results: Mapping[str, Any],
) -> None:
    """Write run.json; `results` are counts and metrics."""
    write_json(
        folder / RUN_FILE,
        {
            "smearprep": package_version("smearprep"),
            "libraries": {
                "python": platform.python_version(),
                **{name: package_version(name) for name in _LIBRARIES},
            },
            "recipe": recipe.as_dict(),
            "categories": list(categories),
            "data": data,
            "status": status,
            **results,
        },
        pretty=True,
    )


# ---------------------------------------------------------------- weights


def save_weights(path: Path, network: nn.Module) -> None:
    """Write a network's weights as safetensors, atomically and the same bytes for the same weights.

    Raises:
        OutputError: It cannot be written.
    """
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_atomic(path, save(tensors))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; nothing is unpickled.

    Raises:
        DataError: Not there, no safetensors file, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return dict(load(read_bytes(path)))
    except (SafetensorError, ValueError, KeyError) as error:
        raise DataError(path, f"is no safetensors file, or is damaged ({error})") from None


def load_weights(path: Path, network: nn.Module, name: str) -> None:
    """Read weights into a network.

    Args:
        path: A safetensors file.
        network: The network; it is left as it was if the file does not fit.
        name: The network's name, for messages.

    Raises:
        DataError: Not there, no safetensors file, damaged, or of another network.
    """
    tensors = read_tensors(path)
    check_fit(tensors, network, path, name)
    network.load_state_dict(tensors)


def check_fit(tensors: Mapping[str, Tensor], network: nn.Module, path: Path, name: str) -> None:
    """Refuse weights that are not those of a network.

    Raises:
        DataError: A tensor is missing, unknown or of another shape.
    """
    wanted = network.state_dict()
    for key, tensor in wanted.items():
        if key not in tensors:
            raise DataError(path, f"holds no weights {key}: it is of another network than {name}")
        if tensors[key].shape != tensor.shape:
            found, due = tuple(tensors[key].shape), tuple(tensor.shape)
            raise DataError(path, f"{key} is {found}, not {due}: it is of another network than {name}")
    unknown = sorted(set(tensors) - set(wanted))
    if unknown:
        raise DataError(path, f"holds weights {unknown[0]}, which {name} does not have")


def load_network(run: Run, weights: str = "best") -> nn.Module:
    """The network of a run, in evaluation mode on the CPU.

    Args:
        run: The run.
        weights: "best" or "last".

    Raises:
        RecipeError: Neither of these.
        DataError: The weights are missing, damaged, or of another network.
    """
    path = weights_file(run, weights)
    network = build_network(run.recipe, run.categories)
    load_weights(path, network, run.network.name)
    return network.eval()


def weights_file(run: Run, weights: str) -> Path:
    """Where the weights of a run lie.

    Raises:
        RecipeError: Neither "best" nor "last" is asked for.
    """
    if weights not in WEIGHTS:
        raise RecipeError(f"weights {weights!r}: choose {' or '.join(WEIGHTS)}")
    path = run.folder / f"{weights}.safetensors"
    if not path.is_file() and weights == "best":
        return run.folder / "last.safetensors"  # of a run without validation
    return path


def build_network(recipe: TrainingRecipe, categories: Sequence[str]) -> nn.Module:
    """The network of a recipe, on the device and from the random numbers that are torch's own."""
    if isinstance(recipe, InstanceRecipe):
        from smearprep.models.yolact.network import build

        return build(recipe.built, len(categories))
    return zoo.semantic(recipe.network).build()


def semantic_recipe(run: Run) -> SemanticRecipe:
    """The recipe of a run whose network has a mask of all cells.

    Raises:
        RecipeError: It outlines single cells.
    """
    if not isinstance(run.recipe, SemanticRecipe):
        raise RecipeError(f"{run.folder}: its network {run.network.name} has no mask of all cells")
    return run.recipe


def instance_recipe(run: Run) -> InstanceRecipe:
    """The recipe of a run whose network tells single cells.

    Raises:
        RecipeError: It says of px whether a cell is there.
    """
    if not isinstance(run.recipe, InstanceRecipe):
        raise RecipeError(f"{run.folder}: its network {run.network.name} tells no single cells")
    return run.recipe


def is_first_process() -> bool:
    """False in the processes that a training on several devices starts beside the first."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0
