"""What every annotation reader is given, and how it takes an image's name and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

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
        annotator: Whose cells are read where several people annotated one image: a name or number as the
            file has it; "all": everybody's, each cell with attribute "annotator"; None: the first one's.
        attribute: The attribute that holds a cell's class, where a tool lets its users name it (VIA); None:
            found by itself.
    """

    base: Path | None = None
    images: Path | None = None
    classes: tuple[str, ...] = ()
    label: str = "cell"
    colours: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    threshold: int = 127
    min_area: Mapping[str, int] = field(default_factory=dict)
    annotator: str | None = None
    attribute: str | None = None

    def name(self, path: Path) -> str:
        """How findings name a file: relative to `base`, with forward slashes."""
        if self.base is not None and path.is_relative_to(self.base):
            return shown_name(path.relative_to(self.base))
        return shown_name(Path(path.name))


def stays_inside(name: Any) -> bool:
    """True if a file name, with slashes of either kind, cannot lead out of the folder it is looked up in."""
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        return False
    path = PureWindowsPath(name)  # knows both separators, and drive letters
    return bool(path.name) and not path.drive and not path.root and ".." not in path.parts


def image_name(stated: Any, path: Path) -> str:
    """An image's name as outputs have it, with `/`.

    Args:
        stated: What an annotation file says. Folders of another computer (from a root, a drive, or up
            through `..`) are dropped.
        path: The annotation file; its stem is taken where no name is stated.
    """
    if not isinstance(stated, str):
        return path.stem
    name = stated.replace("\\", "/").strip() if stays_inside(stated) else PureWindowsPath(stated).name.strip()
    return path.stem if name in ("", ".", "..") or "\0" in name else name


def image_size(width: Any, height: Any) -> tuple[int, int] | None:
    """(width, height) in px as stated, or None where these are no whole numbers from 1 to 2^31."""
    sides = (width, height)
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in sides):
        return None
    if not all(1 <= n <= 2**31 and n == int(n) for n in sides):
        return None
    return int(width), int(height)
