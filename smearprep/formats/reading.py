"""What every annotation reader is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from smearprep.findings import shown_name


@dataclass(frozen=True)
class ReadOptions:
    """What a reader may need to know beyond the file.

    Args:
        base: Findings name files relative to this folder.
        images: Where the images lie, for formats that store no name or no size.
        classes: Class names by index (YOLO, where no classes.txt or data.yaml lies beside the labels).
        label: What the foreground of a binary mask, or a point, is.
        colours: Label -> (R, G, B) of colour-coded masks.
        threshold: A mask pixel above this grey value is foreground (lossy masks need 127).
        min_area: Label -> smallest region in px that is a cell; smaller ones are specks.
    """

    base: Path | None = None
    images: Path | None = None
    classes: tuple[str, ...] = ()
    label: str = "cell"
    colours: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    threshold: int = 127
    min_area: Mapping[str, int] = field(default_factory=dict)

    def name(self, path: Path) -> str:
        """How findings name a file: relative to `base`, with forward slashes."""
        if self.base is not None and path.is_relative_to(self.base):
            return shown_name(path.relative_to(self.base))
        return shown_name(Path(path.name))
