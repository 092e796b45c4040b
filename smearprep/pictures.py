"""Which image an annotation means: its name and size as outputs have them, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from smearprep.datasets.files import is_image, walk
from smearprep.errors import DataError
from smearprep.findings import Finding, shown_name
from smearprep.formats.reading import stays_inside
from smearprep.images import is_file, probe
from smearprep.records import ImageCells


@dataclass(frozen=True, slots=True)
class Picture:
    """The image of an annotation.

    Args:
        name: Its name relative to the folder of images, or as the annotation has it.
        size: (width, height) in px in the frame of the cells.
        path: Where it lies, or None if it was not looked for.
    """

    name: str
    size: tuple[int, int]
    path: Path | None


class Pictures:
    """Finds the images of annotations.

    Args:
        root: The folder of images; None: an image is looked for beside its annotation file.
        always: Look for every image; else, without a root, only for those whose size is not stated.
    """

    def __init__(self, root: Path | None, always: bool = False) -> None:
        self._root = root
        self._always = always or root is not None
        self._folders: dict[Path, _ImageFolder] = {}

    def find(self, image: ImageCells, file: str) -> Picture | Finding:
        """The picture of an image, or why it is left out.

        Args:
            image: Its `file` is where the annotation lies.
            file: What findings call that.
        """
        name, stated = image.file_name, image.size
        if not stays_inside(name):
            what = f"the image's name {name!r} leads out of its folder; left out"
            return Finding("missing_image", what, file)
        if stated is not None and not self._always:
            return Picture(name, stated, None)
        folder = self._folder(self._root or Path(image.file).parent)
        found = folder.find(name)
        if len(found) != 1:
            what = f"could be {folder.name(found[0])} or {folder.name(found[1])}" if found else "is not there"
            need = "it is needed" if stated else "its size is needed"
            advice = "" if self._root else f"; {need}: name the folder by --images"
            return Finding("missing_image", f"its image {name!r} {what}{advice}; left out", file)
        real_name = folder.name(found[0])
        try:
            header = probe(found[0])
        except DataError as error:
            return Finding("unreadable", f"{error.what}; left out", real_name)
        sizes = header.oriented_size(True), header.size
        if stated is not None and stated not in sizes:
            told = f"states {stated[0]}x{stated[1]} px, {real_name} has {sizes[0][0]}x{sizes[0][1]}"
            return Finding("size_mismatch", f"{told}: its outlines would be misplaced; left out", file)
        return Picture(real_name, stated or sizes[0], found[0])

    def _folder(self, root: Path) -> _ImageFolder:
        if root not in self._folders:
            self._folders[root] = _ImageFolder(root)
        return self._folders[root]


class _ImageFolder:
    """The images below a folder, by name and by stem."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[str, list[Path]] = {}
        for path in walk(root) if root.is_dir() else []:
            if is_image(path):
                for key in {path.name, path.stem}:
                    self._found.setdefault(key, []).append(path)

    def find(self, file_name: str) -> list[Path]:
        """The images that an annotation can mean, the exact path alone if it is there."""
        name = PurePosixPath(file_name.replace("\\", "/"))
        exact = self._root / name
        if is_image(exact) and is_file(exact):
            return [exact]
        return self._found.get(name.name) or self._found.get(name.stem) or []

    def name(self, path: Path) -> str:
        """An image's name relative to the folder, with `/`."""
        return shown_name(path.relative_to(self._root))
