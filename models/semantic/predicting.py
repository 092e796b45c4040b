"""What a semantic network says of whole images: planes of probabilities, and the cells made of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from smearprep.augmentation import equalise
from smearprep.counting import Plane, instances, labels_to_cells
from smearprep.images import RGB
from smearprep.models.hardware import Hardware
from smearprep.models.looks import Look
from smearprep.models.runs import Run, load_network, semantic_recipe
from smearprep.models.semantic.whole_image import predict_image
from smearprep.records import Cell


class SemanticPredictor:
    """A semantic network, ready to look at images; see `smearprep.models.looks.Predictor`.

    Args:
        run: What trained it.
        weights: "best" or "last".
        hardware: On what it runs.

    Raises:
        DataError: Its weights are damaged, or of another network.
    """

    is_single = False

    def __init__(self, run: Run, weights: str, hardware: Hardware) -> None:
        self._run, self._hardware = run, hardware
        self._recipe = semantic_recipe(run)
        self._network = load_network(run, weights).to(hardware.kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.has_edge = "edge" in self._recipe.info.heads

    def look(self, image: RGB) -> Look:
        """The heads of the network; cells are regions of the mask less its edges, grown back to the mask."""
        said = predict_image(
            self._network, self._recipe.info, equalise(image) if self._recipe.equalise else image,
            device=torch.device(self._hardware.kind), precision=self._hardware.autocast, as_uint8=True,
        )  # fmt: skip
        planes = dict(zip(self._recipe.info.heads, said, strict=True))
        return Look(planes, lambda: self._cells(planes["mask"], planes.get("edge")))

    def _cells(self, mask: Plane, edge: Plane | None) -> Sequence[Cell]:
        made_by = f"smearprep {self._run.network.name}"
        return labels_to_cells(instances(mask, edge, self._run.counting), mask, self._run.category, made_by)
